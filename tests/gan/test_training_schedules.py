"""Schedules of a whole run: burn-in and geometric fall."""

import numpy as np
import pytest

from minigan import optim


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.1), (0.9, 0.99), (0.0, 5e5), (2e-4, 5e-5)])
def test_burn_in_goes_from_start_to_end_over_the_first_part_and_stays(start, end):
    steps, part = 1000, 0.2
    values = [optim.burn_in(step, steps, start, end, part) for step in range(steps + 50)]
    np.testing.assert_allclose(values[0], start, rtol=1e-15)
    np.testing.assert_allclose(values[100], (start + end) / 2, rtol=1e-12)
    assert all(value == end for value in values[200:])
    np.testing.assert_allclose(values[50], start + (end - start) * (1 - np.cos(np.pi / 4)) / 2, rtol=1e-12)
    assert (np.sign(end - start) * np.diff(values[:201]) > 0).all()
    assert abs(values[199] - end) < 1e-4 * abs(end - start), "flat where it arrives: no jump"


def test_burn_in_takes_a_fifth_unless_said_otherwise():
    assert optim.burn_in(200, 1000, 1.0, 0.1) == 0.1
    assert optim.burn_in(199, 1000, 1.0, 0.1) > 0.1
    assert optim.burn_in(1000, 1000, 1.0, 0.1, part=1) == 0.1
    assert optim.burn_in(999, 1000, 1.0, 0.1, part=1) > 0.1
    for part in (0, -0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"part must lie in \(0, 1\]"):
            optim.burn_in(0, 1000, 1.0, 0.1, part)


def test_geometric_falls_by_equal_factors():
    values = np.array([optim.geometric(step, 50, 1.0, 0.003) for step in range(60)])
    assert values[0] == 1.0
    np.testing.assert_allclose(values[1:51] / values[:50], 0.003 ** (1 / 50), rtol=1e-12)
    np.testing.assert_allclose(values[25], np.sqrt(0.003), rtol=1e-12)
    np.testing.assert_allclose(values[50:], 0.003, rtol=1e-12)
    assert np.ptp(values[50:]) == 0
    assert optim.geometric(5, 10, 1.0, 4.0) == 2.0
    for start, end in ((0, 1), (1, 0), (-1, 1)):
        with pytest.raises(ValueError, match="start and end must be positive"):
            optim.geometric(0, 10, start, end)
