"""Images with their labels and origin, the result of every source, and the conversion of pixels to floats and back."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ..backend import as_array, of
from ..tensor import Tensor

if TYPE_CHECKING:
    from typing import Any

    from ..types import Array, ArrayLike, PathLike

__all__ = ["Dataset", "as_labels", "scale", "to_uint8", "with_channel"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images, their labels, and their origin.

    Attributes:
        images: uint8, shape (N, H, W, C), from 0 (background) to 255.
        labels: int64, shape (N,), or None.
        name: The name of the data set, as errors and reports show it.
        source: The authors to credit, or the path of the file.
        licence: The terms of use.
        class_names: The meaning of the labels 0, 1, ..., or () if unknown.

    Raises:
        ValueError: If images or labels have another shape or dtype, or their numbers differ.
    """

    images: Array
    labels: Array | Any  # or None; Any spares users a check
    name: str
    source: str
    licence: str
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != np.uint8:
            remedy = "; minigan.data.to_uint8 converts floats from -1 to 1" if images.dtype.kind == "f" else ""
            raise ValueError(
                f"{self.name}: images must be uint8 (N, H, W, C), not {images.dtype} {images.shape}{remedy}"
            )
        if labels is not None and (labels.dtype != np.int64 or labels.shape != images.shape[:1]):
            raise ValueError(f"{self.name}: labels must be int64 {images.shape[:1]}, got {labels.dtype} {labels.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return "\n".join(self._described())

    def _repr_html_(self) -> str:
        """Return the two lines of `repr` for a notebook."""
        return "<br>".join(html.escape(line) for line in self._described())

    def _described(self) -> tuple[str, str]:
        """Return the shape, range and classes, and the terms and source, each as one line."""
        count, height, width, channels = self.images.shape
        values = f" from {self.images.min()} to {self.images.max()}" if self.images.size else ""
        labels = "no labels" if self.labels is None else f"{self.classes:,} classes"
        return (
            f"Dataset {self.name!r}: {count:,} images of {height} x {width} x {channels}, "
            f"{self.images.dtype}{values}, {labels}",
            f"licence: {self.licence}; source: {self.source}",
        )

    @property
    def classes(self) -> int:
        """Number of classes: one more than the largest label, or 0 without labels."""
        return 0 if self.labels is None or not len(self) else int(self.labels.max()) + 1


def scale(images: Tensor | ArrayLike) -> Array:
    """Convert uint8 pixels from 0 to 255 to float32 from -1 to 1: x / 127.5 - 1.

    Args:
        images: uint8 pixels of any shape, on any device.

    Returns:
        float32 pixels of the same shape, in [-1, 1], on the same device.

    Raises:
        TypeError: If the pixels are not uint8. Pixels that were scaled before would all end up close to -1.
    """
    pixels = _pixels("scale", images)
    if pixels.dtype != np.uint8:
        raise TypeError(f"scale: expected uint8 pixels, got {pixels.dtype}: have they been scaled before?")
    return of(pixels).scale_pixels(pixels)


def to_uint8(images: Tensor | ArrayLike) -> Array:
    """Convert float pixels from -1 to 1 to uint8, each to the nearest of 0 to 255: the exact inverse of `scale`.

    Args:
        images: Floats of any shape; values outside [-1, 1] become 0 or 255.

    Returns:
        uint8 pixels of the same shape.

    Raises:
        TypeError: If the pixels are not floats.
        ValueError: If the pixels contain NaN.
    """
    pixels = _pixels("to_uint8", images)
    if pixels.dtype.kind != "f":
        raise TypeError(f"to_uint8: expected floats from -1 to 1, got {pixels.dtype}")
    out = (pixels + 1) * 127.5
    if np.isnan(out).any():
        raise ValueError("to_uint8: the images contain NaN: the generator that made them has probably diverged")
    return out.clip(0, 255).round().astype(np.uint8)


def _pixels(function: str, images: Tensor | ArrayLike) -> Array:
    """Return the array of pixels that `images` is or holds."""
    if isinstance(images, Dataset):
        raise TypeError(f"{function}: expected an array of pixels, got a Dataset: give its .images")
    try:
        return images.data if isinstance(images, Tensor) else cast("Array", as_array(images))
    except ValueError as error:
        raise ValueError(
            f"{function}: expected an array of pixels, got a {type(images).__name__} of arrays of several shapes; "
            f"a Loader of (images, labels) needs transform=lambda batch: (mg.data.{function}(batch[0]), batch[1])"
        ) from error


def with_channel(images: Array) -> Array:
    """Return images (N, H, W) as (N, H, W, 1), and others unchanged."""
    return images[..., None] if images.ndim == 3 else images


def as_labels(labels: Array, path: PathLike) -> Array:
    """Return the labels that were read from `path` as int64 (N,).

    Raises:
        ValueError: If the labels are not integers of shape (N,).
    """
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(f"{path}: expected integer labels (N,), got {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)
