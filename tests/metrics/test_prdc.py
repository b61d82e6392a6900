"""Precision, recall, density, coverage: the reference algorithm, exact expectations, and the published self-test."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.metrics import distances, precision_recall
from minigan.metrics.prdc import prdc
from minigan.random import Generator


def normal(shape, seed=0):
    return Generator(seed).normal(shape, np.float64)


def reference(real, samples, k):
    """As in the public code of Naeem et al., all distances at once."""

    def distance(a, b):
        return np.linalg.norm(a[:, None] - b, axis=-1)

    real_radius = np.sort(distance(real, real), axis=1)[:, k]  # the 0-th is the point itself
    radius = np.sort(distance(samples, samples), axis=1)[:, k]
    between = distance(real, samples)
    return {
        "precision": (between < real_radius[:, None]).any(axis=0).mean(),
        "recall": (between < radius[None, :]).any(axis=1).mean(),
        "density": (between < real_radius[:, None]).sum(axis=0).mean() / k,
        "coverage": (between.min(axis=1) < real_radius).mean(),
    }


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(7, 40), m=st.integers(7, 40), d=st.integers(1, 6), k=st.integers(1, 5), seed=st.integers(0, 999),
    block=st.sampled_from([1, 50, 1 << 22]), shift=st.floats(0, 2),
)  # fmt: skip
def test_the_blocked_algorithm_is_the_published_one(n, m, d, k, seed, block, shift):
    real, samples = normal((n, d), seed), normal((m, d), seed + 1) + shift
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "BLOCK", block)
        assert prdc(real, samples, k) == pytest.approx(reference(real, samples, k), abs=1e-12)


def test_coverage_and_density_of_equal_distributions_have_exact_expectations():
    """Naeem et al. 2020, section 3.3: coverage 1 - (N-1)...(N-k) / (2N-1)...(2N-k), density 1, in any space."""
    n, k = 60, 5
    values = [prdc(normal((n, 10), 2 * s), normal((n, 10), 2 * s + 1), k) for s in range(200)]
    expected = {"coverage": 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1)), "density": 1}
    for name, mean in expected.items():
        found = np.array([v[name] for v in values])
        assert abs(found.mean() - mean) < 4 * found.std(ddof=1) / math.sqrt(len(found)), name


def check_self_test(n, d, expected, deviations):
    found = prdc(normal((n, d), 1), normal((n, d), 2))
    for (name, value), mean, deviation in zip(found.items(), expected, deviations, strict=True):
        assert abs(value - mean) < 4 * deviation, (name, found)


@pytest.mark.slow
def test_the_published_self_test():
    """N(0, I), N = 10,000, d = 1,000, k = 5: .4772 / .4705 / 1.0555 / .9735, one draw without a seed.

    The deviations are sqrt(2) times those of our own draws; density and coverage have means of 1 and .9688 (above).
    """
    check_self_test(10_000, 1000, (0.4772, 0.4705, 1.0555, 0.9735), (0.024, 0.007, 0.09, 0.011))


def test_the_self_test_in_small():
    """At N = 1,000, d = 100, against mean and deviation over 300 draws of NumPy's generator."""
    check_self_test(1000, 100, (0.6949, 0.6943, 1.0, 0.9688), (0.0205, 0.0217, 0.092, 0.0099))


def test_by_hand():
    """On a line, k = 1: balls of radius 1 around 0 and 1, of radius 9 around 10."""
    real = np.array([[0.0], [1], [10]])
    assert prdc(real, np.array([[-0.5], [-0.4], [30]]), 1) == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "density": 2 / 3, "coverage": 1 / 3}
    )
    assert prdc(real, real, 1) == {"precision": 1, "recall": 1, "density": 2, "coverage": 1}


def test_what_each_sees():
    x, y = normal((900, 8)), normal((300, 8), 1)
    collapsed = precision_recall(x, 0.02 * y + x[0] / np.linalg.norm(x[0]), Generator(0))
    assert collapsed["precision"].value == 1
    assert collapsed["recall"].value < 0.1
    assert collapsed["coverage"].value < 0.2
    noisy = precision_recall(x, 2 * y, Generator(0))
    assert noisy["precision"].value < 0.3
    assert noisy["recall"].value > 0.95
    assert noisy["density"].value < 0.2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(d=st.integers(1, 8), seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_motions_scale_and_order(d, seed, scale):
    a, b, shift = normal((30, d), seed), normal((25, d), seed + 1), 10 * normal(d, seed + 2)
    turn = np.linalg.qr(normal((d, d), seed + 3))[0]
    moved = prdc(scale * (a[::-1] @ turn + shift), scale * (b[::-1] @ turn + shift))
    assert moved == pytest.approx(prdc(a, b), abs=1e-12)


def test_k_needs_as_many_neighbours():
    with pytest.raises(ValueError, match="k must be from 1 to 5, the number of other points, got 6"):
        prdc(normal((6, 2)), normal((9, 2)), 6)
    with pytest.raises(ValueError, match="samples holds 11 samples, expected at least 12"):
        precision_recall(normal((40, 2)), normal((11, 2)), Generator(0), k=5)
