"""Values and sums in places that an index names: NumPy's bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]


@pytest.mark.parametrize(("dtype", "real"), [(np.float32, "float"), (np.float64, "double")])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.sampled_from(LAUNCHES))
def test_add_at(emulator, dtype, real, places, launch):
    index, rng = np.array(places), np.random.default_rng(0)
    x, out = rng.standard_normal(len(places)).astype(dtype), rng.standard_normal(5).astype(dtype)
    expected = out.copy()
    np.add.at(expected, index, x)
    emulator(f"add_at_{real}", *launch, out, index, index.argsort(kind="stable"), x, x.size)
    assert out.tobytes() == expected.tobytes()


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real"), [(np.float32, "float"), (np.float64, "double")])
@pytest.mark.parametrize(("first", "length"), [(0, 40), (0, 7), (13, 8), (31, 9), (40, 0)])
@pytest.mark.parametrize("step", [0, 1])
def test_placed(emulator, dtype, real, first, length, step, launch):
    x = np.random.default_rng(0).standard_normal(length if step else 1).astype(dtype)
    out, expected = np.full(40, np.nan, dtype), np.zeros(40, dtype)
    emulator(f"placed_{real}", *launch, x, out, out.size, first, length, step)
    expected[first : first + length] = x
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("launch", [((1,), (32,)), ((3,), (7,))])
@pytest.mark.parametrize(("dtype", "real"), [("float32", "float"), ("float64", "double")])
@pytest.mark.parametrize(("first", "second"), [(5, 9), (0, 4), (30, 0)])
def test_joined(emulator, dtype, real, first, second, launch):
    x, y = np.arange(first, dtype=dtype), -np.arange(second, dtype=dtype)
    out = np.zeros(first + second, dtype)
    emulator(f"joined_{real}", *launch, x, y, out, first, out.size)
    np.testing.assert_array_equal(out, np.concatenate([x, y]))
