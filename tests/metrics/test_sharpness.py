"""Sharpness against exactly known numbers, and against what it must and must not react to."""

import math

import numpy as np
import pytest

from minigan import data, metrics
from minigan.metrics.sharpness import laplacian_variance, sharpness
from minigan.random import Generator


def noise(n=400, side=12, channels=1, seed=0):
    return Generator(seed).normal((n, side, side, channels), np.float64)


def blurred(x):
    """Means over 2 x 2 pixels, every other one shared."""
    return (x[:, :-1, :-1] + x[:, :-1, 1:] + x[:, 1:, :-1] + x[:, 1:, 1:]) / 4


def test_by_hand():
    point = np.zeros((1, 5, 5, 1))
    point[0, 2, 2] = 1  # the Laplacian of the nine inner pixels: -4, four times 1, four times 0
    assert laplacian_variance(point)[0] == pytest.approx(20 / 9)
    rows, columns = np.indices((6, 7))
    checks = (1.0 - 2 * ((rows + columns) % 2))[None, ..., None]
    assert laplacian_variance(checks)[0] == pytest.approx(64)
    ramp = (3 * rows - 2 * columns + 5.0)[None, ..., None]
    assert laplacian_variance(ramp)[0] == pytest.approx(0, abs=1e-24)


def test_white_noise_has_twenty_times_its_variance():
    """16 + 4 squares of the kernel's weights, less the variance of the mean of L: its sum telescopes to the border.

    Over the m x m inner pixels that sum is (outer ring - inner ring) of each side: 2 x 4 m values, of which the four
    corners of the inner ring count twice: variance 4 m + 4 (m - 2) + 4 * 4.
    """
    side, m = 12, 10
    values = laplacian_variance(0.5 * noise(4000, side))
    expected = 0.25 * (20 - (4 * m + 4 * (m - 2) + 16) / m**4)
    assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(4000)


def test_channels_and_images_are_averaged_and_scale_is_squared():
    x = noise(5, channels=3)
    parts = [laplacian_variance(x[..., [c]]) for c in range(3)]
    np.testing.assert_allclose(laplacian_variance(x), np.mean(parts, axis=0), rtol=1e-13)
    np.testing.assert_allclose(laplacian_variance(3 * x + 7), 9 * laplacian_variance(x), rtol=1e-12)


def test_real_digits_lie_on_the_floor_and_blurred_ones_below():
    digits = data.scale(data.load("mnist-10k").images[:1200])
    real, unseen = digits[:800], digits[800:]
    same = sharpness(real, unseen, Generator(0))
    assert abs(same.value - same.floor) < 4 * math.hypot(same.standard_error, same.standard_error)
    blurry = sharpness(real[:, 1:, 1:], blurred(unseen), Generator(0))
    assert blurry.value < 0.7 * blurry.floor - 4 * blurry.standard_error
    assert (same.name, same.n) == ("sharpness", 400)


def test_the_standard_error_is_that_of_the_mean():
    x = noise(400)
    found = metrics.sharpness(x, x, Generator(1), halves=400).standard_error
    assert found == pytest.approx(laplacian_variance(x).std(ddof=1) / math.sqrt(400), rel=0.15)


@pytest.mark.parametrize(
    ("real", "samples", "message"),
    [
        (noise(8), noise(8)[:, :2], "samples has shape .* 24 features"),
        (noise(8, side=2), noise(8, side=2), r"sides of at least 3, got shape \(8, 2, 2, 1\)"),
        (noise(8)[..., 0], noise(8)[..., 0], r"must be \(N, H, W, C\)"),
        (noise(8), np.full((8, 12, 12, 1), np.nan), "samples must be finite"),
        (noise(8), np.zeros((8, 12, 12, 1), np.uint8), "scale both alike"),
        (noise(8), noise(3), "samples holds 3 samples, expected at least 4"),
    ],
)
def test_what_it_refuses(real, samples, message):
    with pytest.raises(ValueError, match=message):
        sharpness(real, samples, Generator(0))
