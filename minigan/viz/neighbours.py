"""Generated images beside their nearest real images, to see whether a generator memorises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.distances import blocks
from .images import GAP, checked_images, image_grid, image_page
from .style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..types import Array, ArrayLike, PathLike, Tensor

__all__ = ["nearest", "neighbours"]

_GUTTER = 6  # pixels between the generated images and the real ones


def __dir__() -> list[str]:
    return sorted(__all__)


def neighbours(
    path: PathLike | None, generated: Tensor | ArrayLike, real: Tensor | ArrayLike, k: int = 6,
    *, title: str = "Generated images and their nearest real neighbours", caption: str | None = None,
) -> Figure:  # fmt: skip
    """Draw each generated image in a row with its k nearest real images, the nearest first.

    Distances are Euclidean, over all pixels.

    Args:
        path: The .png, .svg or .pdf file to write; None writes no file.
        generated: Images (n, H, W, C), floats in [-1, 1] or uint8.
        real: Images (N, H, W, C), floats in [-1, 1] or uint8.
        k: The number of neighbours, at most N.
        title: Title of the figure.
        caption: Text below the figure; None explains what is drawn.

    Raises:
        TypeError: If the images are neither floats nor uint8.
        ValueError: If shapes do not fit, or values or k are out of range.
    """
    generated, real = checked_images("generated", generated), checked_images("real", real)
    if generated.shape[1:] != real.shape[1:]:
        raise ValueError(f"generated and real must be images of one shape, got {generated.shape} and {real.shape}")
    if not 1 <= k <= len(real):
        raise ValueError(f"k must be from 1 to {len(real)}, the number of real images, got {k}")
    index, distance = nearest(generated, real, k)
    left, right = image_grid(generated, 1, scale=1), image_grid(real[index.ravel()], k, scale=1)
    gutter = np.full((len(left), _GUTTER, left.shape[2]), 255, np.uint8)
    caption = caption or (
        f"Left: generated.  Right: the {k} nearest of {len(real):,} real images by the Euclidean distance of their "
        f"pixels, the nearest first.  The distance to the nearest runs from {distance[:, 0].min():.3g} to "
        f"{distance[:, 0].max():.3g}; 0 is a copy."
    )
    grid = np.concatenate([left, gutter, right], axis=1)
    return save(path, image_page(grid, _headings(real.shape[2], k), title, caption))


def nearest(generated: Array, real: Array, k: int) -> tuple[Array, Array]:
    """Find the k nearest real images of each generated image.

    Args:
        generated: Images (n, H, W, C).
        real: Images (N, H, W, C).
        k: The number of neighbours, at most N.

    Returns:
        The indices and the Euclidean distances of the neighbours, both (n, k), the nearest first.
    """
    x, y = (images.reshape(len(images), -1) for images in (generated, real))
    index = np.concatenate([_smallest(squared, k) for _, squared in blocks(x, y)])
    distance = np.linalg.norm(x[:, None].astype(np.float64) - y[index], axis=2)  # no cancellation: 0 for a copy
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(index, order, 1), np.take_along_axis(distance, order, 1)


def _smallest(squared, k):
    return np.argpartition(squared, k - 1, axis=1)[:, :k]


def _headings(width, k):
    cell, start = width + GAP, width + 2 * GAP + _GUTTER
    names = ["nearest"] + [f"{i}{ {2: 'nd', 3: 'rd'}.get(i, 'th') }" for i in range(2, k + 1)]
    centres = [start + GAP + i * cell + width / 2 for i in range(k)]
    return {GAP + width / 2: "generated"} | dict(zip(centres, names, strict=True))
