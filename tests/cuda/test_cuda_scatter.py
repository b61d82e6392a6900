"""Sums into places that are named more than once: NumPy's bits."""

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
