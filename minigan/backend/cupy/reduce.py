"""Sums over leading axes on a GPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cupy
import numpy as np

from ..cuda.cublas import address
from ..numpy import elementwise as numpy_elementwise
from . import launch
from .arrays import squares

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...types import Array

NUMBERS = 32  # in a launch; NUMBERS of words.cu
ADDRESSES = np.dtype([("float32", np.uint64, NUMBERS), ("float64", np.uint64, NUMBERS)])


def sum_leading(x: Array, count: int) -> Array:
    """Return x summed over its first `count` axes, without atomics, so that the bits are the same every time.

    Terms that cancel between the two halves of a batch (real and generated samples) cancel to exactly 0.
    """
    if x.dtype.name not in launch.REALS:
        return x.sum(tuple(range(count)))
    rest = x.shape[count:]
    if not x.size:
        return cupy.zeros(rest, x.dtype)
    rows = cupy.ascontiguousarray(x).reshape(math.prod(x.shape[:count]), math.prod(rest))
    return launch.sums("reduce", "column_sums", [rows], divisor=1.0).reshape(rest)


def square_sum(arrays: Sequence[Array]) -> Any:
    """See `numpy_reduce.square_sum`; the sum is float64, so that the square of a large float32 does not overflow."""
    if len({a.dtype.name for a in arrays}) > 1 or arrays[0].dtype.name not in launch.REALS:
        return sum((abs(a) ** 2).sum() for a in arrays)
    found, total = squares(arrays), cupy.empty((), "float64")
    real = launch.REALS[arrays[0].dtype.name]
    launch.kernel("optim", f"total_{real}", real)((1,), (1,), (found, total, len(arrays)))
    return total


def scaled_sum(x: Array, axes: tuple[int, ...], factor: float) -> Array:
    """See `numpy_elementwise.scaled_sum`; without a launch for the factor where the axes are the first ones."""
    if axes != tuple(range(len(axes))) or not x.size or x.dtype.name not in launch.REALS:
        return numpy_elementwise.scaled_sum(x, axes, factor)
    rest = x.shape[len(axes) :]
    rows = cupy.ascontiguousarray(x).reshape(-1, math.prod(rest))
    return launch.sums("reduce", "column_sums", [rows], divisor=1 / factor).reshape(rest)


def scaled_square_sum(x: Array, factor: float, center: float) -> Array:
    """See `numpy_elementwise.scaled_square_sum`."""
    if not x.size or x.dtype.name not in launch.REALS:
        return numpy_elementwise.scaled_square_sum(x, factor, center)
    rows = cupy.ascontiguousarray(x).reshape(-1, 1)
    return launch.sums("norm", "column_squares", [rows, center], divisor=1 / factor).reshape(())


def numbers(arrays: Sequence[Any]) -> list[float]:
    """See `numpy_reduce.numbers`; the host waits for the device only once."""
    if len(arrays) > NUMBERS or not all(a.__class__ is cupy.ndarray and a.dtype.name in launch.REALS for a in arrays):
        return np.stack(arrays).tolist()
    addresses, out = np.zeros((), ADDRESSES), cupy.empty(len(arrays))
    for k, a in enumerate(arrays):
        addresses[a.dtype.name][k] = address(a)
    launch.each(launch.kernel("words", "gather"), len(arrays), addresses, out, len(arrays))
    return out.tolist()
