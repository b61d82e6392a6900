"""Differentiable augmentation: the critic only ever sees transformed images, real and generated ones alike.

The transformations are random but differentiable, so the generator still learns through them; as they act on both
sides, it learns their traces only where they make different distributions equal (tutorial 13: translation can).
Source: Zhao et al. 2020, equations 5 to 7; the ranges are those of its appendix and code.
"""

import difflib

import numpy as np

from .. import nn, ops
from ..backend import device_of
from ..op import op
from ..ops.elementwise import real

ALIASES = {"color": ("brightness", "saturation", "contrast")}


class Augment(nn.Module):
    """Images (N, H, W, C) -> images of the same shape, transformed anew at every call, each sample by its own draw.

    policy: names out of `TRANSFORMATIONS`, in order, separated by commas; "color" stands for all changes of color.
    rng: a `minigan.random.Generator`.
    As the first layer of a critic it sees all that the critic sees, with one distribution; like dropout, it does
    nothing in evaluation.  ValueError for an unknown name or another rank.
    """

    def __init__(self, policy="color,translation,cutout", *, rng):
        names = [name for part in policy.split(",") for name in ALIASES.get(part.strip(), (part.strip(),))]
        for name in names:
            if name not in TRANSFORMATIONS:
                known = [*TRANSFORMATIONS, *ALIASES]
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise ValueError(f"Augment: unknown transformation {name!r}; {hint}There are: {', '.join(known)}")
        self.policy, self.rng = tuple(names), rng

    def forward(self, x):
        if x.ndim != 4:
            raise ValueError(f"Augment: needs images (N, H, W, C), got shape {x.shape}")
        if self.training:
            for name in self.policy:
                x = TRANSFORMATIONS[name](x, self.rng)
        return x

    def extra_repr(self):
        return ",".join(self.policy)


def brightness(x, rng):
    """x + b, b ~ U(-1/2, 1/2): one number for each image."""
    return x + _uniform(x, rng, -0.5, 0.5)


def saturation(x, rng):
    """Distances from the mean color of each pixel, times U(0, 2); an image of one channel stays as it is."""
    return _spread(x, _uniform(x, rng, 0.0, 2.0), axis=3)


def contrast(x, rng):
    """Distances from the mean of each image, times U(1/2, 3/2)."""
    return _spread(x, _uniform(x, rng, 0.5, 1.5), axis=(1, 2, 3))


def translation(x, rng, share=1 / 8):
    """Each image moved by whole pixels, at most `share` of its sides in either direction; 0 moves in."""
    limits = [int(side * share + 0.5) for side in x.shape[1:3]]
    rng = rng.on(device_of(real(x)))
    shifts = [rng.integers(-limit, limit + 1, (len(x),)) for limit in limits]
    return _translate(x, shifts=np.stack(shifts, axis=1))


def cutout(x, rng, share=1 / 2):
    """0 in a rectangle of `share` of the sides, at a random place; it may reach beyond the border."""
    rng = rng.on(device_of(real(x)))
    inside = [_strip(len(x), side, int(side * share + 0.5), rng) for side in x.shape[1:3]]
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x * (~hole[..., None]).astype(real(x).dtype)


TRANSFORMATIONS = {f.__name__: f for f in (brightness, saturation, contrast, translation, cutout)}


# Moving back is the adjoint: what leaves the frame has no influence, what enters it is 0.
@op(x=lambda g, shifts: _translate(g, shifts=-shifts))
def _translate(x, *, shifts):
    return (_moved_by_slices if isinstance(x, np.ndarray) else _moved_at_once)(x, shifts)


def _moved_by_slices(x, shifts):
    """One image after the other: what is fastest on a CPU."""
    y = np.zeros_like(x)
    for image, moved, shift in zip(x, y, shifts.tolist(), strict=True):
        (to_y, from_y), (to_x, from_x) = map(_overlap, shift, x.shape[1:3])
        moved[to_y, to_x] = image[from_y, from_x]
    return y


def _overlap(shift, side):
    """Where a line of `side` pixels, moved by `shift`, still covers the frame: (in the result, in the original)."""
    length = max(side - abs(shift), 0)
    to, start = max(shift, 0), max(-shift, 0)
    return slice(to, to + length), slice(start, start + length)


def _moved_at_once(x, shifts):
    """Every pixel fetched from where it came from: no image is looked at in Python."""
    (rows, inside_rows), (columns, inside_columns) = [
        _origins(shifts[:, axis, None], side) for axis, side in enumerate(x.shape[1:3])
    ]
    images = np.arange(len(x), like=shifts)[:, None, None]
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    return np.where(inside[..., None], x[images, rows[:, :, None], columns[:, None, :]], 0.0)


def _origins(shifts, side):
    """Where each position of a line of `side` pixels came from, (N, side), and whether that was in the frame."""
    origins = np.arange(side, like=shifts) - shifts
    return np.clip(origins, 0, side - 1), (origins >= 0) & (origins < side)


def _strip(n, side, width, rng):
    """(n, side) booleans: `width` neighbours around a centre that may lie anywhere on the side."""
    start = rng.integers(0, side + 1 - width % 2, (n, 1)) - width // 2
    at = np.arange(side, like=start)
    return (at >= start) & (at < start + width)


def _spread(x, factor, axis):
    mean = ops.mean(x, axis, keepdims=True)
    return (x - mean) * factor + mean


def _uniform(x, rng, low, high):
    return rng.on(device_of(real(x))).uniform((len(x), 1, 1, 1), low, high, dtype=real(x).dtype)
