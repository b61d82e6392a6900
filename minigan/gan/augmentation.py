"""Differentiable augmentation: the critic sees only transformed images, both real and generated.

The transformations are random but differentiable, so the generator learns through them. As real and generated images
are transformed in the same way, the generator does not imitate the transformations, except where one of them makes two
different distributions of images look the same to the critic (tutorial 13 shows that translation can).
Source: Zhao et al. 2020, equations 5 to 7; the ranges are those of its appendix and code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import nn, ops
from ..backend import device_of
from ..op import op
from ..ops.elementwise import real
from ..random import as_generator
from ..suggest import among

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ..types import Array, Generator, Tensor

    Samples = TypeVar("Samples", Tensor, Array)

__all__ = [
    "ALIASES",
    "TRANSFORMATIONS",
    "Augment",
    "brightness",
    "contrast",
    "cutout",
    "saturation",
    "translation",
]

ALIASES: dict[str, tuple[str, ...]] = {"color": ("brightness", "saturation", "contrast")}
"""Names that stand for several transformations."""


def __dir__() -> list[str]:
    return sorted(__all__)


class Augment(nn.Module):
    """Layer that transforms images (N, H, W, C), each with its own random numbers, which are drawn anew in every call.

    As the first layer of a critic it transforms real and generated images with one distribution; like dropout, it does
    nothing in evaluation mode.

    Args:
        policy: Names from `TRANSFORMATIONS`, in order, separated by commas; "color" stands for brightness, saturation
            and contrast.
        rng: Draws the transformations; an integer is the seed of a new generator.

    Raises:
        ValueError: If a name is unknown.
    """

    policy: tuple[str, ...]
    rng: Generator

    def __init__(self, policy: str = "color,translation,cutout", *, rng: Generator | int) -> None:
        names = [name for part in policy.split(",") for name in ALIASES.get(part.strip(), (part.strip(),))]
        for name in names:
            if name not in TRANSFORMATIONS:
                known = [*TRANSFORMATIONS, *ALIASES]
                raise ValueError(f"Augment: unknown transformation {name!r}{among(name, known)}")
        self.policy, self.rng = tuple(names), as_generator(rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transformed images, or x itself in evaluation mode; raise ValueError if x does not have 4 axes."""
        if x.ndim != 4:
            raise ValueError(f"Augment: needs images (N, H, W, C), got shape {x.shape}")
        if self.training:
            for name in self.policy:
                x = TRANSFORMATIONS[name](x, self.rng)
        return x

    def extra_repr(self) -> str:
        """Return the text that `repr` shows between the parentheses."""
        return ",".join(self.policy)


def brightness(x: Samples, rng: Generator) -> Samples:
    """Add a number b ~ U(-1/2, 1/2) to each image, the same for all of its pixels."""
    return x + _uniform(x, rng, -0.5, 0.5)


def saturation(x: Samples, rng: Generator) -> Samples:
    """Multiply each pixel's distance from its mean over the channels by U(0, 2), one factor per image.

    An image of one channel stays as it is.
    """
    return _spread(x, _uniform(x, rng, 0.0, 2.0), axis=3)


def contrast(x: Samples, rng: Generator) -> Samples:
    """Multiply the distance of each image from its mean by U(1/2, 3/2), one factor per image."""
    return _spread(x, _uniform(x, rng, 0.5, 1.5), axis=(1, 2, 3))


def translation(x: Samples, rng: Generator, share: float = 1 / 8) -> Samples:
    """Shift each image by whole pixels, by at most the fraction `share` of a side in either direction; fill with 0."""
    limits = [int(side * share + 0.5) for side in x.shape[1:3]]
    rng = rng.on(device_of(real(x)))
    shifts = [rng.integers(-limit, limit + 1, (len(x),)) for limit in limits]
    return _translate(x, shifts=np.stack(shifts, axis=1))


def cutout(x: Samples, rng: Generator, share: float = 1 / 2) -> Samples:
    """Set a rectangle of each image to 0, at a random place that may reach beyond the border.

    The height and width of the rectangle are the fraction `share` of the image's height and width.
    """
    rng = rng.on(device_of(real(x)))
    inside = [_strip(len(x), side, int(side * share + 0.5), rng) for side in x.shape[1:3]]
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x * (~hole[..., None]).astype(real(x).dtype)


TRANSFORMATIONS: dict[str, Callable[..., Tensor]] = {
    f.__name__: f for f in (brightness, saturation, contrast, translation, cutout)
}
"""Every transformation by its name: a function of images (N, H, W, C) and a random generator."""


# The adjoint of a shift is the shift back: pixels that left the frame have no influence, and zeros fill the gap.
@op(x=lambda g, shifts: _translate(g, shifts=-shifts))  # type: ignore  # it is its own vjp
def _translate(x, *, shifts):
    return (_moved_by_slices if isinstance(x, np.ndarray) else _moved_at_once)(x, shifts)


def _moved_by_slices(x, shifts):
    """Shift one image after the other, which is the fastest way on a CPU."""
    y = np.zeros_like(x)
    for image, moved, shift in zip(x, y, shifts.tolist(), strict=True):
        (to_y, from_y), (to_x, from_x) = map(_overlap, shift, x.shape[1:3])
        moved[to_y, to_x] = image[from_y, from_x]
    return y


def _overlap(shift, side):
    """Return the slices of the shifted and of the original line of `side` pixels that hold the same pixels."""
    length = max(side - abs(shift), 0)
    to, start = max(shift, 0), max(-shift, 0)
    return slice(to, to + length), slice(start, start + length)


def _moved_at_once(x, shifts):
    """Shift all images at once by indexing, without a Python loop, which is the fastest way on a GPU."""
    (rows, inside_rows), (columns, inside_columns) = [
        _origins(shifts[:, axis, None], side) for axis, side in enumerate(x.shape[1:3])
    ]
    images = np.arange(len(x), like=shifts)[:, None, None]
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    return np.where(inside[..., None], x[images, rows[:, :, None], columns[:, None, :]], 0.0)


def _origins(shifts, side):
    """Return the position from which each pixel of a line comes, (N, side), and whether it is inside the frame."""
    origins = np.arange(side, like=shifts) - shifts
    return np.clip(origins, 0, side - 1), (origins >= 0) & (origins < side)


def _strip(n, side, width, rng):
    """Return booleans (n, side), true for `width` neighbours around a centre anywhere on the side."""
    start = rng.integers(0, side + 1 - width % 2, (n, 1)) - width // 2
    at = np.arange(side, like=start)
    return (at >= start) & (at < start + width)


def _spread(x, factor, axis):
    mean = ops.mean(x, axis, keepdims=True)
    return (x - mean) * factor + mean


def _uniform(x, rng, low, high):
    return rng.on(device_of(real(x))).uniform((len(x), 1, 1, 1), low, high, dtype=real(x).dtype)
