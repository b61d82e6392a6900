"""Matrix products on NumPy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from . import threads

if TYPE_CHECKING:
    from ...types import Array


def matmul(a: Array, b: Array) -> Array:
    """Return a @ b; a large product is divided among minigan's threads while BLAS is kept to one thread."""
    if not threads.in_use() or a.ndim != 2 or b.ndim != 2 or a.size * b.shape[1] < threads.LARGE:
        return a @ b
    out = np.empty((a.shape[0], b.shape[1]), np.result_type(a, b))
    by_rows = len(out) >= out.shape[1]
    length = max(out.shape)
    threads.side_by_side(
        partial(_rows if by_rows else _columns, a, b, out), threads.slices(length, length, a.size * b.shape[1])
    )
    return out


def _rows(a, b, out, some):
    np.matmul(a[some], b, out=out[some])


def _columns(a, b, out, some):
    np.matmul(a, b[:, some], out=out[:, some])
