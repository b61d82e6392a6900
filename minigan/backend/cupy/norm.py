"""Normalisation on a GPU: kernels for batch norm, which averages the matrix x (M, C) over axis 0, and for norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy
import numpy as np

from ..numpy import elementwise as numpy_elementwise
from ..numpy import norm as numpy_norm
from . import launch
from .reduce import sum_leading

if TYPE_CHECKING:
    from ...types import Array


def moments(x: Array, axis: int) -> tuple[Array, Array]:
    """Return the mean and the biased variance of the matrix x over `axis`, in two passes; both keep that axis."""
    if axis or not _fit(x):
        return _general_moments(x, axis)
    x, rows = cupy.ascontiguousarray(x), float(len(x))
    mean = launch.sums("reduce", "column_sums", [x], divisor=rows)
    variance = launch.sums("norm", "squared_deviations", [x, mean], divisor=rows)
    return mean.reshape(1, -1), variance.reshape(1, -1)


def normalize(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float) -> Array:
    """See `numpy_norm.normalize`."""
    if mean.shape != (1, x.shape[1]) or not _fit(x, gamma, beta, mean, variance):
        return numpy_norm.normalize(x, gamma, beta, mean, variance, eps)
    inputs = [cupy.ascontiguousarray(a) for a in (x, gamma, beta, mean, variance)]
    out = cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("normalize", x), x.size, *inputs, out, x.size, x.shape[1], eps)
    return out


def normalize_gradients(
    g: Array, x: Array, gamma: Array, mean: Array, variance: Array, eps: float, axis: int
) -> tuple[Array, Array, Array]:
    """See `numpy_norm.normalize_gradients`."""
    if axis or not _fit(g, x, gamma, mean, variance):
        return _general_gradients(g, x, gamma, mean, 1 / np.sqrt(variance + eps), axis)
    g, x, gamma, mean, variance = [cupy.ascontiguousarray(a) for a in (g, x, gamma, mean, variance)]
    sums = launch.sums("norm", "normalize_sums", [g, x, mean, variance, eps], parts=2)
    dx, (rows, columns) = cupy.empty(x.shape, x.dtype), x.shape
    launch.each(_kernel("normalize_gradient", x), x.size, g, x, gamma, mean, variance, sums, dx, rows, columns, eps)
    return dx, sums[columns:], sums[:columns]


def track(
    running_mean: Array, running_var: Array, mean: Array, variance: Array, correction: float, momentum: float
) -> None:
    """See `numpy_elementwise.track`."""
    arrays = running_mean, running_var, mean, variance
    if not _fit(*arrays) or not all(a.flags.c_contiguous for a in arrays):
        return numpy_elementwise.track(*arrays, correction, momentum)
    launch.each(_kernel("track", mean), mean.size, *arrays, mean.size, correction, momentum)


def euclidean_norm(x: Array, axes: tuple[int, ...]) -> Array:
    """See `numpy_elementwise.euclidean_norm`; one launch for the last axes."""
    kept = x.ndim - len(axes)
    if axes != tuple(range(kept, x.ndim)) or not _fit(x):
        return numpy_elementwise.euclidean_norm(x, axes)
    x, out = cupy.ascontiguousarray(x), cupy.empty(x.shape[:kept], x.dtype)
    _kernel("row_norms", x)(
        (min(out.size, launch.MOST_BLOCKS),), (1, launch.BLOCK), (x, out, out.size, x.size // out.size)
    )
    return out


def _kernel(name, x):
    real = launch.REALS[x.dtype.name]
    return launch.kernel("norm", f"{name}_{real}", real)


def _fit(*arrays):
    """Return whether the kernels take these arrays: not empty, of one dtype, float32 or float64, on the device."""
    first = arrays[0]
    return (
        first.dtype.name in launch.REALS
        and first.size > 0
        and all(a.__class__ is cupy.ndarray and a.dtype == first.dtype for a in arrays)
    )


def _general_moments(x, axis):
    mean = x.mean(axis, keepdims=True)
    centred = x - mean
    return mean, (centred * centred).mean(axis, keepdims=True)


def _general_gradients(g, x, gamma, mean, inv, axis):
    normal = (x - mean) * inv
    h = g * gamma
    d = h - h.mean(axis, keepdims=True) - normal * (h * normal).mean(axis, keepdims=True)
    return d * inv, sum_leading(g * normal, 1), sum_leading(g, 1)
