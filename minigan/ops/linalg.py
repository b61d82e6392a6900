"""Matrix products.

The derivatives of each of a @ b, a @ b^T and a^T @ b are products of these three kinds, so none has to transpose.
"""

import numpy as np

from .. import backend
from ..op import op
from .shape import expand_dims, squeeze


def matmul(a, b):
    """Return a @ b by NumPy's rules: vectors are promoted to matrices, and leading axes broadcast."""
    if np.ndim(a) == 1:
        return squeeze(matmul(expand_dims(a, 0), b), -2 if np.ndim(b) > 1 else 0)
    if np.ndim(b) == 1:
        return squeeze(matmul(a, expand_dims(b, 1)), -1)
    return _matmul(a, b)


def linear(x, weight, bias):
    """Return x @ weight + bias for x (..., n), weight (n, m) and bias (m,): an array (..., m)."""
    if np.ndim(x) == 1:
        return squeeze(_linear(expand_dims(x, 0), weight, bias), 0)
    return _linear(x, weight, bias)


def _why_not(a, b, bias=None, names=("a", "b")):
    if min(np.ndim(a), np.ndim(b)) < 1:
        return "needs at least one axis on both sides; use * for numbers"
    if a.shape[-1] != b.shape[-2]:
        left, right = f"{names[0]}.shape[-1] = {a.shape[-1]}", f"{names[1]}.shape[-2] = {b.shape[-2]}"
        return f"the inner lengths differ: {left} must equal {right}"
    if bias is not None and bias.shape != b.shape[-1:]:
        return f"the bias has shape {bias.shape}, and the product {b.shape[-1]} columns"
    return None


@op(explain=_why_not, a=lambda g, b: _matmul_nt(g, b), b=lambda g, a: _matmul_tn(a, g))
def _matmul(a, b):
    return product(a, b)


@op(a=lambda g, b: _matmul(g, b), b=lambda g, a: _matmul_tn(g, a))
def _matmul_nt(a, b):
    return product(a, b.swapaxes(-1, -2))


@op(a=lambda g, b: _matmul_nt(b, g), b=lambda g, a: _matmul(a, g))
def _matmul_tn(a, b):
    return product(a.swapaxes(-1, -2), b)


def _why_not_linear(x, weight, bias):
    return _why_not(x, weight, bias, ("x", "weight"))


@op(
    explain=_why_not_linear,
    x=lambda g, weight: _matmul_nt(g, weight),
    weight=lambda g, x: _matmul_tn(x, g),
    bias=lambda g: g,
)
def _linear(x, weight, bias):
    y = product(x, weight)
    return np.add(y, bias, out=y) if y.dtype == bias.dtype else y + bias


def product(a, b):
    """Return a @ b; for an inner length of 1 use an elementwise product, which is faster than BLAS."""
    if np.shape(a)[-1:] == np.shape(b)[-2:-1] == (1,):
        return a * b
    return backend.of(a).matmul(a, b)
