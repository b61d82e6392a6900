"""Sums over leading axes on NumPy."""

import math

import numpy as np


def sum_leading(x, count):
    """Return the floating-point array x summed over its first `count` axes.

    As a product with ones: BLAS keeps several rows in flight, where NumPy adds one short row at a time;
    3 to 20 times faster.  In C order, so that equal values give equal sums, however they lie in memory; and by halves,
    so that what cancels between the two halves of a batch, real and generated samples, cancels to 0.
    """
    rest = x.shape[count:]
    rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[:count]), math.prod(rest))
    half = len(rows) // 2
    ones = np.ones(len(rows) - half, x.dtype)
    return (ones[:half] @ rows[:half] + ones @ rows[half:]).reshape(rest)


def square_sum(x):
    """Return the sum of the squares of all elements of x."""
    vector = x.reshape(-1)
    return vector @ vector


def numbers(arrays):
    """Return the values of arrays of shape () as a list of Python numbers."""
    return [a.item() for a in arrays]
