"""Pairs for image translation: an input image, and the image that the generator should make from it.

All arrays are uint8. `grayscale_to_color`, `edges` and `color_digits` return (input, target), two arrays of shape
(N, H, W, 1 or 3) in the same order.

Source of the tasks: P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-image translation with conditional
    adversarial networks", 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..types import Array, ArrayLike

__all__ = ["PALETTE", "color_digits", "edge_map", "edges", "grayscale_to_color", "luma"]

PALETTE: Array = np.array(
    [
        [255, 0, 0],
        [255, 128, 0],
        [255, 255, 0],
        [128, 255, 0],
        [0, 255, 64],
        [0, 255, 255],
        [0, 128, 255],
        [64, 0, 255],
        [192, 0, 255],
        [255, 0, 128],
    ],
    dtype=np.uint8,
)
PALETTE.flags.writeable = False
"""Colours of the digits, uint8 (10, 3): ten different hues, each with one channel at 0 and one at 255."""


def luma(images: Array) -> Array:
    """Return the brightness of RGB images: .299 R + .587 G + .114 B, rounded.

    It is computed in 16-bit fixed point, so it is the same on every machine, and equal to Pillow's conversion to "L".

    Args:
        images: uint8 (..., H, W, 3).

    Returns:
        uint8 (..., H, W, 1).

    Raises:
        ValueError: If the images have another dtype or number of channels.

    Source: ITU-R recommendation BT.601, section 2.5.1.
    """
    _check("luma", images, channels=(3,))
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)
    return ((images @ weights + np.uint32(1 << 15)) >> np.uint32(16)).astype(np.uint8)[..., None]


def grayscale_to_color(images_rgb: Array) -> tuple[Array, Array]:
    """Return (gray, colour) pairs for colourising: the `luma` of RGB images (N, H, W, 3), and the images themselves."""
    return luma(images_rgb), images_rgb


def edges(images: Array, threshold: float = 64) -> tuple[Array, Array]:
    """Return (edges, images) pairs for drawing from outlines: the `edge_map` of images, and the images themselves."""
    return edge_map(images, threshold), images


def edge_map(images: Array, threshold: float = 64) -> Array:
    """Mark the pixels at which the brightness changes by at least `threshold` levels per pixel.

    The border is continued outwards, so that it is not an edge by itself.

    Args:
        images: uint8 (N, H, W, 1), or (N, H, W, 3), which are reduced to their `luma`.
        threshold: Above 0, at most 142. A sharp step from 0 to 255 changes by 127.5 on both of its sides, since
            Sobel's gradient is taken over two pixels.

    Returns:
        uint8 (N, H, W, 1): 255 at an edge, 0 elsewhere.

    Raises:
        ValueError: If the images have another dtype or number of channels, or the threshold is out of range.

    Source: I. Sobel, G. Feldman, "An isotropic 3x3 image gradient operator", 1968.
    """
    _check("edge_map", images, channels=(1, 3))
    if not 0 < threshold <= 142:
        raise ValueError(f"edge_map: threshold must be above 0 and at most 142, got {threshold}")
    gray = (luma(images) if images.shape[-1] == 3 else images)[..., 0].astype(np.int32)
    gray = np.pad(gray, ((0, 0), (1, 1), (1, 1)), mode="edge")
    smooth_rows = gray[:, :-2] + 2 * gray[:, 1:-1] + gray[:, 2:]
    smooth_columns = gray[:, :, :-2] + 2 * gray[:, :, 1:-1] + gray[:, :, 2:]
    across = smooth_rows[:, :, 2:] - smooth_rows[:, :, :-2]
    down = smooth_columns[:, 2:] - smooth_columns[:, :-2]
    steep = across * across + down * down >= (8 * threshold) ** 2
    return (steep * np.uint8(255))[..., None]


def color_digits(images: Array, labels: ArrayLike) -> tuple[Array, Array]:
    """Return (gray, colour) pairs for colourising digits: each digit, 0 to 9, in its own colour of `PALETTE`.

    A pixel of brightness v gets v / 255 of the colour, rounded. So the colour can be inferred only from the shape of
    the digit, and the brightness from the pixel.

    Args:
        images: uint8 (N, H, W, 1), returned as they are.
        labels: Integers (N,) from 0 to 9.

    Raises:
        ValueError: If the images have another dtype or number of channels, or the labels are not N integers in [0, 9].
    """
    _check("color_digits", images, channels=(1,))
    labels = np.asarray(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"color_digits: labels must be integers {images.shape[:1]}, got {labels.dtype} {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(f"color_digits: labels must be from 0 to 9, got {labels.min()} to {labels.max()}")
    colours = PALETTE[labels][:, None, None, :].astype(np.uint16)
    return images, ((images * colours + np.uint16(127)) // np.uint16(255)).astype(np.uint8)


def _check(owner, images, channels):
    wanted = " or ".join(map(str, channels))
    if images.dtype != np.uint8 or images.ndim < 3 or images.shape[-1] not in channels:
        raise ValueError(
            f"{owner}: images must be uint8 (N, H, W, C) with {wanted} channels, got {images.dtype} {images.shape}"
        )
