"""Fidelity and diversity apart: precision and recall, density and coverage.

Around every point of a set lies the ball that reaches to its k-th neighbour in the set; their union is the set's
manifold.  With X real (N, d), Y samples (M, d), B_X(i) the ball of x_i:

    precision = share of y in some B_X(i)          recall   = share of x in some B_Y(j)
    density   = 1/k mean over y of #{i: y in B_X(i)}   coverage = share of i with some y in B_X(i)

Precision and recall give outliers large balls; density and coverage are steadier.  For equal distributions and N = M
coverage is 1 - (N-1)...(N-k) / (2N-1)...(2N-k), 1 - 2^-k for large N (.969 at k = 5), and density 1; precision and
recall have no such value (.477 and .471 for N(0, I) in 1,000 dimensions), so nothing is read without the floor.
Source: T. Kynkaanniemi et al. 2019, equations 1 and 2; M. F. Naeem et al. 2020, equations 5 to 9.
"""

import numpy as np

from .distances import blocks, kth_nearest
from .inputs import feature_sets
from .report import measure_against_real


def precision_recall(real, samples, rng, *, k=5, draws=10, halves=20):
    """{name: Measurement} of precision, recall, density and coverage, between n real samples and the n given.

    real, samples: (R, ...) and (n, ...), R >= 2 n; features or pixels, compared by Euclidean distance.
    """
    real, samples = feature_sets(2 * k + 2, real=real, samples=samples)

    def statistic(a, b):
        return prdc(a, b, k)

    return measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=f"k = {k}")


def prdc(real, samples, k=5):
    """{"precision", "recall", "density", "coverage"} of real (N, d) and samples (M, d), in memory O(N + M)."""
    real_radius, radius = kth_nearest(real, k), kth_nearest(samples, k)
    n, m = len(real), len(samples)
    within = found = 0
    recalled, closest = np.zeros(n, bool), np.full(n, np.inf)
    for rows, squared in blocks(samples, real):
        inside = squared <= real_radius
        within += np.count_nonzero(inside)
        found += np.count_nonzero(inside.any(axis=1))
        recalled |= (squared <= radius[rows, None]).any(axis=0)
        np.minimum(closest, squared.min(axis=0), out=closest)
    return {
        "precision": found / m,
        "recall": recalled.mean(),
        "density": within / (k * m),
        "coverage": (closest <= real_radius).mean(),
    }
