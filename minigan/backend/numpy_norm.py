"""Normalisation on NumPy.  Kernels see a matrix (M, C): batch norm reduces its rows, layer norm its columns."""

import numpy as np


def moments(x, axis):
    """Mean and biased variance of the matrix x over `axis`, in two passes, both with that axis kept."""
    mean = x.mean(axis, keepdims=True)
    centred = x - mean
    return mean, np.expand_dims(_dot(centred, centred, axis) / x.shape[axis], axis)


def normalize(x, gamma, beta, mean, inv):
    """(x - mean) * inv * gamma + beta."""
    out = x - mean
    out *= inv * gamma if inv.shape[0] == 1 else inv
    if inv.shape[0] != 1:
        out *= gamma
    out += beta
    return out


def normalize_gradients(g, x, gamma, mean, inv, axis):
    """The gradients of `normalize` in x, gamma and beta, where mean and inv came from x over `axis`."""
    normal = x - mean
    normal *= inv
    d_beta = g.sum(0)
    d_gamma = _dot(g, normal, 0)
    h = g * gamma
    h_mean = h.mean(axis, keepdims=True)
    normal *= np.expand_dims(_dot(h, normal, axis) / x.shape[axis], axis)
    h -= h_mean
    h -= normal
    h *= inv
    return h, d_gamma, d_beta


def _dot(a, b, axis):
    return np.einsum("ij,ij->j" if axis == 0 else "ij,ij->i", a, b)
