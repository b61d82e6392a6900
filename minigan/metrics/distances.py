"""Squared Euclidean distances between sets, in blocks of rows, so that memory stays bounded whatever the number."""

import numpy as np

BLOCK = 1 << 22  # distances in memory at once: 32 MiB


def blocks(x, y):
    """(slice of rows of x, squared distances (rows, M)) for x (N, d), y (M, d), all rows in order.

    |x - y|^2 = |x|^2 - 2 x.y + |y|^2 about the mean of y, in float64: off by some 1e-16 of the squared spread.
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


def own_blocks(x):
    """`blocks(x, x)` with infinity as the distance of a point to itself."""
    for rows, squared in blocks(x, x):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, squared


def nearest(pairs):
    """The index of the nearest point for every row of `blocks` or `own_blocks`, (N,)."""
    return np.concatenate([squared.argmin(axis=1) for _, squared in pairs])


def kth_nearest(x, k):
    """The squared distance of every point of x to its k-th nearest neighbour in x, itself not counted, (N,)."""
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, the number of other points, got {k}")
    return np.concatenate([np.partition(squared, k - 1, axis=1)[:, k - 1] for _, squared in own_blocks(x)])
