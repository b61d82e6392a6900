"""Sums over leading axes on a GPU."""

import math

import cupy
import numpy as np

from . import launch


def sum_leading(x, count):
    """Return x summed over its first `count` axes, without atomics, so that the bits are the same every time.

    What cancels between the two halves of a batch, real and generated samples, cancels to 0.
    """
    if x.dtype.name not in launch.REALS:
        return x.sum(tuple(range(count)))
    rest = x.shape[count:]
    if not x.size:
        return cupy.zeros(rest, x.dtype)
    rows = cupy.ascontiguousarray(x).reshape(math.prod(x.shape[:count]), math.prod(rest))
    return launch.sums("reduce", "column_sums", [rows], divisor=1.0).reshape(rest)


def square_sum(x):
    """See `numpy_reduce.square_sum`; not CuPy's own product, which could not be captured."""
    return (x * x).sum()


def numbers(arrays):
    """See `numpy_reduce.numbers`; the host waits for the device once."""
    return np.stack(arrays).tolist()
