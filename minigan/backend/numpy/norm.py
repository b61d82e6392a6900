"""Normalisation on NumPy. Kernels take a matrix (M, C): batch norm averages over axis 0, layer norm over axis 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .reduce import sum_leading

if TYPE_CHECKING:
    from ...types import Array


def moments(x: Array, axis: int) -> tuple[Array, Array]:
    """Return the mean and the biased variance of the matrix x over `axis`, in two passes; both keep that axis."""
    mean = _mean(x, axis)
    centred = x - mean
    centred *= centred
    return mean, _mean(centred, axis)


def normalize(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float) -> Array:
    """Return (x - mean) / sqrt(variance + eps) * gamma + beta."""
    out = x - mean
    out *= _inverse(variance, eps)
    out *= gamma
    out += beta
    return out


def normalize_gradients(
    g: Array, x: Array, gamma: Array, mean: Array, variance: Array, eps: float, axis: int
) -> tuple[Array, Array, Array]:
    """Return the gradients of `normalize` in x, gamma and beta, where mean and variance are those of x over `axis`."""
    normal, inv = x - mean, _inverse(variance, eps)
    normal *= inv
    d_beta, d_gamma = sum_leading(g, 1), sum_leading(g * normal, 1)
    h = g * gamma
    if axis == 0:  # the means of h and of h * normal follow from the two sums above
        first, second = gamma * (d_beta / len(x)), gamma * (d_gamma / len(x))
    else:
        first, second = _mean(h, axis), _mean(h * normal, axis)
    normal *= second
    normal += first
    h -= normal
    h *= inv
    return h, d_gamma, d_beta


def _inverse(variance, eps):
    return 1 / np.sqrt(variance + eps)


def _mean(x, axis):
    """Return the mean of the matrix x over `axis`, which is kept."""
    return np.expand_dims(sum_leading(x, 1), 0) / x.shape[0] if axis == 0 else x.mean(1, keepdims=True)
