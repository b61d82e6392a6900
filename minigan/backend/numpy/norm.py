"""Normalisation on NumPy. Kernels take a matrix (M, C): batch norm averages over axis 0, layer norm over axis 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .reduce import sum_leading
from .threads import divided

if TYPE_CHECKING:
    from ...types import Array


def moments(x: Array, axis: int) -> tuple[Array, Array]:
    """Return the mean and the biased variance of the matrix x over `axis`, in two passes; both keep that axis."""
    mean = _mean(x, axis)
    return mean, _mean(_squares(x, mean), axis)


@divided
def normalize(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float, out: Array | None = None
) -> Array:
    """Return (x - mean) / sqrt(variance + eps) * gamma + beta."""
    y = np.subtract(x, mean, out=out)
    y *= _inverse(variance, eps)
    y *= gamma
    y += beta
    return y


def normalize_gradients(
    g: Array, x: Array, gamma: Array, mean: Array, variance: Array, eps: float, axis: int
) -> tuple[Array, Array, Array]:
    """Return the gradients of `normalize` in x, gamma and beta, where mean and variance are those of x over `axis`."""
    inv = _inverse(variance, eps)
    normal = _normal(x, mean, inv)
    d_beta, d_gamma = sum_leading(g, 1), sum_leading(_product(g, normal), 1)
    if axis == 0:  # the means of h = g * gamma and of h * normal follow from the two sums above
        first, second = gamma * (d_beta / len(x)), gamma * (d_gamma / len(x))
    else:
        h = g * gamma
        first, second = _mean(h, axis), _mean(h * normal, axis)
    return _input_gradient(g, normal, gamma, first, second, inv), d_gamma, d_beta


@divided
def _normal(x: Array, mean: Array, inv: Array, out: Array | None = None) -> Array:
    out = np.subtract(x, mean, out=out)
    out *= inv
    return out


@divided
def _squares(x: Array, mean: Array, out: Array | None = None) -> Array:
    out = np.subtract(x, mean, out=out)
    out *= out
    return out


@divided
def _product(x: Array, y: Array, out: Array | None = None) -> Array:
    return np.multiply(x, y, out=out)


@divided
def _input_gradient(
    g: Array, normal: Array, gamma: Array, first: Array, second: Array, inv: Array, out: Array | None = None
) -> Array:
    """Return (g * gamma - first - normal * second) * inv, and overwrite `normal`."""
    out = np.multiply(g, gamma, out=out)
    normal *= second
    normal += first
    out -= normal
    out *= inv
    return out


def _inverse(variance, eps):
    return 1 / np.sqrt(variance + eps)


def _mean(x, axis):
    """Return the mean of the matrix x over `axis`, which is kept."""
    return np.expand_dims(sum_leading(x, 1), 0) / x.shape[0] if axis == 0 else x.mean(1, keepdims=True)
