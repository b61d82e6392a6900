"""What every source gives: uint8 images with their labels and their origin. And pixels to floats and back."""

from dataclasses import dataclass

import numpy as np

from ..backend import of

__all__ = ["Dataset", "as_labels", "scale", "to_uint8", "with_channel"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and where they come from.

    images: uint8, shape (N, H, W, C), from 0 (background) to 255. labels: int64, shape (N,), or None.
    name, source and licence: what to call it, whom to credit, and under which terms. class_names: what the
        labels 0, 1, ... stand for, or () where nobody says.
    Raises ValueError where shapes or types are others, or images and labels differ in number.
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str
    source: str
    licence: str
    class_names: tuple = ()

    def __post_init__(self):
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(f"{self.name}: images must be uint8 (N, H, W, C), not {images.dtype} {images.shape}")
        if labels is not None and (labels.dtype != np.int64 or labels.shape != images.shape[:1]):
            raise ValueError(f"{self.name}: labels must be int64 {images.shape[:1]}, got {labels.dtype} {labels.shape}")

    def __len__(self):
        return len(self.images)

    @property
    def classes(self):
        """The number of classes, one more than the largest label; 0 without labels."""
        return 0 if self.labels is None or not len(self) else int(self.labels.max()) + 1


def scale(images):
    """uint8 pixels (0 to 255, any shape) as float32 from -1 to 1, both included: x / 127.5 - 1.

    Raises TypeError for anything but uint8: pixels that were scaled before would end up close to -1.
    """
    if images.dtype != np.uint8:
        raise TypeError(f"scale: expected uint8 pixels, got {images.dtype}: have they been scaled before?")
    return of(images).scale_pixels(images)


def to_uint8(images):
    """Pixels from -1 to 1 (floats, any shape) as uint8: the nearest of 0 to 255; beyond the range, 0 or 255.

    The inverse of `scale`, exactly, for all 256 values. Raises TypeError unless the pixels are floats, and
    ValueError for NaN, which no pixel can stand for.
    """
    if images.dtype.kind != "f":
        raise TypeError(f"to_uint8: expected floats from -1 to 1, got {images.dtype}")
    out = (images + 1) * 127.5
    if np.isnan(out).any():
        raise ValueError("to_uint8: the images contain NaN: whatever made them has diverged")
    return out.clip(0, 255).round().astype(np.uint8)


def with_channel(images):
    """Images (N, H, W) as (N, H, W, 1); others as they are."""
    return images[..., None] if images.ndim == 3 else images


def as_labels(labels, path):
    """The labels that were read from `path`, as int64 (N,). Raises ValueError unless they are integers (N,)."""
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(f"{path}: expected integer labels (N,), got {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)
