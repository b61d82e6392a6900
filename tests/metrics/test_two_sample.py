"""Nearest-neighbour tests: exact expectations, brute force, and copies found whatever their quality."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.metrics import birthday_test, distances, memorisation, nearest_neighbour_test, two_sample
from minigan.random import Generator


def normal(shape, seed=0):
    return Generator(seed).normal(shape, np.float64)


def z_score(values, expected):
    values = np.asarray(values, float)
    return (values.mean() - expected) / (values.std(ddof=1) / math.sqrt(len(values)))


# --- 1-NN --------------------------------------------------------------------------------------------------


def nn_by_loops(real, samples):
    pool, hits = [*real, *samples], []
    for i, x in enumerate(pool):
        j = min((j for j in range(len(pool)) if j != i), key=lambda j: np.sum((pool[j] - x) ** 2))
        hits.append((i < len(real)) == (j < len(real)))
    n = len(real)
    return {
        "nn_accuracy": np.mean(hits), "nn_accuracy_real": np.mean(hits[:n]), "nn_accuracy_samples": np.mean(hits[n:])
    }  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True)
@given(n=st.integers(2, 20), m=st.integers(2, 20), d=st.integers(1, 5), seed=st.integers(0, 999))
def test_nn_accuracy_is_the_loop(n, m, d, seed):
    a, b = normal((n, d), seed), normal((m, d), seed + 1) + 0.5
    for block in (1, 1 << 22):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distances, "BLOCK", block)
            assert two_sample.nn_accuracy(a, b) == pytest.approx(nn_by_loops(a, b))


def test_nn_accuracy_of_equal_distributions_is_half_less_oneself():
    """(n - 1) / (2n - 1) exactly: of the other 2n - 1 points, n - 1 are of one's own kind."""
    n = 15
    found = [two_sample.nn_accuracy(normal((n, 3), 2 * s), normal((n, 3), 2 * s + 1)) for s in range(500)]
    for name in found[0]:
        assert abs(z_score([f[name] for f in found], (n - 1) / (2 * n - 1))) < 4


def test_nn_accuracy_at_its_extremes():
    real = normal((100, 4))
    assert nearest_neighbour_test(real, normal((50, 4), 1) + 50, Generator(0))["nn_accuracy"].value == 1
    assert two_sample.nn_accuracy(real, real + 1e-9)["nn_accuracy"] == 0
    huddled = nearest_neighbour_test(real, 0.01 * normal((50, 4), 1), Generator(0))
    assert huddled["nn_accuracy_samples"].value > 0.9


# --- birthday ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 30, 1 << 22])
@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
def test_near_pairs_by_brute_force(monkeypatch, block, rate):
    monkeypatch.setattr(distances, "BLOCK", block)
    a, b = normal((25, 3)), normal((31, 3), 1)

    def pairs(x):
        return np.sort([np.sum((x[i] - x[j]) ** 2) for i in range(len(x)) for j in range(i)])

    limit = pairs(a)[max(round(rate * 300), 1) - 1]
    expected = np.mean(pairs(b) <= limit * (1 + 1e-12))
    assert two_sample.near_pair_rate(a, b, rate) == pytest.approx(expected)


def test_a_generator_of_few_images_repeats_itself():
    """n (n - 1) / 2S pairs for S images, on top of the expected ones."""
    real, supply, n, size = normal((1000, 6)), normal((200, 6), 1), 300, 200
    values = [
        birthday_test(real, supply[Generator(s).integers(0, size, n)], Generator(s), draws=1, halves=2).value
        for s in range(30)
    ]
    expected = n * (n - 1) / (2 * size)
    assert np.mean(values) == pytest.approx(expected + 20, rel=0.15)
    m = birthday_test(real, supply[Generator(99).integers(0, size, n)], Generator(0))
    assert m.floor == pytest.approx(20, abs=8)
    assert m.value > m.floor_range[1] + 3 * m.standard_error


def test_the_birthday_floor_is_what_was_expected():
    values = [
        birthday_test(normal((200, 4), s), normal((100, 4), 10**6 + s), Generator(s), draws=1, halves=2).value
        for s in range(150)
    ]
    assert np.mean(values) == pytest.approx(20, rel=0.2)
    with pytest.raises(ValueError, match="expected must be from 1 to a quarter of the 4,950 pairs"):
        birthday_test(normal((200, 4)), normal((100, 4)), Generator(0), expected=0)


# --- memorisation ------------------------------------------------------------------------------------------


SAMPLERS = {
    "perfect": lambda s: normal((100, 5), s),
    "noisy": lambda s: 3 * normal((100, 5), s),
    "far": lambda s: normal((100, 5), s) + 4,
    "collapsed": lambda s: 0.1 * normal((100, 5), s) + normal(5, s + 1),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_z_is_standard_for_whatever_did_not_copy(name):
    """Mean 0 and deviation 1, even where all samples share one neighbour; a binomial z would reach 10 there."""
    z = [
        two_sample.copying_z(normal((80, 5), 4 * s), normal((80, 5), 4 * s + 1), SAMPLERS[name](4 * s + 2))
        for s in range(600)
    ]
    assert abs(z_score(z, 0)) < 4
    assert np.std(z) == pytest.approx(1, abs=3 / math.sqrt(1200))


def test_z_is_that_of_reshuffling():
    train, unseen = normal((60, 4)), normal((60, 4), 1)
    samples = np.concatenate([normal((80, 4), 2), train[:20] + 0.01])
    pool, shares, rng = np.concatenate([train, unseen]), [], Generator(0)
    for _ in range(400):
        order = rng.permutation(120)
        shares.append(two_sample.copying(pool[order[:60]], pool[order[60:]], samples)["nearer_to_train"])
    share = two_sample.copying(train, unseen, samples)["nearer_to_train"]
    assert two_sample.copying_z(train, unseen, samples) == pytest.approx((share - 0.5) / np.std(shares), rel=0.15)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_copies_are_found_noise_and_all(noise):
    train, unseen = normal((200, 10)), normal((300, 10), 1)
    samples = train[Generator(2).integers(0, 200, 150)] + noise * normal((150, 10), 3)
    m = memorisation(train, unseen, samples, Generator(4))
    assert m["nearer_to_train"].value > 0.9
    assert m["nearer_to_train"].floor == pytest.approx(0.5, abs=0.04)
    assert m["train_distance_ratio"].floor == pytest.approx(0.5, abs=0.04)
    assert m["train_distance_ratio"].value < 0.4
    assert (m["train_distance_ratio"].value == 0) == (noise == 0)
    assert float(m["nearer_to_train"].note.split("z = ")[1].split(",")[0]) > 7


def test_as_many_of_each_real_set_are_used():
    m = memorisation(normal((90, 3)), normal((40, 3), 1), normal((30, 3), 2), Generator(0))["nearer_to_train"]
    assert "40 training and 40 unseen" in m.note
    assert abs(m.value - m.floor) < 0.3  # all 90 against 40 would favour training: .69


def test_ties_go_to_neither():
    x = normal((40, 3))
    assert two_sample.copying(x, x, normal((20, 3), 1)) == {"nearer_to_train": 0.5, "train_distance_ratio": 0.5}
    assert two_sample.copying(x, x, x) == {"nearer_to_train": 0.5, "train_distance_ratio": 0.5}
    assert two_sample.copying_z(x, x, x) == 0
