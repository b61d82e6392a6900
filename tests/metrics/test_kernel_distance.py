"""KID and MMD against loops, and no bias: by z-score over many draws."""

import math
from itertools import product

import numpy as np
import pytest

from minigan.metrics import kernel, kid, mmd
from minigan.random import Generator


def normal(shape, seed=0):
    return Generator(seed).normal(shape, np.float64)


def cubic(x, y):
    return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3


def gaussian(x, y):
    return math.exp(-sum((p - q) ** 2 for p, q in zip(x, y, strict=True)) / (2 * 1.5**2))


def by_loops(x, y, k):
    def within(z):
        return sum(k(z[i], z[j]) for i, j in product(range(len(z)), repeat=2) if i != j) / (len(z) * (len(z) - 1))

    return within(x) + within(y) - 2 * sum(k(p, q) for p, q in product(x, y)) / (len(x) * len(y))


@pytest.mark.parametrize(("fast", "slow"), [(kernel.polynomial(), cubic), (kernel.rbf(1.5), gaussian)])
@pytest.mark.parametrize("block", [1, 7, 100, 1 << 22])
def test_mmd_is_the_loop_over_all_pairs(monkeypatch, fast, slow, block):
    monkeypatch.setattr(kernel, "BLOCK", block)
    monkeypatch.setattr("minigan.metrics.distances.BLOCK", block)
    x, y = normal((9, 4)), 2 * normal((13, 4), 1) + 1
    assert kernel.mmd2(x, y, fast) == pytest.approx(by_loops(x, y, slow), rel=1e-12)


def test_float32_features_are_summed_in_double_precision():
    x, y = (normal((50, 8), s).astype(np.float32) for s in (0, 1))
    assert kernel.mmd2(x, y, kernel.polynomial()) == kernel.mmd2(x.astype(float), y.astype(float), kernel.polynomial())


def z_score(values):
    return np.mean(values) / (np.std(values, ddof=1) / math.sqrt(len(values)))


@pytest.mark.parametrize("k", [kernel.polynomial(), kernel.rbf(2.0)])
def test_no_bias_between_equal_distributions(k):
    """At any n, even 10; with the pairs of a point with itself the same test fails."""
    pairs = [(normal((10, 3), 2 * s), normal((10, 3), 2 * s + 1)) for s in range(400)]
    assert abs(z_score([kernel.mmd2(a, b, k) for a, b in pairs])) < 4
    biased = [k(a, a).mean() + k(b, b).mean() - 2 * k(a, b).mean() for a, b in pairs]
    assert z_score(biased) > 20


def test_no_bias_between_different_distributions():
    """E KID of N(0, 1) and N(m, 1) in one dimension: 6 m^2 + 6 m^4 + m^6 (Isserlis, by hand), here m = 1/2.

    E k(x, x') = 1 + 3 E(xx')^2 = 4; E k(y, y') = 1 + 3 m^2 + 3 (1 + m^2)^2 + (3m + m^3)^2; E k(x, y) = 1 + 3 (1 + m^2).
    """
    m = 0.5
    expected = 4 + (1 + 3 * m**2 + 3 * (1 + m**2) ** 2 + (3 * m + m**3) ** 2) - 2 * (1 + 3 * (1 + m**2))
    values = [
        kernel.mmd2(normal((20, 1), 2 * s), normal((20, 1), 2 * s + 1) + m, kernel.polynomial()) for s in range(600)
    ]
    assert abs(z_score(np.array(values) - expected)) < 4


def test_the_floor_is_zero_and_a_shift_is_seen():
    real = normal((600, 5))
    for metric in (kid, mmd):
        same, other = (metric(real, normal((200, 5), 1) + s, Generator(0)) for s in (0, 0.8))
        assert abs(same.floor) < 0.2 * other.value
        assert same.floor_range[0] - same.standard_error < same.value < same.floor_range[1] + same.standard_error
        assert other.value > other.floor_range[1] + 4 * other.standard_error


def test_mmd_sees_what_three_moments_do_not():
    """Signs, and N(0, 1) with an equal third moment: the Gaussian kernel tells them apart, at the same first three."""
    signs = np.where(normal((400, 1), 1) > 0, 1.0, -1.0)
    real = normal((1000, 1))
    assert mmd(real, signs, Generator(0)).value > 20 * abs(mmd(real, normal((400, 1), 2), Generator(0)).value)
    assert kid(real, signs, Generator(0)).value < 0.3


def test_blocks_are_means_with_their_error():
    x, y, k = normal((400, 3)), normal((400, 3), 1) + 1, kernel.polynomial()
    values = [kernel.mmd2(x[i : i + 40], y[i : i + 40], k) for i in range(0, 400, 40)]
    assert kernel.block_mmd2(x, y, k, 40) == pytest.approx((np.mean(values), np.std(values, ddof=1) / math.sqrt(10)))
    # away from 0, the error by halves is the error by blocks
    error = kid(np.concatenate([x, normal((400, 3), 2)]), y, Generator(0), draws=1, halves=60).standard_error
    blocks = kernel.block_mmd2(x, y, k, 20)[1]
    assert 0.5 < error / blocks < 2
    with pytest.raises(ValueError, match="size must be at least 2 and give two blocks"):
        kernel.block_mmd2(x, y, k, 201)


def test_the_default_bandwidth_is_the_median_distance():
    x = np.array([[0.0], [1], [3]])
    assert kernel.median_distance(x) == 2
    assert "Gaussian kernel of 0.9" in mmd(normal((800, 1)), normal((40, 1), 1), Generator(0), draws=1, halves=2).note
    with pytest.raises(ValueError, match=r"bandwidth must be positive and finite, got 0\.0; are all samples equal"):
        mmd(np.ones((40, 2)), np.ones((10, 2)), Generator(0))
