"""Updates in place on a GPU, in one launch for each array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numpy import optim as numpy_optim
from . import launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...types import Array


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield the arrays undivided, since a GPU needs many elements at once."""
    yield arrays


def adam(p: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, eps: float, lr: float) -> None:
    """See `numpy_optim.adam`."""
    if not _fit(p, g, m, v):
        return numpy_optim.adam(p, g, m, v, beta1, beta2, eps, lr)
    launch.each(_kernel("adam", p), p.size, p, g, m, v, p.size, 1 - beta1, beta1, 1 - beta2, beta2, eps, lr)


def approach(average: Array, value: Array, weight: float) -> None:
    """See `numpy_optim.approach`."""
    if not _fit(average, value):
        return numpy_optim.approach(average, value, weight)
    launch.each(_kernel("approach", average), average.size, average, value, average.size, weight)


def _kernel(name, p):
    real = launch.REALS[p.dtype.name]
    return launch.kernel("optim", f"{name}_{real}", real)


def _fit(*arrays):
    """Return whether the kernels take these arrays: of one dtype, float32 or float64, and in C order."""
    dtype = arrays[0].dtype
    return dtype.name in launch.REALS and all(a.dtype == dtype and a.flags.c_contiguous for a in arrays)
