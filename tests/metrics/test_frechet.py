"""The Frechet distance against closed forms, SciPy's matrix root, published floors, and its own bias."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan import data
from minigan.metrics import frechet, frechet_distance
from minigan.random import Generator


def normal(shape, seed=0):
    return Generator(seed).normal(shape, np.float64)


def covariance(d, seed):
    root = normal((d, d), seed)
    return root @ root.T


def reference(mean1, cov1, mean2, cov2):
    root = scipy.linalg.sqrtm(cov1 @ cov2)
    return np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2 - 2 * root).real


def test_gaussians_with_common_axes_have_a_closed_form():
    """|m1 - m2|^2 + sum (s1 - s2)^2, in any common basis."""
    basis = np.linalg.qr(normal((6, 6)))[0]
    s1, s2 = np.array([3.0, 2, 1, 0.5, 0.1, 0]), np.array([1.0, 2, 4, 0, 0.2, 0])
    m1, m2 = normal(6, 1), normal(6, 2)
    found = frechet.between_gaussians(m1, basis * s1**2 @ basis.T, m2, basis * s2**2 @ basis.T)
    expected = np.sum((m1 - m2) ** 2) + np.sum((s1 - s2) ** 2)
    assert found == pytest.approx(expected, rel=1e-7)  # sqrt(eps): roots of what should be 0


@settings(max_examples=30, deadline=None, derandomize=True)
@given(d=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_symmetrised_root_is_scipys(d, seed):
    gaussians = normal(d, seed), covariance(d, seed + 1), normal(d, seed + 2), covariance(d, seed + 3)
    expected = reference(*gaussians)
    assert frechet.between_gaussians(*gaussians) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_sets_are_compared_by_mean_and_unbiased_covariance():
    a, b = normal((50, 4)), 2 * normal((70, 4), 1) + 1
    expected = reference(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet.distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet.distance(a, a[::-1] + [3, 0, 4, 0]) == pytest.approx(25, rel=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(d=st.integers(1, 8), seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_motions_scale_order_and_sides(d, seed, scale):
    a, b, shift = normal((30, d), seed), normal((40, d), seed + 1) + 1, normal(d, seed + 2)
    turn = np.linalg.qr(normal((d, d), seed + 3))[0]
    before = frechet.distance(a, b)
    assert frechet.distance(b, a) == pytest.approx(before)
    assert frechet.distance(a[::-1] @ turn + shift, b @ turn + shift) == pytest.approx(before)
    assert frechet.distance(scale * a, scale * b) == pytest.approx(scale**2 * before)


def test_the_bias_falls_as_one_over_n():
    """Chapter 14: the slope of log E d^2 in log n, for equal distributions, is -1."""
    sizes = np.array([50, 100, 200, 400, 800, 1600])
    means = [
        np.mean([frechet.distance(normal((n, 5), 100 * n + s), normal((n, 5), -s - 1 + 10**6)) for s in range(60)])
        for n in sizes
    ]
    slope = np.polyfit(np.log(sizes), np.log(means), 1)[0]
    assert slope == pytest.approx(-1, abs=0.08)


def test_the_floor_has_the_bias_of_the_value():
    """A perfect generator at n = 100 is far from 0, and at its floor."""
    m = frechet_distance(normal((4000, 10)), normal((100, 10), 1), Generator(0), draws=20)
    assert m.value > 0.2
    assert m.floor_range[0] < m.value < m.floor_range[1]
    assert "biased" in m.note


@pytest.mark.parametrize(
    ("n", "published", "deviation"), [(900, 1.185, 0.073), (2000, 0.508, 0.038), (5000, 0.196, 0.0125)]
)
def test_mnist_floors_in_64_principal_components(n, published, deviation):
    """PROTOCOLS: MNIST test, real against real.  Pixels in [0, 1]; axes fitted to all 10,000; two random disjoint sets.

    The published numbers are single draws; `deviation` is that of one draw.
    """
    pixels = _mnist()
    m = frechet_distance(pixels, pixels[:n], Generator(n), space=64, draws=12, halves=2)
    assert abs(m.floor - published) < 4 * deviation * math.sqrt(1 + 1 / 12)
    assert (m.floor_range[1] - m.floor_range[0]) / 3.29 == pytest.approx(deviation, rel=0.7)


def _mnist():
    return data.load("mnist-10k").images.reshape(10_000, -1) / np.float32(255)


@pytest.mark.parametrize(
    ("n", "published", "deviation"), [(900, 0.059, 0.0084), (2000, 0.028, 0.0028), (5000, 0.011, 0.0016)]
)
def test_digits_floors_in_pixels(n, published, deviation):
    """PROTOCOLS: 8x8 digits.  Of 1,797 images such n can only be drawn with repetition, as done here, pixels in [0, 1].

    That gives .070 / .031 / .013; the published numbers, single draws, lie 1.1 to 1.3 deviations below.
    """
    pixels, rng = data.load("digits-8x8").images.reshape(1797, -1) / 255, Generator(n)
    found = [frechet.distance(*(pixels[rng.integers(0, 1797, n)] for _ in "ab")) for _ in range(16)]
    assert abs(np.mean(found) - published) < 3 * deviation


def test_pca_keeps_what_varies_most():
    x = normal((500, 5)) * [1, 5, 0.1, 3, 0.2] @ np.linalg.qr(normal((5, 5), 1))[0] + 7
    low = frechet.pca(x, 2)(x)
    assert low.shape == (500, 2)
    assert low.mean(0) == pytest.approx(np.zeros(2), abs=1e-12)
    assert np.cov(low.T) == pytest.approx(np.diag(np.linalg.eigvalsh(np.cov(x.T))[:-3:-1]), abs=1e-9)
    every = frechet.pca(x, 5)
    assert frechet.distance(every(x[:200]), every(x[200:])) == pytest.approx(frechet.distance(x[:200], x[200:]))


def test_spaces():
    real, samples = normal((60, 6)), normal((20, 6), 1)
    by_function = frechet_distance(real, samples, Generator(0), space=lambda x: x[:, :2])
    assert by_function.value == frechet_distance(real[:, :2], samples[:, :2], Generator(0)).value
    images = frechet_distance(real.reshape(60, 3, 2, 1), samples.reshape(20, 3, 2, 1), Generator(0))
    assert images == frechet_distance(real, samples, Generator(0))


def test_fewer_samples_than_dimensions_are_refused():
    """Error 26 of PROTOCOLS."""
    real, samples = normal((60, 30)), normal((30, 30), 1)
    with pytest.raises(ValueError, match=r"30 samples in 30 dimensions .* singular covariance; expected at least 31"):
        frechet_distance(real, samples, Generator(0))
    assert frechet_distance(real, samples, Generator(0), rank_deficient=True).value > 0
    assert frechet_distance(real, samples, Generator(0), space=5).value > 0
    with pytest.raises(ValueError, match="from 1 to the 30 dimensions, got 31"):
        frechet_distance(real, samples, Generator(0), space=31)
