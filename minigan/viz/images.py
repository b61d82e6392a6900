"""Grids of images: as plain pictures, pixel for pixel, and as figures with headings over the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..data import scale as scale_pixels
from ..data import to_uint8
from ..files import replacing
from ..metrics.inputs import array
from ..optional import require
from .style import DPI, SMALL, WIDTH, Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..types import Array, ArrayLike, PathLike, Tensor

__all__ = ["GAP", "image_grid", "save_grid"]

GAP: int = 2
"""Pixels between the images of a grid, before enlargement."""

_HEADING = 0.17  # inches
_TALLEST, _NARROWEST = 8.0, 5.2


def __dir__() -> list[str]:
    return sorted(__all__)


def image_grid(images: Tensor | ArrayLike, columns: int, scale: int = 2) -> Array:
    """Arrange images in a grid, as one picture.

    Args:
        images: Floats (N, H, W, C) in [-1, 1] with C = 1 or 3; values beyond [-1, 1] are clipped.
        columns: The number of images in a row.
        scale: The whole factor by which every pixel is enlarged.

    Returns:
        A uint8 picture (height, width, C).

    Raises:
        TypeError: If the images are integers.
        ValueError: If the shape is wrong, a value is NaN, or columns or scale is less than 1.
    """
    images = _shaped("images", array(images))
    if columns < 1 or scale < 1:
        raise ValueError(f"image_grid: columns and scale must be at least 1, got {columns} and {scale}")
    if images.dtype.kind != "f":
        raise TypeError(
            f"images: expected floats from -1 to 1, got {images.dtype}; mg.data.scale(images) converts uint8 pixels"
        )
    pixels = to_uint8(images)
    n, h, w, c = pixels.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    grid = np.full((rows * (h + GAP) + GAP, columns * (w + GAP) + GAP, c), 64, np.uint8)
    for i, image in enumerate(pixels):
        top, left = GAP + (i // columns) * (h + GAP), GAP + (i % columns) * (w + GAP)
        grid[top : top + h, left : left + w] = image
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)


def save_grid(path: PathLike, images: Tensor | ArrayLike, columns: int, scale: int = 2) -> None:
    """Write a grid of images as a PNG file, completely or not at all.

    The arguments and errors are those of `image_grid`.

    Raises:
        ImportError: If Pillow is not installed.
    """
    require("PIL", "save_grid", "Pillow")
    from PIL import Image

    grid = image_grid(images, columns, scale)
    picture = Image.fromarray(grid[..., 0] if grid.shape[2] == 1 else grid)
    with replacing(path) as file:
        picture.save(file, "PNG")


def image_page(grid: Array, headings: Mapping[float, str], title: str, caption: str) -> Figure:
    """Draw a picture with every pixel enlarged to the same whole number of dots.

    Args:
        grid: The picture, uint8 (H, W, C).
        headings: Texts over the columns, by the position of their centre in pixels of the grid.
        title: Title of the figure.
        caption: Text below the figure.
    """
    h, w, _ = grid.shape
    zoom = max(1, min(int((WIDTH - 0.2) * DPI // w), int(_TALLEST * DPI // h)))
    left = 0.1
    width = max(w * zoom / DPI + 2 * left, _NARROWEST)
    page = Page(_HEADING + h * zoom / DPI, title, caption, width)
    axes = page.axes(left, _HEADING, w * zoom / DPI, h * zoom / DPI)
    axes.set_axis_off()
    axes.imshow(np.broadcast_to(grid, (h, w, 3)), interpolation="nearest", aspect="auto")
    for position, text in headings.items():
        page.text(left + position * zoom / DPI, 0.02, text, SMALL, ha="center")
    return page.figure


def checked_images(name: str, images: Tensor | ArrayLike) -> Array:
    """Return images as floats (N, H, W, C) in [-1, 1]; uint8 pixels are scaled.

    Args:
        name: The name of the argument, for messages.
        images: Floats in [-1, 1] or uint8 pixels, (N, H, W, C).

    Raises:
        TypeError: If the images have another dtype.
        ValueError: If the shape is wrong, or a value is not in [-1, 1].
    """
    images = _shaped(name, array(images))
    if images.dtype == np.uint8:
        return scale_pixels(images)
    if images.dtype.kind != "f":
        raise TypeError(f"{name} must hold floats in [-1, 1] or uint8 pixels, got {images.dtype}")
    if not np.abs(images).max() <= 1.001:  # NaN is not <= either
        raise ValueError(
            f"{name} must lie in [-1, 1], got values from {images.min():.4g} to {images.max():.4g}: "
            "were they not scaled by minigan.data.scale, or has the generator diverged?"
        )
    return images


def _shaped(name: str, images: Array) -> Array:
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        hint = ": channels first?" if images.ndim == 4 and images.shape[1] in (1, 3) else ""
        raise ValueError(
            f"{name} must have shape (N, H, W, C) with 1 or 3 channels and N >= 1, got {images.shape}{hint}"
        )
    return images
