"""Sliced Wasserstein: the sorted formula, SciPy, translations in closed form, and the directions."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.metrics import sliced, sliced_wasserstein
from minigan.random import Generator

LINE = np.ones((1, 1))


def normal(shape, seed=0):
    return Generator(seed).normal(shape, np.float64)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_on_a_line_it_is_the_sorted_formula(p):
    a, b = normal((50, 1)), 2 * normal((50, 1), 1) + 1
    expected = np.mean(abs(np.sort(a, axis=0) - np.sort(b, axis=0)) ** p) ** (1 / p)
    assert sliced.distance(a, b, LINE, p) == pytest.approx(expected, rel=1e-12)
    assert sliced_wasserstein(a, b[:25], Generator(0), p=p, projections=3).name == f"sliced_w{p}"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(1, 30), m=st.integers(1, 30), seed=st.integers(0, 1000))
def test_unequal_sizes_against_scipy_and_against_repetition(n, m, seed):
    a, b = normal((n, 1), seed), normal((m, 1), seed + 1) + 0.5
    expected = scipy.stats.wasserstein_distance(a[:, 0], b[:, 0])
    assert sliced.distance(a, b, LINE, 1) == pytest.approx(expected, rel=1e-10)
    repeated = np.repeat(a, m, axis=0), np.repeat(b, n, axis=0)
    assert sliced.distance(a, b, LINE, 2) == pytest.approx(sliced.distance(*repeated, LINE, 2), rel=1e-10)


def test_a_translation_has_a_closed_form():
    """SW_2^2 of x and x + v is the mean of (v . axis)^2, whose expectation is |v|^2 / d."""
    a, v = normal((40, 5)), np.array([3.0, 0, 4, 0, 0])
    axes = sliced.directions(4000, 5, Generator(1))
    found = sliced.distance(a, a[::-1] + v, axes, 2) ** 2
    assert found == pytest.approx(np.mean((axes @ v) ** 2), rel=1e-12)
    assert abs(found - 5) < 4 * np.std((axes @ v) ** 2) / math.sqrt(4000)


def test_directions_are_unit_vectors_uniform_on_the_sphere():
    axes = sliced.directions(20_000, 3, Generator(0))
    assert np.linalg.norm(axes, axis=1) == pytest.approx(np.ones(20_000))
    # Archimedes: each coordinate is uniform on [-1, 1]
    assert scipy.stats.kstest(axes[:, 0], "uniform", (-1, 2)).pvalue > 1e-4
    assert abs(axes.T @ axes / 20_000 - np.eye(3) / 3).max() < 4 * 0.3 / math.sqrt(20_000)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(d=st.integers(1, 6), seed=st.integers(0, 1000), p=st.sampled_from([1, 2]), scale=st.floats(0.01, 100))
def test_motions_scale_order_and_sides(d, seed, p, scale):
    a, b, shift = normal((20, d), seed), normal((15, d), seed + 1), normal(d, seed + 2)
    turn, axes = np.linalg.qr(normal((d, d), seed + 3))[0], sliced.directions(7, d, Generator(seed))
    before = sliced.distance(a, b, axes, p)
    assert sliced.distance(b, a, axes, p) == pytest.approx(before)
    moved = scale * (a[::-1] @ turn + shift), scale * (b[::-1] @ turn + shift)
    assert sliced.distance(*moved, axes @ turn, p) == pytest.approx(scale * before)
    assert sliced.distance(a, a[::-1], axes, p) == pytest.approx(0, abs=1e-12)


def test_p_below_one_is_no_distance():
    with pytest.raises(ValueError, match=r"p must be at least 1, got 0\.5"):
        sliced_wasserstein(normal((20, 2)), normal((10, 2)), Generator(0), p=0.5)
