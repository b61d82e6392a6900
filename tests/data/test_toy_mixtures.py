"""The toy distributions: modes exactly where they are published, and samples distributed as they should be.

Samplers are judged by z-scores: a statistic's distance from its known mean, in units of its known deviation.
"""

import dataclasses
import math

import numpy as np
import pytest

from minigan.data import Mixture, SwissRoll, eight_gaussians, grid, ring, swissroll, twentyfive_gaussians
from minigan.random import Generator

N = 100_000
LIMIT = 4.5  # standard deviations; a right sampler passes it once in 150,000 statistics
ROOT = math.sqrt(0.5)
CIRCLE = [(1, 0), (ROOT, ROOT), (0, 1), (-ROOT, ROOT), (-1, 0), (-ROOT, -ROOT), (0, -1), (ROOT, -ROOT)]
SQUARE = [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
MIXTURES = [ring, grid, eight_gaussians, twentyfive_gaussians]


def nearest(points, modes):
    """The index of the nearest mode, and the distance in each coordinate."""
    which = ((points[:, None] - modes) ** 2).sum(axis=2).argmin(axis=1)
    return which, points - modes[which]


def z_of_normal(values):
    """How far mean, variance and fourth moment of what should be N(0, 1) are off."""
    x = np.asarray(values, np.float64).ravel()
    moments = [(x.mean(), 0, 1), ((x**2).mean(), 1, 2), ((x**4).mean(), 3, 96)]
    return [abs(found - mean) * math.sqrt(len(x) / variance) for found, mean, variance in moments]


# --- what is published -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "modes", "sigma", "scale"),
    [
        (ring, np.array(CIRCLE), 0.01, 0.707),
        (grid, np.array(SQUARE), 0.05, 2.83),
        (eight_gaussians, 2 * np.array(CIRCLE), 0.02, 1.414),
        (twentyfive_gaussians, np.array(SQUARE), 0.05, 2.828),
    ],
)
def test_modes_are_exactly_where_they_are_published(make, modes, sigma, scale):
    mixture = make()
    assert mixture.modes.shape == modes.shape
    assert np.abs(mixture.modes - modes).max() < 1e-15
    assert len({tuple(mode) for mode in mixture.modes.round(9).tolist()}) == len(modes)  # 8 and 25, none double
    assert (mixture.sigma, mixture.scale) == (sigma, scale)


@pytest.mark.parametrize("make", [*MIXTURES, swissroll])
def test_divided_by_its_scale_each_coordinate_has_a_deviation_of_about_one(make):
    toy = make()
    spread = toy.sample(N, Generator(1)).std(axis=0) / toy.scale
    assert np.abs(spread - 1).max() < (0.15 if make is swissroll else 0.01)


# --- what is drawn -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MIXTURES)
@pytest.mark.parametrize("seed", [1, 2])
def test_samples_of_a_mixture_are_distributed_as_they_should_be(make, seed):
    mixture = make()
    points = mixture.sample(N, Generator(seed))
    assert points.dtype == np.float32
    assert points.shape == (N, 2)
    which, offset = nearest(points.astype(np.float64), mixture.modes)
    p = 1 / len(mixture.modes)
    counts = np.bincount(which, minlength=len(mixture.modes))
    assert np.abs((counts - N * p) / math.sqrt(N * p * (1 - p))).max() < LIMIT
    noise = offset / mixture.sigma
    assert max(z_of_normal(noise[:, 0]) + z_of_normal(noise[:, 1])) < LIMIT
    assert abs((noise[:, 0] * noise[:, 1]).mean()) * math.sqrt(N) < LIMIT  # round, not tilted
    quality, hq = ((noise**2).sum(axis=1) <= 9).mean(), 1 - math.exp(-4.5)  # .98889, the floor of the protocol
    assert abs(quality - hq) * math.sqrt(N / (hq * (1 - hq))) < LIMIT


def test_every_mode_has_its_own_full_width():
    mixture = ring()
    which, offset = nearest(mixture.sample(N, Generator(3)).astype(np.float64), mixture.modes)
    for mode in range(8):
        assert max(z_of_normal(offset[which == mode] / mixture.sigma)) < LIMIT


def test_a_swiss_roll_without_noise_is_the_spiral():
    points = SwissRoll(noise=1e-9).sample(N, Generator(4)).astype(np.float64)
    t = np.hypot(*points.T)
    assert 1.5 * math.pi - 1e-5 < t.min() < 1.5 * math.pi + 0.01
    assert 4.5 * math.pi - 0.01 < t.max() < 4.5 * math.pi + 1e-5
    assert np.abs(points - np.stack([t * np.cos(t), t * np.sin(t)], axis=1)).max() < 1e-4
    u = (t / (1.5 * math.pi) - 1) / 2
    assert abs(u.mean() - 1 / 2) * math.sqrt(12 * N) < LIMIT
    assert abs((u**2).mean() - 1 / 3) * math.sqrt(N * 45 / 4) < LIMIT
    assert abs((u**4).mean() - 1 / 5) * math.sqrt(N * 225 / 16) < LIMIT


def test_a_swiss_roll_has_the_noise_it_says():
    noise = swissroll().sample(N, Generator(5)) - SwissRoll(noise=1e-9).sample(N, Generator(5))
    noise = noise.astype(np.float64) / 0.25
    assert max(z_of_normal(noise[:, 0]) + z_of_normal(noise[:, 1])) < LIMIT
    assert abs((noise[:, 0] * noise[:, 1]).mean()) * math.sqrt(N) < LIMIT


@pytest.mark.parametrize("make", [*MIXTURES, swissroll])
def test_samples_are_fixed_by_the_generator(make):
    rng = Generator(7)
    first, second = make().sample(50, rng), make().sample(50, rng)
    assert np.array_equal(first, make().sample(50, Generator(7)))
    assert not np.array_equal(first, second)
    assert make().sample(0, rng).shape == (0, 2)


# --- the type ----------------------------------------------------------------------------------------------


def test_a_mixture_is_frozen_and_keeps_its_own_modes():
    modes = np.zeros((3, 2))
    mixture = Mixture(modes, 0.1)
    modes[:] = 9
    assert mixture.modes.tolist() == [[0, 0]] * 3
    assert mixture.scale == 1
    with pytest.raises(ValueError, match="read-only"):
        mixture.modes[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        mixture.sigma = 1
    assert Mixture([[1, 2]], 1).modes.dtype == np.float64


@pytest.mark.parametrize("modes", [np.zeros(2), np.zeros((3, 3)), np.zeros((0, 2)), [[np.nan, 0]], [[np.inf, 0]]])
def test_modes_that_are_none(modes):
    with pytest.raises(ValueError, match=r"modes must be finite numbers of shape \(K, 2\)"):
        Mixture(modes, 1)


@pytest.mark.parametrize("bad", [0, -1, math.inf, math.nan])
def test_widths_that_are_none(bad):
    for make in (
        lambda: Mixture([[0, 0]], bad),
        lambda: Mixture([[0, 0]], 1, bad),
        lambda: SwissRoll(noise=bad),
        lambda: SwissRoll(scale=bad),
    ):
        with pytest.raises(ValueError, match="must be a positive number"):
            make()
