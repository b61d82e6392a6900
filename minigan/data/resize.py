"""Resize images by area: each new pixel is the exact mean of the area that it covers.

When an image is resized from H to h rows, lengths are measured in 1/h of an input pixel: a new pixel is H long and an
input pixel h long, so that every overlap is an integer. Sums of uint8 pixels are therefore exact and rounded once, and
the result is the same on every machine.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..types import Array, Pair

__all__ = ["area_resize", "centre_crop", "fit"]


def area_resize(images: Array, size: Pair) -> Array:
    """Resize images so that each output pixel is the mean of the input over its area, without aliasing.

    Args:
        images: uint8 or floats, shape (..., H, W, C).
        size: (height, width), or one integer for both. A side may also grow: new pixels then repeat an old one, or
            are a mixture of two.

    Returns:
        Images (..., height, width, C) of the same dtype; uint8 means are rounded to the nearest, halves up.

    Raises:
        ValueError: If the size is below 1, or the images are empty.
        TypeError: If the images have another dtype.
    """
    height, width = _size(size)
    if images.ndim < 3 or not all(images.shape[-3:-1]):
        raise ValueError(f"area_resize: expected images (..., H, W, C) of at least one pixel, got {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise TypeError(f"area_resize: expected uint8 or floats, got {images.dtype}")
    if images.shape[-3:-1] == (height, width):
        return images.copy()
    area = images.shape[-3] * images.shape[-2]
    wide = np.dtype(np.int64) if images.dtype == np.uint8 else np.result_type(images, np.float32)
    sums = _sums(_sums(images, -3, height, wide), -2, width, wide)
    means = (2 * sums + area) // (2 * area) if images.dtype == np.uint8 else sums / wide.type(area)
    return means.astype(images.dtype)


def centre_crop(images: Array, size: Pair) -> Array:
    """Return a view of the largest centred part of images (..., H, W, C) with the proportions of `size`.

    `size` is (height, width), or one integer for both. An odd pixel is cut off at the bottom or the right.
    """
    height, width = _size(size)
    rows, columns = images.shape[-3:-1]
    if rows * width > columns * height:
        kept = max(1, (2 * columns * height + width) // (2 * width))
        top = (rows - kept) // 2
        return images[..., top : top + kept, :, :]
    kept = max(1, (2 * rows * width + height) // (2 * height))
    left = (columns - kept) // 2
    return images[..., left : left + kept, :]


def fit(images: Array, size: Pair) -> Array:
    """Crop images around their centre to the proportions of `size`, then resize them to it by area.

    Args:
        images: uint8 or floats, shape (..., H, W, C).
        size: (height, width), or one integer for both.

    Returns:
        Images (..., height, width, C) of the same dtype, not stretched.
    """
    return area_resize(centre_crop(images, size), size)


def _size(size: Pair) -> tuple[int, int]:
    """Return `size` as (height, width)."""
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or min(operator.index(side) for side in pair) < 1:
        raise ValueError(f"size must be (height, width) or one integer, each at least 1, got {size}")
    return operator.index(pair[0]), operator.index(pair[1])


def _sums(images, axis, size, dtype):
    """Sum the old pixels under each of `size` new ones along `axis`, weighted by their overlap."""
    old = np.moveaxis(images, axis, 0)
    out = np.zeros((size, *old.shape[1:]), dtype=dtype)
    for target, source, overlap in _overlaps(len(old), size):
        out[target] += old[source] * dtype.type(overlap)
    return np.moveaxis(out, 0, axis)


def _overlaps(old, new):
    """Yield (new pixel, old pixel, overlap) for all that overlap, in units of 1 / (old * new) of a side."""
    for target in range(new):
        start, end = target * old, (target + 1) * old
        for source in range(start // new, (end - 1) // new + 1):
            yield target, source, min(end, (source + 1) * new) - max(start, source * new)
