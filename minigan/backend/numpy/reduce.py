"""Sums over leading axes on NumPy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from . import threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...types import Array


@threads.one_thread
def sum_leading(x: Array, count: int) -> Array:
    """Return the floating-point array x summed over its first `count` axes.

    The sum is a matrix product with ones, which is 3 to 20 times faster: BLAS works on several rows at a time, while
    NumPy adds one short row after another. The product reads x in C order, so that equal values give equal sums in
    every memory layout, and each half of the rows is summed on its own, so that terms that cancel between the two
    halves of a batch (real and generated samples) cancel to exactly 0.
    """
    rest = x.shape[count:]
    rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[:count]), math.prod(rest))
    half = len(rows) // 2
    ones = np.ones(len(rows) - half, x.dtype)
    return (ones[:half] @ rows[:half] + ones @ rows[half:]).reshape(rest)


@threads.one_thread
def square_sum(arrays: Sequence[Array]) -> Any:
    """Return the sum of the squares of all elements of all arrays."""
    vectors = [a.reshape(-1) for a in arrays]
    return sum(vector @ vector for vector in vectors)


def numbers(arrays: Sequence[Any]) -> list[float]:
    """Return the values of arrays of shape () as a list of Python numbers."""
    return [a.item() for a in arrays]
