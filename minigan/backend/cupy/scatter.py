"""Scatter-add on a GPU: sums into elements that an index names more than once."""

import cupy

from . import launch


def add_at(out, key, x):
    """Add x, of the shape of out[key], to out[key], as often as `key` names an element; `out` is a new array.

    In the order of `key` and without atomics: the same bits every time, and NumPy's.  Complex numbers are left to CuPy,
    whose sums depend on chance in the last digit.
    """
    if out.dtype.name not in launch.REALS:
        return cupy.add.at(out, key, x)
    index = cupy.arange(out.size).reshape(out.shape)[key].ravel()
    order = index.argsort(kind="stable")
    real = launch.REALS[out.dtype.name]
    kernel = launch.kernel("scatter", f"add_at_{real}", real)
    launch.each(kernel, index.size, out, index, order, cupy.ascontiguousarray(x), index.size)
