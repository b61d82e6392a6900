"""Functions that take several NumPy calls for each element, computed by the array's own operations on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .threads import divided

if TYPE_CHECKING:
    from typing import Any

    from ...types import Array, Shape

# Where the real part of x is taken, x is `Any`: by NumPy's types only an array of known dtype has `real`.

__all__ = [
    "between",
    "euclidean_norm",
    "gate",
    "leaky_relu",
    "placed",
    "positive",
    "quotient",
    "scale_pixels",
    "scaled",
    "scaled_square_sum",
    "scaled_sum",
    "sigmoid",
    "softplus",
    "track",
]


@divided
def leaky_relu(x: Any, slope: float, out: Array | None = None) -> Array:
    """Return x where x > 0, slope * x elsewhere; 0 <= slope <= 1."""
    if x.dtype.kind == "c":
        return np.where(x.real > 0, x, slope * x)
    if not slope:
        return np.maximum(x, 0, out=out)
    y = np.multiply(x, slope, out=out)
    return np.maximum(x, y, out=y if y.ndim else out)


def placed(x: Array, key: Any, shape: Shape) -> Array:
    """Return an array of `shape` with x at `key`, which names no element twice, and 0 elsewhere."""
    out = np.zeros_like(x, shape=shape or (1,)).reshape(shape)  # CuPy takes shape=() for the shape of x
    out[key] = x
    return out


def positive(x: Any) -> Array:
    """Return the mask with which `gate` keeps the elements where x > 0."""
    return x.real > 0


@divided
def gate(x: Any, mask: Array, slope: float, out: Array | None = None) -> Array:
    """Return x where `mask`, an array of its shape, is true, slope * x elsewhere."""
    # By products: on random signs a masked copy is 25 times slower, because the processor mispredicts its branches.
    if not slope:
        return np.multiply(x, mask, out=out)
    factor = np.multiply(mask, 1 - slope, dtype=x.real.dtype, out=out)
    factor += slope
    return np.multiply(x, factor, out=factor if x.dtype == factor.dtype and factor.ndim else out)


def sigmoid(x: Any) -> Array:
    """Return 1 / (1 + e^-x), without overflow and with full relative accuracy on both sides."""
    if x.dtype.kind == "c" or not x.ndim:
        e = np.exp(-_magnitude(x))
        return np.where(x.real >= 0, 1.0, e) / (1.0 + e)
    below = _decay(x)
    below += 1
    above = np.minimum(x, 0)
    np.exp(above, out=above)
    above /= below
    return above


def softplus(x: Any) -> Array:
    """Return log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    if x.dtype.kind == "c" or not x.ndim:
        return np.where(x.real >= 0, x, 0) + np.log1p(np.exp(-_magnitude(x)))
    e = _decay(x)
    u = e + 1
    e -= u - 1  # what the sum u has lost of e
    e /= u
    np.log(u, out=u)
    u += e
    u += np.maximum(x, 0)
    return u


def quotient(x: Array, y: Any) -> Array:
    """Return x / y, and 0 where y is 0."""
    zero = y.real == 0
    return np.where(zero, 0, x / np.where(zero, 1, y))


def between(e: Array, x: Array, y: Array) -> Array:
    """Return e * x + (1 - e) * y: x where e is 1, y where e is 0."""
    return e * x + (1 - e) * y


def scaled_sum(x: Array, axes: tuple[int, ...], factor: float) -> Array:
    """Return the sum of x over `axes` times a factor."""
    return x.sum(axes) * factor


def scaled(x: Array, y: Array, factor: float, center: float) -> Array:
    """Return (x - center) * (y * factor), with y of shape ()."""
    return (x - center if center else x) * (y * factor)


def scaled_square_sum(x: Array, factor: float, center: float) -> Array:
    """Return the sum of (x - center)^2 over all elements times a factor."""
    x = x - center if center else x
    return (x * x).sum() * factor


def euclidean_norm(x: Array, axes: tuple[int, ...]) -> Array:
    """Return the Euclidean norm of x over `axes`."""
    return np.sqrt((x * x).sum(axes))


def track(
    running_mean: Array, running_var: Array, mean: Any, variance: Any, correction: float, momentum: float
) -> None:
    """Move running statistics towards a mean and a biased variance, which `correction` makes unbiased, in place."""
    for running, newest in ((running_mean, mean), (running_var, variance * correction)):
        np.add(running, momentum * (newest - running), out=running)  # += gives another object in a capture


def scale_pixels(pixels: Array) -> Array:
    """Return uint8 numbers from 0 to 255 as float32 numbers from -1 to 1."""
    out = pixels.astype(np.float32)
    out /= 127.5
    out -= 1
    return out


def _decay(x):
    """Return e^-|x|."""
    e = abs(x)
    np.negative(e, out=e)
    np.exp(e, out=e)
    return e


def _magnitude(x):
    return np.where(x.real >= 0, x, -x)
