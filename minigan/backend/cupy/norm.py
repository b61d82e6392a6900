"""Normalisation on a GPU: kernels for batch norm, which averages the matrix x (M, C) over axis 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

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


def normalize(x: Array, gamma: Array, beta: Array, mean: Array, inv: Array) -> Array:
    """Return (x - mean) * inv * gamma + beta."""
    if mean.shape != (1, x.shape[1]) or not _fit(x, gamma, beta, mean, inv):
        return numpy_norm.normalize(x, gamma, beta, mean, inv)
    inputs = [cupy.ascontiguousarray(a) for a in (x, gamma, beta, mean, inv)]
    out = cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("normalize", x), x.size, *inputs, out, x.size, x.shape[1])
    return out


def normalize_gradients(
    g: Array, x: Array, gamma: Array, mean: Array, inv: Array, axis: int
) -> tuple[Array, Array, Array]:
    """Return the gradients of `normalize` in x, gamma and beta, where mean and inv came from x over `axis`."""
    if axis or not _fit(g, x, gamma, mean, inv):
        return _general_gradients(g, x, gamma, mean, inv, axis)
    g, x, gamma, mean, inv = [cupy.ascontiguousarray(a) for a in (g, x, gamma, mean, inv)]
    sums = launch.sums("norm", "normalize_sums", [g, x, mean, inv], parts=2)
    dx, (rows, columns) = cupy.empty(x.shape, x.dtype), x.shape
    launch.each(_kernel("normalize_gradient", x), x.size, g, x, gamma, mean, inv, sums, dx, rows, columns)
    return dx, sums[columns:], sums[:columns]


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
