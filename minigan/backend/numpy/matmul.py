"""Matrix products on NumPy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from . import threads

if TYPE_CHECKING:
    from ...types import Array


@threads.one_thread
def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return a @ b, in `out` if it is given; a large product of matrices is divided among minigan's threads."""
    if not _is_worth_threads(a, b):
        return np.matmul(a, b, out=out)
    if out is None:
        out = np.empty((a.shape[0], b.shape[1]), np.result_type(a, b))
    part = _rows if len(out) >= out.shape[1] else _columns
    length = max(out.shape)
    threads.side_by_side(partial(part, a, b, out), threads.slices(length, length, a.size * b.shape[1]))
    return out


def _is_worth_threads(a, b):
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == b.ndim == 2):
        return False
    return a.size * b.shape[1] >= threads.LARGE and threads.count() > 1


def _rows(a, b, out, some):
    np.matmul(a[some], b, out=out[some])


def _columns(a, b, out, some):
    np.matmul(a, b[:, some], out=out[:, some])
