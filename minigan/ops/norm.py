"""Batch and layer normalisation.

Fused kernels give values and first derivatives; higher derivatives come from the readable reference `normalized`.
"""

from .. import backend
from ..fused import fused
from ..op import refuse_foreign
from .elementwise import sqrt
from .reduce import mean
from .shape import real_data, reshape


def normalized(x, gamma, beta, axis, eps):
    """Return gamma * (x - mean) / sqrt(variance + eps) + beta, with the biased variance of the matrix x over `axis`."""
    xc = x - mean(x, axis, keepdims=True)
    variance = mean(xc * xc, axis, keepdims=True)
    return xc / sqrt(variance + eps) * gamma + beta


def _gradients(g, x, gamma, mu, variance, eps, axis):
    return backend.of(x).normalize_gradients(g, x, gamma, mu, variance, eps, axis)


@fused(reference=normalized, gradients=_gradients, couples_samples=True)
def _batch_norm(x, gamma, beta, *, mu, variance, axis, eps):
    return backend.of(x).normalize(x, gamma, beta, mu, variance, eps)


@fused(reference=normalized, gradients=_gradients)
def _layer_norm(x, gamma, beta, *, mu, variance, axis, eps):
    return backend.of(x).normalize(x, gamma, beta, mu, variance, eps)


def batch_norm(x, gamma, beta, *, eps=1e-5, observe=None):
    """Normalise each channel (the last axis) over all other axes, then scale by gamma and shift by beta.

    Source: Ioffe and Szegedy 2015, algorithm 1.

    Args:
        x: The input (..., C).
        gamma: The scale (C,).
        beta: The shift (C,).
        eps: A number that is added to the variance.
        observe: observe(mean, variance) is called with the batch statistics, arrays of shape (C,), so that a layer can
            track them.

    Raises:
        ValueError: If the shapes do not match, or if the batch is empty.
    """
    _check("batch_norm", x, gamma, beta)
    if not real_data(x).size:
        raise ValueError(f"batch_norm: the batch is empty, x {x.shape}, so it has no mean and no variance")
    mu, variance = _moments(x, 0)
    y = _apply(_batch_norm, x, gamma, beta, mu, variance, 0, eps)
    if observe is not None:
        observe(mu[0], variance[0])
    return y


def layer_norm(x, gamma, beta, *, eps=1e-5):
    """Normalise over the last axis, then scale by gamma and shift by beta.

    Source: Ba et al. 2016.

    Args:
        x: The input (..., C).
        gamma: The scale (C,).
        beta: The shift (C,).
        eps: A number that is added to the variance.

    Raises:
        ValueError: If the shapes do not match.
    """
    _check("layer_norm", x, gamma, beta)
    mu, variance = _moments(x, 1)
    return _apply(_layer_norm, x, gamma, beta, mu, variance, 1, eps)


def _moments(x, axis):
    data = real_data(x)
    return backend.of(data).moments(data.reshape(-1, data.shape[-1]), axis)


def _apply(op, x, gamma, beta, mu, variance, axis, eps):
    rows = reshape(x, -1, x.shape[-1])
    return reshape(op(rows, gamma, beta, mu=mu, variance=variance, axis=axis, eps=eps), x.shape)


def _check(name, x, gamma, beta):
    refuse_foreign(name, {"x": x, "gamma": gamma, "beta": beta})
    if len(x.shape) < 2 or gamma.shape != x.shape[-1:] or beta.shape != x.shape[-1:]:
        raise ValueError(
            f"{name}: x {x.shape} needs gamma and beta of shape {tuple(x.shape[-1:])}, "
            f"got {gamma.shape} and {beta.shape}; channels are the last axis"
        )
