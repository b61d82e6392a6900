"""Maximum mean discrepancy: MMD^2 = E k(x, x') - 2 E k(x, y) + E k(y, y').

The estimate leaves out the pairs of a point with itself, so it is unbiased at any n: its mean for real data against
real data is 0, and single values may be negative.
Source: A. Gretton et al., "A kernel two-sample test", JMLR 2012, equation 3; KID: M. Binkowski et al. 2018, section 4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..random import as_generator
from .distances import BLOCK, blocks
from .inputs import feature_sets
from .measurement import measure_against_real, only

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

    Kernel: TypeAlias = Callable[[Array, Array], Array]  # x (N, d), y (M, d) -> (N, M)

__all__ = ["block_mmd2", "kid", "median_distance", "mmd", "mmd2", "polynomial", "rbf"]


def __dir__() -> list[str]:
    return sorted(__all__)


def kid(
    real: Tensor | ArrayLike, samples: Tensor | ArrayLike, rng: Generator | int, *, draws: int = 10, halves: int = 20
) -> Measurement:
    """Measure the kernel distance with k(x, y) = (x.y / d + 1)^3 between n real samples and the n generated ones.

    It is unbiased, and depends on the moments up to the third.

    Args:
        real: Real data (R, ...), R >= 2 n; features or pixels.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.
    """
    real, samples = feature_sets(real=real, samples=samples)
    return _measured("kid", polynomial(), "cubic kernel, unbiased", real, samples, rng, draws, halves)


def mmd(
    real: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    bandwidth: float | None = None,
    draws: int = 10,
    halves: int = 20,
) -> Measurement:
    """Measure MMD^2 with k(x, y) = exp(-|x - y|^2 / 2 b^2) between n real samples and the n generated ones.

    It is unbiased, and 0 in expectation only if the distributions agree.

    Args:
        real: Real data (R, ...), R >= 2 n; features or pixels.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        bandwidth: The width b of the kernel, by default the median distance between real samples.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.
    """
    real, samples = feature_sets(real=real, samples=samples)
    rng = as_generator(rng)
    width = median_distance(real[rng.spawn().permutation(len(real))[:1000]]) if bandwidth is None else bandwidth
    return _measured("mmd2", rbf(width), f"Gaussian kernel of {width:.3g}, unbiased", real, samples, rng, draws, halves)


def mmd2(x: Array, y: Array, kernel: Kernel) -> float:
    """Return the unbiased estimate of MMD^2 from x (N, d) and y (M, d), with kernel(x, y) of shape (N, M)."""
    between = _sum(x, y, kernel) / (len(x) * len(y))
    return _within(x, kernel) + _within(y, kernel) - 2 * between


def block_mmd2(x: Array, y: Array, kernel: Kernel, size: int) -> tuple[float, float]:
    """Return the mean and standard error of the MMD^2 of disjoint blocks of `size` samples, as KID is often published.

    The blocks are independent, so the error is the standard error of a mean. Like `mmd2` the value is unbiased, but it
    is noisier near 0.

    Source: W. Zaremba et al., "B-test: a non-parametric, low variance kernel two-sample test", 2013.
    """
    count = min(len(x), len(y)) // size
    if size < 2 or count < 2:
        raise ValueError(f"size must be at least 2 and give two blocks of {len(x)} and {len(y)} samples, got {size}")
    rows = [slice(k * size, (k + 1) * size) for k in range(count)]
    values = np.array([mmd2(x[r], y[r], kernel) for r in rows])
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(count))


def polynomial(degree: int = 3, offset: float = 1.0) -> Kernel:
    """Return the kernel k(x, y) = (x.y / d + offset)^degree."""

    def kernel(x, y):
        products = x @ y.T
        products /= x.shape[1]
        products += offset
        return products**degree if degree != 3 else products * products * products

    return kernel


def rbf(bandwidth: float) -> Kernel:
    """Return the Gaussian kernel k(x, y) = exp(-|x - y|^2 / 2 b^2)."""
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"bandwidth must be positive and finite, got {bandwidth}; are all samples equal?")

    def kernel(x, y):
        squared = np.concatenate([part for _, part in blocks(x, y)])
        squared *= -0.5 / bandwidth**2
        return np.exp(squared, out=squared)

    return kernel


def median_distance(x: Array) -> float:
    """Return the median Euclidean distance between two different rows of x (N, d)."""
    squared = np.concatenate([part for _, part in blocks(x, x)])
    return math.sqrt(np.median(squared[np.triu_indices(len(x), 1)]))


def _measured(name, kernel, note, real, samples, rng, draws, halves):
    def statistic(a, b):
        return {name: mmd2(a, b, kernel)}

    return only(measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=note))


def _within(x, kernel):
    """Return the mean of k over pairs of different rows."""
    return (_sum(x, x, kernel) - _trace(x, kernel)) / (len(x) * (len(x) - 1))


def _sum(x, y, kernel):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    step = max(BLOCK // len(y), 1)
    return sum(float(kernel(x[i : i + step], y).sum()) for i in range(0, len(x), step))


def _trace(x, kernel):
    """Return sum_i k(x_i, x_i), as the traces of small blocks of the kernel matrix."""
    x = np.asarray(x, np.float64)
    return sum(float(np.trace(kernel(x[i : i + 64], x[i : i + 64]))) for i in range(0, len(x), 64))
