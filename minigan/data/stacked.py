"""Stacked MNIST: three random digits as the colour channels of one image, 1,000 modes that a classifier can name.

The protocol: a generator is trained on stacked digits; 26,000 of its samples are labelled, channel by channel,
by a classifier of single digits; one reports how many of the 1,000 labels occur, and the KL divergence of
their histogram from the uniform one. A perfect uniform sampler scores 1,000 and about 0.019.

Sources: L. Metz et al., "Unrolled generative adversarial networks", 2017; the number of samples from
    Z. Lin et al., "PacGAN: the power of two samples in generative adversarial networks", 2018.
"""

import operator

import numpy as np

from .dataset import Dataset
from .resize import area_resize

__all__ = ["EVALUATION_SAMPLES", "StackedDigits", "stacked_mnist"]

EVALUATION_SAMPLES = 26_000
"""How many samples the protocol judges."""


class StackedDigits:
    """Stacked digits without end, for a `Stream`: on the fly, N digits make N**3 different images.

    digits: a `Dataset` of square gray images (N, S, S, 1) with labels from 0 to 9, such as
        `load("mnist-10k")`.
    size: the side of the images; S if None. A larger one is padded with black on all sides (28 to 32), a
        smaller one is made by area means (28 to 16); see `area_resize`.
    Raises ValueError for digits of another kind, and for a size that cannot be padded equally on both sides;
    TypeError for a size that is no integer.
    """

    classes = 1000

    def __init__(self, digits, size=None):
        _check_digits(digits)
        self._images = of_size(digits.images[..., 0], digits.images.shape[1] if size is None else size)
        self._labels = digits.labels

    def sample(self, n, rng):
        """(images, labels): uint8 (n, size, size, 3), and int64 (n,), 100 r + 10 g + b for the digits r, g, b.

        rng: a `minigan.random.Generator`. The three digits are drawn independently, with replacement.
        """
        rows = rng.integers(0, len(self._images), (n, 3))
        images = np.ascontiguousarray(np.moveaxis(self._images[rows], 1, -1))
        return images, self._labels[rows] @ np.array([100, 10, 1])


def stacked_mnist(digits, n, rng, size=None):
    """A fixed set of n stacked digits, as a `Dataset`; the arguments are those of `StackedDigits` and `sample`."""
    images, labels = StackedDigits(digits, size).sample(n, rng)
    source = f"three images of {digits.name} in each: {digits.source}"
    class_names = tuple(f"{label:03}" for label in range(StackedDigits.classes))
    return Dataset(images, labels, f"stacked-{digits.name}", source, digits.licence, class_names)


def _check_digits(digits):
    n, height, width, channels = digits.images.shape
    if not n or height != width or channels != 1:
        raise ValueError(f"stacked digits: {digits.name} must hold square gray images, not {digits.images.shape}")
    if digits.labels is None or digits.labels.min() < 0 or digits.labels.max() > 9:
        raise ValueError(f"stacked digits: {digits.name} must have labels from 0 to 9")


def of_size(images, size):
    """Images (N, S, S), padded or shrunk to (N, size, size)."""
    side, size = images.shape[1], operator.index(size)
    if size <= side:
        return area_resize(images[..., None], size)[..., 0]
    if (size - side) % 2:
        raise ValueError(f"stacked digits: {side} pixels cannot be padded equally on both sides to {size}")
    border = (size - side) // 2
    return np.pad(images, ((0, 0), (border, border), (border, border)))
