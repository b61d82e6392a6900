"""Elementwise functions on a GPU, each in one launch, while CuPy would read and write memory several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

from ..numpy import elementwise as numpy_elementwise
from . import launch

if TYPE_CHECKING:
    from ...types import Array


def leaky_relu(x: Array, slope: float) -> Array:
    """See `numpy_elementwise.leaky_relu`."""
    return _mapped("leaky_relu", x, slope) if _fit(x) else numpy_elementwise.leaky_relu(x, slope)


def positive(x: Array) -> Array:
    """Return x itself where the kernel of `gate` takes it and looks at its signs, which saves a launch."""
    return x if _fit(x) else numpy_elementwise.positive(x)


def gate(x: Array, mask: Array, slope: float) -> Array:
    """See `numpy_elementwise.gate`; the mask comes from `positive`."""
    if not _fit(x) or mask.dtype != x.dtype:
        return numpy_elementwise.gate(x, mask > 0, slope)
    x, mask, out = cupy.ascontiguousarray(x), cupy.ascontiguousarray(mask), cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("gate", x), x.size, x, mask, out, x.size, slope)
    return out


def sigmoid(x: Array) -> Array:
    """See `numpy_elementwise.sigmoid`."""
    return _mapped("sigmoid", x) if _fit(x) else numpy_elementwise.sigmoid(x)


def softplus(x: Array) -> Array:
    """See `numpy_elementwise.softplus`."""
    return _mapped("softplus", x) if _fit(x) else numpy_elementwise.softplus(x)


def quotient(x: Array, y: Array) -> Array:
    """See `numpy_elementwise.quotient`."""
    if not _fit(x) or not _alike(x, y):
        return numpy_elementwise.quotient(x, y)
    x, y, out = cupy.ascontiguousarray(x), cupy.ascontiguousarray(y), cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("quotient", x), x.size, x, y, out, x.size)
    return out


def scaled(x: Array, y: Array, factor: float, center: float) -> Array:
    """See `numpy_elementwise.scaled`."""
    if not _fit(x) or not _fit(y) or y.dtype != x.dtype or y.ndim:
        return numpy_elementwise.scaled(x, y, factor, center)
    x, out = cupy.ascontiguousarray(x), cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("scaled", x), x.size, x, y, out, x.size, factor, center)
    return out


def between(e: Array, x: Array, y: Array) -> Array:
    """See `numpy_elementwise.between`; one launch for an e (N, 1, ...) with a number for each sample of x (N, ...)."""
    if not (_fit(x) and _alike(x, y)) or e.dtype != x.dtype or e.shape != x.shape[:1] + (1,) * (x.ndim - 1):
        return numpy_elementwise.between(e, x, y)
    e, x, y = [cupy.ascontiguousarray(a) for a in (e, x, y)]
    out = cupy.empty(x.shape, x.dtype)
    launch.each(_kernel("between", x), x.size, e, x, y, out, x.size, x.size // max(len(x), 1))
    return out


def scale_pixels(pixels: Array) -> Array:
    """See `numpy_elementwise.scale_pixels`."""
    pixels, out = cupy.ascontiguousarray(pixels), cupy.empty(pixels.shape, "float32")
    launch.each(launch.kernel("data", "scale_pixels"), pixels.size, pixels, out, pixels.size)
    return out


def _mapped(name, x, *numbers):
    x, out = cupy.ascontiguousarray(x), cupy.empty(x.shape, x.dtype)
    launch.each(_kernel(name, x), x.size, x, out, x.size, *numbers)
    return out


def _kernel(name, x):
    real = launch.REALS[x.dtype.name]
    return launch.kernel("elementwise", f"{name}_{real}", real)


def _alike(x, y):
    return x.__class__ is y.__class__ and x.shape == y.shape and x.dtype == y.dtype


def _fit(x):
    """Return whether the kernels take this array: on the device, and float32 or float64."""
    return x.__class__ is cupy.ndarray and x.dtype.name in launch.REALS
