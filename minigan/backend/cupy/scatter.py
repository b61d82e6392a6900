"""Scatter-add on a GPU: sums into elements that an index may name more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

from . import launch

if TYPE_CHECKING:
    from typing import Any

    from ...types import Array


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
