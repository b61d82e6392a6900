"""Matrix products on a GPU, by cuBLAS."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import cupy
import numpy as np

from ..cuda.cublas import WORKSPACE_BYTES, Cublas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...types import Array


class _Precision:
    """The precision of float32 products: "fp32", or "tf32" with factors rounded to 10 bits of mantissa."""

    float32 = "fp32"


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Compute products of float32 matrices in the precision "fp32" or "tf32" inside the context."""
    if name not in ("fp32", "tf32"):
        raise ValueError(f"precision must be fp32 or tf32, got {name!r}")
    before, _Precision.float32 = _Precision.float32, name
    try:
        yield
    finally:
        _Precision.float32 = before


def matmul(a: Array, b: Array) -> Array:
    """Return a @ b. A matrix b is multiplied by all leading axes of a at once; CuPy multiplies what is not real."""
    if min(a.ndim, b.ndim) < 2 or a.dtype != b.dtype or a.dtype.name not in ("float32", "float64"):
        return a @ b
    if b.ndim > 2:
        return _stacks(a, b)
    rows = a if a.ndim == 2 else a.reshape(-1, a.shape[-1])
    out = gemm(rows, b, cupy.empty((len(rows), b.shape[1]), a.dtype))
    return out if a.ndim == 2 else out.reshape(*a.shape[:-1], b.shape[1])


def _stacks(a, b):
    """Return a @ b for stacks of matrices, whose leading axes broadcast."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = [cupy.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(prod(lead), *x.shape[-2:]) for x in (a, b)]
    return gemm(a, b, cupy.empty((len(a), a.shape[1], b.shape[2]), a.dtype)).reshape(*lead, a.shape[1], b.shape[2])


def gemm(a: Array, b: Array, out: Array, beta: float = 0.0) -> Array:
    """Compute out = a @ b + beta * out on the current stream, for float32 or float64 matrices in any layout.

    The arrays may also be stacks of equally many matrices, with three axes each.
    """
    if not a.__class__ is b.__class__ is cupy.ndarray:
        raise TypeError(f"a product needs both factors on the GPU, got {type(a).__name__} and {type(b).__name__}")
    how = "fp64" if out.dtype.name == "float64" else _Precision.float32
    return _blas().gemm(a, b, out, beta=beta, precision=how)


class _Handles(threading.local):
    """The cuBLAS handles, one for each host thread and device, with the workspaces that they use."""

    def __init__(self) -> None:
        self.by_device: dict[int, tuple[Cublas, Any]] = {}


_handles = _Handles()


def _blas() -> Cublas:
    """Return the handle of this thread and of the current device, set to the current stream."""
    device = cupy.cuda.runtime.getDevice()
    if device not in _handles.by_device:
        workspace = cupy.cuda.alloc(WORKSPACE_BYTES)
        _handles.by_device[device] = Cublas(workspace.ptr), workspace
    blas, _ = _handles.by_device[device]
    blas.use(cupy.cuda.get_current_stream().ptr)
    return blas
