"""How every metric gets its floor and its standard error: right for a mean, honest for all, equal for equal seeds."""

import dataclasses
import math
import types

import numpy as np
import pytest

from minigan import metrics
from minigan.metrics import Measurement, measure
from minigan.random import Generator


def points(n, seed=0, d=3, shift=0.0):
    return Generator(seed).normal((n, d), np.float64) + shift


def mean(x):
    return {"mean": x.mean()}


def test_a_measurement_prints_as_one_line_with_all_that_it_takes_to_read_it():
    m = Measurement("kl", 0.00529, 0.0048, 0.001, 2500, "25 modes", (0.0028, 0.0072))
    assert str(m) == "kl 0.00529 +- 0.001, floor 0.0048 [0.0028, 0.0072], n = 2,500  (25 modes)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        m.value = 0


def test_floor_and_error_of_a_mean_are_the_textbook_ones():
    x = points(1000)[:, :1]
    m = measure(mean, (x,), lambda r: (5 + r.normal((1000, 1), np.float64),), Generator(1), draws=400, halves=400)[
        "mean"
    ]
    assert m.value == x.mean()
    assert m.n == 1000
    assert m.standard_error == pytest.approx(x.std() / math.sqrt(1000), rel=4 / math.sqrt(800))
    assert abs(m.floor - 5) < 4 / math.sqrt(1000 * 400)
    low, high = ((q - 5) * math.sqrt(1000) for q in m.floor_range)
    assert (low, high) == (pytest.approx(-1.645, abs=0.4), pytest.approx(1.645, abs=0.4))


def test_floor_and_error_have_streams_of_their_own():
    def measured(draws, halves):
        return measure(mean, (points(50),), lambda r: (r.normal((50, 3)),), Generator(1), draws=draws, halves=halves)[
            "mean"
        ]

    assert measured(3, 5).standard_error == measured(9, 5).standard_error
    assert measured(3, 5).floor == measured(3, 9).floor


def test_an_infinite_value_has_no_error():
    m = measure(lambda x: {"kl": math.inf}, (points(8),), lambda r: (points(8),), Generator(0), draws=2, halves=2)["kl"]
    assert math.isnan(m.standard_error)


def test_references_and_floors_are_disjoint_sets_of_n_real_samples():
    real, samples, seen = np.arange(21.0)[:, None], points(10, d=1), []

    def statistic(a, b):
        seen.append((a, b))
        return {"x": 0.0}

    metrics.measure_against_real(statistic, real, samples, Generator(0), draws=4, halves=2)
    (reference, given), *others = seen[:5]
    assert given is samples
    assert len(set(reference[:, 0])) == 10
    for a, b in others:
        assert (len(a), len(b)) == (10, 10)
        assert len({*a[:, 0], *b[:, 0]}) == 20
    assert len({tuple(a[:, 0]) for a, _ in others}) == 4
    assert [(len(a), len(b)) for a, b in seen[5:]] == [(5, 5)] * 2


def test_a_floor_needs_twice_as_many_real_samples():
    match = "real holds 19 samples, expected at least twice the 10 of samples.*; give at most 9"
    with pytest.raises(ValueError, match=match):
        metrics.sliced_wasserstein(points(19), points(10), Generator(0))


def several(real, samples, n, rng, **options):
    sets = samples.reshape(-1, n, *samples.shape[1:])
    return metrics.mean_over_sets(lambda x: metrics.nearest_neighbour_test(real, x, rng, **options), sets)


def test_a_mean_over_sets_is_that_of_each_and_one_set_is_itself():
    real, samples = points(200), points(60, 1, shift=0.3)
    rng = Generator(2)
    found = several(real, samples, 20, rng)["nn_accuracy"]
    rng = Generator(2)
    each = [metrics.nearest_neighbour_test(real, x, rng)["nn_accuracy"] for x in samples.reshape(3, 20, 3)]
    assert found.value == pytest.approx(np.mean([m.value for m in each]))
    assert found.floor == pytest.approx(np.mean([m.floor for m in each]))
    assert (found.n, found.note) == (60, each[0].note + "; mean over 3 sets of 20")
    assert several(real, samples[:20], 20, Generator(2)) == metrics.nearest_neighbour_test(
        real, samples[:20], Generator(2)
    )


