"""Modes of a mixture of Gaussians in the plane: number found, evenness, precision and width.

A sample is of high quality (HQ) if it lies within 3 sigma of its nearest mode. For a perfect sampler this holds for
1 - e^(-9/2) = 98.89 % of the samples. A higher fraction, or a width below 1, means that the modes are narrower than
those of the data.
Source: Z. Lin et al., "PacGAN: the power of two samples in generative adversarial networks", 2018, section 4.1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .inputs import feature_sets
from .measurement import measure

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["OUTSIDE", "TRUNCATED", "draw", "kl_divergence", "mode_statistics", "modes"]


def __dir__() -> list[str]:
    return sorted(__all__)


OUTSIDE: float = math.exp(-4.5)
"""Mass of a Gaussian in the plane beyond 3 sigma: P(r > t sigma) = e^(-t^2 / 2)."""

TRUNCATED: float = math.sqrt(1 - 4.5 * OUTSIDE / (1 - OUTSIDE))
"""Standard deviation along one axis of the mass within 3 sigma, in units of sigma."""


def modes(
    samples: Tensor | ArrayLike,
    centres: Tensor | ArrayLike,
    sigma: float,
    rng: Generator | int,
    *,
    minimum: int = 1,
    draws: int = 200,
    halves: int = 50,
) -> dict[str, Measurement]:
    """Measure how samples cover an even mixture of Gaussians N(centre, sigma^2 I) in the plane.

    The floor is the score of N points from a perfect sampler.

    Args:
        samples: Points (N, 2).
        centres: The centres of the modes, (K, 2).
        sigma: The standard deviation of each mode along each axis.
        rng: A generator of the random numbers for floor and standard error, or a seed.
        minimum: The smallest number of HQ samples with which a mode counts as found (PacGAN: 1).
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement}:

        * modes: the number of modes found.
        * high_quality: the fraction of HQ samples.
        * reverse_kl: KL(q || uniform), q the fractions of the modes among the HQ samples; infinite if there are none.
          It does not depend on the number of other samples, and is biased upwards by (K - 1) / 2N.
        * off_mode_kl: the KL divergence over K + 1 bins, one for all other samples, from the fractions of a perfect
          sampler, (1 - e^(-9/2)) / K and e^(-9/2); biased upwards by K / 2N.
        * width_min, width_max: the smallest and largest width of a mode: the standard deviation of its HQ samples
          about their mean (root mean square of both axes), divided by the value of a perfect sampler, .974 sigma; 0
          for a mode with fewer than two HQ samples.

    Raises:
        ValueError: If samples or centres are not points in the plane, or sigma is not positive.
    """
    (samples,) = feature_sets(samples=samples)
    centres, sigma = _checked_mixture(samples, centres, sigma)

    def statistic(x):
        return mode_statistics(x, centres, sigma, minimum)

    def perfect(rng):
        return (draw(len(samples), centres, sigma, rng),)

    note = f"{len(centres)} modes, sigma {sigma:g}, against a perfect sampler"
    return measure(statistic, (samples,), perfect, rng, draws=draws, halves=halves, note=note)


def mode_statistics(samples: Array, centres: Array, sigma: float, minimum: int = 1) -> dict[str, float]:
    """Return the numbers of `modes`, without floor or standard error."""
    offsets = samples[:, None, :] - centres
    squared = np.einsum("nkd,nkd->nk", offsets, offsets)
    mode = squared.argmin(axis=1)
    rows = np.arange(len(samples))
    good = squared[rows, mode] <= (3 * sigma) ** 2
    mode, offsets = mode[good], offsets[rows, mode][good]
    count = len(centres)
    counts = np.bincount(mode, minlength=count)
    shares = np.full(count, (1 - OUTSIDE) / count)
    widths = _deviations(mode, offsets, counts) / (TRUNCATED * sigma)
    return {
        "modes": int(np.count_nonzero(counts >= minimum)),
        "high_quality": good.mean(),
        "reverse_kl": kl_divergence(counts, np.full(count, 1 / count)),
        "off_mode_kl": kl_divergence(np.append(counts, np.count_nonzero(~good)), np.append(shares, OUTSIDE)),
        "width_min": widths.min(),
        "width_max": widths.max(),
    }


def kl_divergence(counts: Array, p: Array) -> float:
    """Return KL(q || p) = sum q log(q / p) in nats, q = counts / sum, both (K,); infinity if all counts are 0.

    For N counts drawn from p it is (K - 1) / 2N on average.
    """
    total = counts.sum()
    if not total:
        return math.inf
    seen = counts > 0
    q = counts[seen] / total
    with np.errstate(divide="ignore"):
        return float(np.sum(q * np.log(q / p[seen])))


def draw(n: int, centres: Array, sigma: float, rng: Generator) -> Array:
    """Draw n points of the mixture, (n, 2)."""
    return centres[rng.integers(0, len(centres), n)] + sigma * rng.normal((n, 2), np.float64)


def _deviations(mode, offsets, counts):
    """Return, for each mode, the square root of the unbiased variance averaged over both axes, (K,)."""
    sums = np.stack([np.bincount(mode, weights=o, minlength=len(counts)) for o in offsets.T])
    squares = np.bincount(mode, weights=(offsets**2).sum(axis=1), minlength=len(counts))
    scatter = squares - (sums**2).sum(axis=0) / np.maximum(counts, 1)
    return np.sqrt(np.maximum(scatter, 0) / (2 * np.maximum(counts - 1, 1)))


def _checked_mixture(samples: Array, centres: Tensor | ArrayLike, sigma: float) -> tuple[Array, float]:
    (centres,) = feature_sets(1, centres=centres)
    if centres.shape[1] != 2 or samples.shape[1] != 2:
        raise ValueError(
            "samples and centres must be points in the plane, (N, 2) and (K, 2), "
            f"got {samples.shape} and {centres.shape}"
        )
    if not (0 < sigma < math.inf):
        raise ValueError(f"sigma must be positive and finite, got {sigma}")
    return centres.astype(np.float64), float(sigma)
