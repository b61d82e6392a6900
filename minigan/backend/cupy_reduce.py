"""Sums over leading axes on a GPU."""

import math

import cupy

from .cuda import launch


def sum_leading(x, count):
    """The array x summed over its first `count` axes, without atomics: the same bits every time.

    What cancels between the two halves of a batch, real and generated samples, cancels to 0.
    """
    if x.dtype.name not in launch.REALS:
        return x.sum(tuple(range(count)))
    rest = x.shape[count:]
    if not x.size:
        return cupy.zeros(rest, x.dtype)
    rows = cupy.ascontiguousarray(x).reshape(math.prod(x.shape[:count]), math.prod(rest))
    return launch.sums("reduce", "column_sums", [rows], divisor=1.0).reshape(rest)
