"""Stacked MNIST: three random digits as the colour channels of one image, with 1,000 modes that can be counted.

The protocol: a generator is trained on stacked digits; a classifier of single digits labels 26,000 of its samples,
channel by channel; the results are the number of the 1,000 labels that occur, and the KL divergence of their histogram
from the uniform distribution. A perfect uniform sampler scores 1,000 and about 0.019.

Sources: L. Metz et al., "Unrolled generative adversarial networks", 2017; the number of samples from
    Z. Lin et al., "PacGAN: the power of two samples in generative adversarial networks", 2018.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from .dataset import Dataset
from .resize import area_resize

if TYPE_CHECKING:
    from ..types import Array, Generator

__all__ = ["EVALUATION_SAMPLES", "StackedDigits", "stacked_mnist"]

EVALUATION_SAMPLES: int = 26_000
"""Number of samples that the protocol evaluates."""


class StackedDigits:
    """Endless stacked digits for a `Stream`, drawn on the fly: N digits make N**3 different images.

    Args:
        digits: Square gray images (N, S, S, 1) with labels from 0 to 9, such as `load("mnist-10k")`.
        size: The side of the images, by default S. For a larger one, digits are padded with black on all sides (28 to
            32); for a smaller one, they are resized by area means (28 to 16), see `area_resize`.

    Attributes:
        classes: The number of classes, 1,000.

    Raises:
        ValueError: If the digits are not square gray images with labels from 0 to 9, or cannot be padded equally on
            both sides.
        TypeError: If the size is not an integer.
    """

    classes: int = 1000

    def __init__(self, digits: Dataset, size: int | None = None) -> None:
        self._labels = _labels(digits)
        self._images = of_size(digits.images[..., 0], digits.images.shape[1] if size is None else size)

    def sample(self, n: int, rng: Generator) -> tuple[Array, Array]:
        """Draw n stacked digits; the three of each are drawn independently, with replacement.

        Returns:
            (images, labels): uint8 (n, size, size, 3), and int64 (n,), 100 r + 10 g + b for the digits r, g and b.
        """
        rows = rng.integers(0, len(self._images), (n, 3))
        images = np.ascontiguousarray(np.moveaxis(self._images[rows], 1, -1))
        return images, self._labels[rows] @ np.array([100, 10, 1])


def stacked_mnist(digits: Dataset, n: int, rng: Generator, size: int | None = None) -> Dataset:
    """Return a fixed set of n stacked digits; the arguments are those of `StackedDigits` and its `sample`."""
    images, labels = StackedDigits(digits, size).sample(n, rng)
    source = f"three images of {digits.name} in each: {digits.source}"
    class_names = tuple(f"{label:03}" for label in range(StackedDigits.classes))
    return Dataset(images, labels, f"stacked-{digits.name}", source, digits.licence, class_names)


def _labels(digits: Dataset) -> Array:
    """Return the labels of single digits, or raise ValueError if they cannot be stacked."""
    n, height, width, channels = digits.images.shape
    if not n or height != width or channels != 1:
        raise ValueError(f"stacked digits: {digits.name} must hold square gray images, not {digits.images.shape}")
    if digits.labels is None or digits.labels.min() < 0 or digits.labels.max() > 9:
        raise ValueError(f"stacked digits: {digits.name} must have labels from 0 to 9")
    return digits.labels


def of_size(images: Array, size: int) -> Array:
    """Pad or shrink images (N, S, S) to (N, size, size)."""
    side, size = images.shape[1], operator.index(size)
    if size <= side:
        return area_resize(images[..., None], size)[..., 0]
    if (size - side) % 2:
        raise ValueError(f"stacked digits: {side} pixels cannot be padded equally on both sides to {size}")
    border = (size - side) // 2
    return np.pad(images, ((0, 0), (border, border), (border, border)))
