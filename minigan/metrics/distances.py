"""Squared Euclidean distances between sets, in blocks of rows, so that memory stays bounded for sets of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import Array

__all__ = ["BLOCK", "blocks", "kth_nearest", "nearest", "own_blocks"]

BLOCK: int = 1 << 22  # distances in memory at once: 32 MiB


def blocks(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, squared distances (rows, M)) between x (N, d) and y (M, d), for slices of all rows of x in order.

    They are |x|^2 - 2 x.y + |y|^2 about the mean of y, in float64, with an error of about 1e-16 of the squared spread.
    """
    centre = y.mean(axis=0, dtype=np.float64)
    y = y - centre
    y_norms = np.einsum("md,md->m", y, y)
    step = max(BLOCK // len(y), 1)
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        part = x[rows] - centre
        squared = part @ y.T
        squared *= -2
        squared += np.einsum("nd,nd->n", part, part)[:, None]
        squared += y_norms
        yield rows, np.maximum(squared, 0, out=squared)


def own_blocks(x: Array) -> Iterator[tuple[slice, Array]]:
    """Yield `blocks(x, x)` with infinity as the distance of a point to itself."""
    for rows, squared in blocks(x, x):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, squared


def nearest(pairs: Iterable[tuple[slice, Array]]) -> Array:
    """Return the index of the nearest point for every row of `blocks` or `own_blocks`, (N,)."""
    return np.concatenate([squared.argmin(axis=1) for _, squared in pairs])


def kth_nearest(x: Array, k: int) -> Array:
    """Return the squared distance of every point of x to its k-th nearest neighbour among the other points, (N,)."""
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, the number of other points, got {k}")
    return np.concatenate([np.partition(squared, k - 1, axis=1)[:, k - 1] for _, squared in own_blocks(x)])