@pytest.mark.parametrize("size", [80, 400], ids=["real data in short supply", "real data in plenty"])
def test_the_standard_error_of_a_mean_over_sets_is_the_deviation_over_repetitions(size):
    """Of new real data and new samples, though all sets share the real data."""
    runs = [
        several(points(size, 2 * s), points(240, 2 * s + 1, shift=0.6), 40, Generator(s), draws=1, halves=8)
        for s in range(60)
    ]
    for key in runs[0]:
        deviation = np.std([run[key].value for run in runs], ddof=1)
        claimed = math.sqrt(np.mean([run[key].standard_error ** 2 for run in runs]))
        assert 0.6 < claimed / deviation < 1.7, (key, claimed, deviation)


def test_a_mean_that_holds_an_infinite_value_has_no_error():
    one = Measurement("kl", math.inf, 0.1, math.nan, 5)
    (found,) = metrics.mean_over_sets(lambda x: {"kl": one}, [0, 1]).values()
    assert (found.value, math.isnan(found.standard_error)) == (math.inf, True)


# --- every metric ------------------------------------------------------------------------------------------

TWO_SAMPLE = {
    "frechet": metrics.frechet_distance,
    "kid": metrics.kid,
    "mmd": metrics.mmd,
    "sliced": metrics.sliced_wasserstein,
    "prdc": metrics.precision_recall,
    "nearest": metrics.nearest_neighbour_test,
    "birthday": metrics.birthday_test,
    "memorisation": lambda real, x, rng, **o: metrics.memorisation(real[::2], real[1::2], x, rng, **o),
}


def measured(name, *args, **options):
    result = TWO_SAMPLE[name](*args, **options)
    return result if isinstance(result, dict) else {result.name: result}


@pytest.mark.parametrize("name", TWO_SAMPLE)
def test_equal_seeds_give_equal_numbers_and_others_do_not(name):
    real, samples = points(80, 1), points(40, 2, shift=0.3)
    first, again, other = (measured(name, real, samples, Generator(s), draws=3, halves=4) for s in (5, 5, 6))
    assert first == again
    assert first != other
    for key, m in first.items():
        assert (m.name, m.n) == (key, 40)
        assert all(type(v) is float for v in (m.value, m.floor, m.standard_error, *m.floor_range))
        assert m.floor_range[0] <= m.floor <= m.floor_range[1] or len(set(m.floor_range)) == 1


@pytest.mark.parametrize("name", ["frechet", "kid", "mmd", "sliced", "prdc", "nearest"])
def test_the_standard_error_is_the_deviation_over_repetitions(name):
    """Of new real data and new samples, away from the floor: the ratio of the two is near 1."""
    runs = [
        measured(name, points(200, 2 * s), points(100, 2 * s + 1, shift=0.6), Generator(s), draws=1, halves=12)
        for s in range(40)
    ]
    for key in runs[0]:
        deviation = np.std([run[key].value for run in runs], ddof=1)
        claimed = math.sqrt(np.mean([run[key].standard_error ** 2 for run in runs]))
        assert 0.6 < claimed / deviation < 1.7, (key, claimed, deviation)


@pytest.mark.parametrize("name", TWO_SAMPLE)
def test_real_data_score_the_floor(name):
    """The value of real data, over repetitions, has the floor's mean: neither side is favoured."""
    runs = [measured(name, points(120, s), points(60, 1000 + s), Generator(s), draws=2, halves=2) for s in range(60)]
    for key in runs[0]:
        gaps = np.array([run[key].value - run[key].floor for run in runs])
        assert abs(gaps.mean()) < 4 * gaps.std(ddof=1) / math.sqrt(len(gaps)), key


def test_a_listing_shows_public_names_only():
    assert dir(metrics) == sorted(metrics.__all__)
    for name in metrics.__all__:
        listed = getattr(metrics, name)
        if isinstance(listed, types.ModuleType):
            assert dir(listed) == sorted(listed.__all__)
            assert all(hasattr(listed, public) for public in listed.__all__)


@pytest.mark.parametrize(
    "metric", [metrics.frechet_distance, metrics.mmd, metrics.sliced_wasserstein, metrics.nearest_neighbour_test]
)
def test_a_seed_stands_for_its_generator(metric):
    real, samples = points(40), points(20, seed=1)
    assert metric(real, samples, 3) == metric(real, samples, Generator(3))
    with pytest.raises(TypeError, match=r"rng must be a minigan.random.Generator, .* got numpy's Generator"):
        metric(real, samples, np.random.default_rng(3))
