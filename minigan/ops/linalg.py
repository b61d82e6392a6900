"""Products of matrices."""

import numpy as np

from ..op import op
from .shape import expand_dims, squeeze, swapaxes


def matmul(a, b):
    """a @ b with NumPy's rules: vectors are promoted, leading axes broadcast."""
    if np.ndim(a) == 1:
        return squeeze(matmul(expand_dims(a, 0), b), -2 if np.ndim(b) > 1 else 0)
    if np.ndim(b) == 1:
        return squeeze(matmul(a, expand_dims(b, 1)), -1)
    return _matmul(a, b)


def _why_not(a, b):
    if min(np.ndim(a), np.ndim(b)) < 1:
        return "needs at least one axis on both sides; use * for numbers"
    if a.shape[-1] != b.shape[-2]:
        return f"the inner lengths differ: a.shape[-1] = {a.shape[-1]} must equal b.shape[-2] = {b.shape[-2]}"
    return None


@op(explain=_why_not, a=lambda g, b: _matmul(g, swapaxes(b, -1, -2)), b=lambda g, a: _matmul(swapaxes(a, -1, -2), g))
def _matmul(a, b):
    return a @ b
