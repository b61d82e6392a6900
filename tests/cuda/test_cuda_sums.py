"""Sums over rows: every row once, halves that cancel, and close to float64, whatever the launch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# Threads over columns and rows, and slabs of rows: few, and as many as there may be.
LAUNCHES = [(32, 8, 1), (5, 7, 3), (1, 64, 2), (8, 1, 4), (8, 32, 1)]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def column_sums(emulator, x, launch, divisor=1.0):
    """The sums of the slabs, added by a second launch: (columns,)."""
    (rows, columns), (wide, high, slabs) = x.shape, launch
    blocks, real = -(-columns // wide), {"float32": "float", "float64": "double"}[x.dtype.name]
    found, total = np.full((slabs, columns), np.nan, x.dtype), np.full(columns, np.nan, x.dtype)
    emulator(f"column_sums_{real}", (blocks, slabs), (wide, high), x, found, rows, columns, 1.0)
    emulator(f"column_sums_{real}", (blocks,), (wide, high), found, total, slabs, columns, divisor)
    return total


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("rows", [*range(1, 20), 64, 65, 127, 509])
def test_every_row_is_added_once(emulator, rows, launch):
    """Also the odd one, and those behind the last four pairs of a thread."""
    marks = np.zeros((rows, 9), "float64")
    marks[np.arange(rows), np.arange(rows) % 9] = 1.0 + np.arange(rows)
    np.testing.assert_array_equal(column_sums(emulator, marks, launch), marks.sum(0))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 300), st.integers(1, 12), st.sampled_from(LAUNCHES))
def test_halves_cancel_to_exactly_nothing(emulator, rows, columns, launch):
    half = numbers((rows, columns))
    assert not column_sums(emulator, np.concatenate([half, -half]), launch).any()


@pytest.mark.parametrize("rows", [4096, 20001])
@pytest.mark.parametrize("launch", [(3, 85, 1), (3, 85, 9)])
def test_the_error_of_a_float_is_a_few_roundings(emulator, rows, launch):
    """A sum of one number after the other would be wrong by some tens of them."""
    x = np.abs(numbers((rows, 3)))
    exact = x.sum(0, dtype="float64")
    errors = np.abs(column_sums(emulator, x, launch) - exact) / (exact * np.finfo("float32").eps)
    assert errors.max() < 3
    one_by_one = np.abs(np.cumsum(x, 0)[-1] - exact) / (exact * np.finfo("float32").eps)
    assert one_by_one.max() > 3


def test_only_the_result_is_divided(emulator):
    x = np.arange(24, dtype="float64").reshape(8, 3)
    np.testing.assert_array_equal(column_sums(emulator, x, (3, 2, 2), 4.0), x.sum(0) / 4)
