"""Fidelity and diversity, measured separately: precision and recall, density and coverage.

The ball of a point reaches to its k-th nearest neighbour in its own set; the union of the balls is the manifold of the
set. With X real (N, d), Y samples (M, d), B_X(i) the ball of x_i:

    precision = fraction of y in some B_X(i)           recall   = fraction of x in some B_Y(j)
    density   = 1/k mean over y of #{i: y in B_X(i)}   coverage = fraction of i with some y in B_X(i)

Outliers have large balls, which raise precision and recall; density and coverage are more robust. For equal
distributions and N = M coverage is 1 - (N-1)...(N-k) / (2N-1)...(2N-k), 1 - 2^-k for large N (.969 at k = 5), and
density is 1. Precision and recall have no such fixed value (.477 and .471 for N(0, I) in 1,000 dimensions), so they
must be compared with their floors.
Source: T. Kynkaanniemi et al. 2019, equations 1 and 2; M. F. Naeem et al. 2020, equations 5 to 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .distances import blocks, kth_nearest
from .inputs import feature_sets
from .measurement import measure_against_real

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["prdc", "precision_recall"]


def __dir__() -> list[str]:
    return sorted(__all__)


def precision_recall(
    real: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    k: int = 5,
    draws: int = 10,
    halves: int = 20,
) -> dict[str, Measurement]:
    """Measure precision, recall, density and coverage between n real samples and the n generated ones.

    Args:
        real: Real data (R, ...), R >= 2 n; features or pixels, compared by Euclidean distance.
        samples: Generated data (n, ...), n >= 2 k + 2.
        rng: A generator of the random numbers for floor and standard error, or a seed.
        k: The rank of the neighbour to which the ball of a point reaches.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement} of "precision", "recall", "density" and "coverage".
    """
    real, samples = feature_sets(2 * k + 2, real=real, samples=samples)

    def statistic(a, b):
        return prdc(a, b, k)

    return measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=f"k = {k}")


def prdc(real: Array, samples: Array, k: int = 5) -> dict[str, float]:
    """Return precision, recall, density and coverage of real (N, d) and samples (M, d), in memory O(N + M)."""
    real_radius, radius = kth_nearest(real, k), kth_nearest(samples, k)
    n, m = len(real), len(samples)
    within = found = 0
    recalled, closest = np.zeros(n, bool), np.full(n, np.inf)
    for rows, squared in blocks(samples, real):
        inside = squared <= real_radius
        within += int(np.count_nonzero(inside))
        found += int(np.count_nonzero(inside.any(axis=1)))
        recalled |= (squared <= radius[rows, None]).any(axis=0)
        np.minimum(closest, squared.min(axis=0), out=closest)
    return {
        "precision": found / m,
        "recall": recalled.mean(),
        "density": within / (k * m),
        "coverage": (closest <= real_radius).mean(),
    }
