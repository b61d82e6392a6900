"""Sliced Wasserstein distance: one-dimensional optimal transport along random directions.

On a line the optimal transport moves the i-th smallest point of one set to the i-th smallest point of the other. So
W_p^p = int_0^1 |F^-1(u) - G^-1(u)|^p du, and SW_p^p is its mean over directions on the unit sphere. At finite n the
estimate is biased upwards.

Source: J. Rabin et al., "Wasserstein barycenter and its application to texture mixing", 2011; N. Bonneel et al. 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..random import as_generator
from .inputs import feature_sets
from .measurement import measure_against_real, only

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["directions", "distance", "sliced_wasserstein"]


def __dir__() -> list[str]:
    return sorted(__all__)


def sliced_wasserstein(
    real: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    p: float = 2,
    projections: int = 128,
    draws: int = 10,
    halves: int = 20,
) -> Measurement:
    """Measure SW_p between n real samples and the n generated ones, in the units of the data.

    Value, floor and standard error use the same directions; the standard error does not include their random choice.

    Args:
        real: Real data (R, ...), R >= 2 n.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for directions, floor and standard error, or a seed.
        p: The order of the distance, at least 1.
        projections: The number of directions.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.
    """
    real, samples = feature_sets(real=real, samples=samples)
    rng = as_generator(rng)
    axes = directions(projections, samples.shape[1], rng.spawn())

    def statistic(a, b):
        return {f"sliced_w{p:g}": distance(a, b, axes, p)}

    note = f"{projections} directions, biased upwards like its floor"
    return only(measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=note))


def directions(count: int, d: int, rng: Generator) -> Array:
    """Draw `count` unit vectors, uniform on the sphere in d dimensions, (count, d)."""
    v = rng.normal((count, d), np.float64)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def distance(a: Array, b: Array, axes: Array, p: float = 2) -> float:
    """Return SW_p of a (N, d) and b (M, d) along the axes (L, d), exact also for N different from M.

    Raises:
        ValueError: If p is below 1.
    """
    if not p >= 1:
        raise ValueError(f"p must be at least 1, got {p}")
    # Both quantile functions are constant between the breaks i/N and j/M, so the integral is a sum over these pieces.
    steps = np.union1d(np.arange(1, len(a) + 1) * len(b), np.arange(1, len(b) + 1) * len(a))
    widths = np.diff(steps, prepend=0) / (len(a) * len(b))
    i, j = (steps - 1) // len(b), (steps - 1) // len(a)
    total = 0.0
    for axis in axes:
        gap = np.sort(a @ axis)[i] - np.sort(b @ axis)[j]
        total += widths @ abs(gap) ** p
    return float((total / len(axes)) ** (1 / p))
