"""Modes of mixtures: the floors of the published protocol, hand-made samplers, and what each number sees."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.metrics import mixture, modes
from minigan.random import Generator

TURNS = 2 * np.pi * np.arange(8) / 8
RING = np.stack([np.cos(TURNS), np.sin(TURNS)], axis=1)
GRID = np.stack(np.meshgrid([-4.0, -2, 0, 2, 4], [-4.0, -2, 0, 2, 4]), axis=-1).reshape(-1, 2)
PROTOCOLS = {"ring": (RING, 0.01), "grid": (GRID, 0.05)}


def perfect(name, n=2500, seed=0):
    return mixture.draw(n, *PROTOCOLS[name], Generator(seed))


@pytest.mark.parametrize(
    ("name", "count", "kl", "kl_high"), [("ring", 8, 0.0014, 0.0029), ("grid", 25, 0.0048, 0.0072)]
)
def test_the_perfect_sampler_has_the_published_floor(name, count, kl, kl_high):
    """PROTOCOLS: 8 / 98.89 (+-.21) / .0014 (q95 .0029) and 25 / 98.89 / .0048 (q95 .0072), N = 2,500."""
    m = modes(perfect(name), *PROTOCOLS[name], Generator(1), draws=800)
    assert (m["modes"].value, m["modes"].floor) == (count, count)
    assert m["high_quality"].floor == pytest.approx(1 - math.exp(-4.5), abs=4 * 0.0021 / math.sqrt(800))
    low, high = m["high_quality"].floor_range
    assert (high - low) / 2 == pytest.approx(1.645 * 0.0021, rel=0.15)
    assert m["high_quality"].standard_error == pytest.approx(0.0021, rel=0.5)
    assert m["reverse_kl"].floor == pytest.approx(kl, abs=0.0002)
    assert m["reverse_kl"].floor == pytest.approx((count - 1) / (2 * 2500 * 0.9889), rel=0.08)
    assert m["off_mode_kl"].floor == pytest.approx(count / 5000, rel=0.08)
    assert m["reverse_kl"].floor_range[1] == pytest.approx(kl_high, rel=0.12)
    assert 0.85 < m["width_min"].floor < 1 < m["width_max"].floor < 1.15


def test_a_perfect_sampler_has_widths_of_one():
    values = mixture.mode_statistics(perfect("ring", 400_000), RING, 0.01)
    assert values["width_min"] == pytest.approx(1, abs=0.012)  # 4 / sqrt(4 * 50,000), and the smallest of 8
    assert values["width_max"] == pytest.approx(1, abs=0.012)


def test_numbers_by_hand():
    centres = np.array([[0.0, 0], [10, 0], [0, 10]])
    samples = np.array([[0, 0], [1, 0], [3, 0], [3.001, 0], [10, 2], [10, -2], [10, 2], [10, -2], [0, 14], [5, 5]])
    values = mixture.mode_statistics(samples, centres, 1.0)
    assert values["modes"] == 2
    assert values["high_quality"] == 0.7
    q, out = np.array([3, 4]) / 7, math.exp(-4.5)
    assert values["reverse_kl"] == pytest.approx(np.sum(q * np.log(3 * q)))
    bins, shares = np.array([0.3, 0.4, 0.3]), np.array([(1 - out) / 3, (1 - out) / 3, out])
    assert values["off_mode_kl"] == pytest.approx(np.sum(bins * np.log(bins / shares)))
    assert values["width_min"] == 0
    truncated = math.sqrt(1 - 4.5 * out / (1 - out))
    assert values["width_max"] == pytest.approx(math.sqrt(16 / 3 / 2) / truncated)
    assert mixture.mode_statistics(samples, centres, 1.0, minimum=4)["modes"] == 1


def test_widths_are_about_the_modes_own_mean():
    """A mode that is displaced is not wide for that."""
    values = mixture.mode_statistics(np.array([[1.0, 1], [1.2, 1], [1, 1.2], [1.2, 1.2]]), np.zeros((1, 2)), 1.0)
    truncated = math.sqrt(1 - 4.5 * math.exp(-4.5) / (1 - math.exp(-4.5)))
    assert values["width_min"] == values["width_max"] == pytest.approx(math.sqrt(0.04 / 3) / truncated)


def test_a_ring_of_seven_is_one_short():
    """The linspace with its end point, seen in public code: the eighth mode is the first once more."""
    turns = np.linspace(0, 2 * np.pi, 8)
    seven = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    m = modes(mixture.draw(2500, seven, 0.01, Generator(0)), RING, 0.01, Generator(1), draws=5)
    assert m["modes"].value == 1
    m = modes(perfect("ring"), seven, 0.01, Generator(1), draws=5)
    assert m["modes"].value < 8


def test_each_failure_shows_in_its_own_number():
    x, rng = perfect("ring"), Generator(3)
    nearest = RING[((x[:, None] - RING) ** 2).sum(-1).argmin(1)]
    outside = {
        "collapsed": x[nearest[:, 0] > 0],
        "narrow": nearest + 0.5 * (x - nearest),
        "wide": nearest + 1.3 * (x - nearest),
        "displaced": x + 0.02,
        "off": np.concatenate([x[:2000], rng.normal((500, 2), np.float64)]),
        "uneven": np.concatenate([x, x[nearest[:, 0] > 0.9]]),
    }
    seen = {name: _outside(modes(s, RING, 0.01, rng)) for name, s in outside.items()}
    assert seen["collapsed"] >= {"modes", "reverse_kl", "off_mode_kl", "width_min"}
    assert seen["narrow"] >= {"high_quality", "width_min", "width_max"}
    assert "reverse_kl" not in seen["narrow"]
    assert seen["wide"] >= {"high_quality", "off_mode_kl", "width_max"}
    assert seen["displaced"] >= {"high_quality", "off_mode_kl"}
    assert seen["off"] >= {"high_quality", "off_mode_kl"}
    assert "reverse_kl" not in seen["off"]  # the published KL does not see samples off the modes
    assert seen["uneven"] >= {"reverse_kl", "off_mode_kl"}
    assert "high_quality" not in seen["uneven"]


def _outside(measurements):
    """The names whose value is clear of the floor's range."""
    return {
        name
        for name, m in measurements.items()
        if not m.floor_range[0] - 3 * m.standard_error <= m.value <= m.floor_range[1] + 3 * m.standard_error
    }


def test_samples_that_hit_nothing():
    m = modes(np.full((20, 2), 50.0), RING, 0.01, Generator(0), draws=3, halves=3)
    assert (m["modes"].value, m["high_quality"].value) == (0, 0)
    assert m["reverse_kl"].value == math.inf
    assert math.isnan(m["reverse_kl"].standard_error)
    assert m["off_mode_kl"].value == pytest.approx(4.5)
    assert m["width_min"].value == m["width_max"].value == 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 6.3), x=st.floats(-3, 3), scale=st.floats(0.1, 10))
def test_order_rigid_motion_and_scale_change_nothing(seed, angle, x, scale):
    c, s = math.cos(angle), math.sin(angle)
    turn, rng = np.array([[c, -s], [s, c]]), Generator(seed)
    samples = mixture.draw(60, GRID, 0.05, rng) + 0.05 * rng.normal((60, 2), np.float64)
    before = mixture.mode_statistics(samples, GRID, 0.05)
    moved, centres = (scale * (p @ turn + [x, -x]) for p in (samples[rng.permutation(60)], GRID[rng.permutation(25)]))
    assert mixture.mode_statistics(moved, centres, 0.05 * scale) == pytest.approx(before)
