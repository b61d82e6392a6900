"""Scatter on a GPU: values into elements that an index names, and sums where it may name one more than once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cupy

from ..numpy import elementwise as numpy_elementwise
from . import launch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...types import Array, Shape


def add_at(out: Array, key: Any, x: Array) -> None:
    """Add x, of the shape of out[key], to out[key], as often as `key` names an element; `out` is a new array.

    Terms are added in the order of `key` and without atomics, so that the bits are the same every time and equal to
    NumPy's. Complex numbers are left to CuPy, whose sums vary from run to run in the last digit.
    """
    if out.dtype.name not in launch.REALS:
        return cupy.add.at(out, key, x)
    index = cupy.arange(out.size).reshape(out.shape)[key].ravel()
    order = index.argsort(kind="stable")
    real = launch.REALS[out.dtype.name]
    kernel = launch.kernel("scatter", f"add_at_{real}", real)
    launch.each(kernel, index.size, out, index, order, cupy.ascontiguousarray(x), index.size)


def concatenate(xs: Sequence[Array], axis: int) -> Array:
    """Return the arrays joined along an axis; one launch for two arrays along the first axis, as for two batches."""
    x, y = xs[0], xs[-1]
    if len(xs) != 2 or axis or x.shape[1:] != y.shape[1:] or x.dtype != y.dtype or x.dtype.name not in launch.REALS:
        return cupy.concatenate(xs, axis)
    x, y = cupy.ascontiguousarray(x), cupy.ascontiguousarray(y)
    out = cupy.empty((len(x) + len(y), *x.shape[1:]), x.dtype)
    real = launch.REALS[x.dtype.name]
    launch.each(launch.kernel("scatter", f"joined_{real}", real), out.size, x, y, out, x.size, out.size)
    return out


def placed(x: Array, key: Any, shape: Shape) -> Array:
    """See `numpy_elementwise.placed`; one launch where `key` is a part of the first axis, such as half of a batch."""
    part = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    if not (isinstance(part, slice) and part.step in (None, 1) and x.size and x.dtype.name in launch.REALS):
        return numpy_elementwise.placed(x, key, shape)
    # The gradient of a sum or a mean repeats one number, which need not be copied.
    step = 1 if any(stride for stride, n in zip(x.strides, x.shape, strict=True) if n > 1) else 0
    x, out = cupy.ascontiguousarray(x) if step else x, cupy.empty(shape, x.dtype)
    first = part.indices(shape[0])[0] * math.prod(shape[1:])
    real = launch.REALS[x.dtype.name]
    kernel = launch.kernel("scatter", f"placed_{real}", real)
    launch.each(kernel, out.size, x, out, out.size, first, x.size, step)
    return out
