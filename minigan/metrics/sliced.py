"""Sliced Wasserstein distance: sorted numbers, along random directions.

On a line the optimal transport joins the i-th smallest with the i-th smallest,
W_p^p = int_0^1 |F^-1(u) - G^-1(u)|^p du, and SW_p^p is its mean over directions on the unit sphere.  At finite n it is
biased upwards.
Source: J. Rabin et al., "Wasserstein barycenter and its application to texture mixing", 2011; N. Bonneel et al. 2015.
"""

import numpy as np

from .inputs import feature_sets
from .report import measure_against_real, only


def sliced_wasserstein(real, samples, rng, *, p=2, projections=128, draws=10, halves=20):
    """SW_p between n real samples and the n given, in the units of the data, as a Measurement.

    real, samples: (R, ...) and (n, ...), R >= 2 n.  Value, floor and error use the same `projections` directions;
    the error does not include the choice of them.
    """
    real, samples = feature_sets(real=real, samples=samples)
    axes = directions(projections, samples.shape[1], rng.spawn())

    def statistic(a, b):
        return {f"sliced_w{p:g}": distance(a, b, axes, p)}

    note = f"{projections} directions, biased upwards like its floor"
    return only(measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=note))


def directions(count, d, rng):
    """`count` unit vectors, uniform on the sphere in d dimensions, (count, d)."""
    v = rng.normal((count, d), np.float64)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def distance(a, b, axes, p=2):
    """SW_p of a (N, d) and b (M, d) along axes (L, d); exact for N unlike M too."""
    if not p >= 1:
        raise ValueError(f"p must be at least 1, got {p}")
    # Both quantile functions are constant between the breaks i/N and j/M: integrate over those pieces.
    steps = np.union1d(np.arange(1, len(a) + 1) * len(b), np.arange(1, len(b) + 1) * len(a))
    widths = np.diff(steps, prepend=0) / (len(a) * len(b))
    i, j = (steps - 1) // len(b), (steps - 1) // len(a)
    total = 0.0
    for axis in axes:
        gap = np.sort(a @ axis)[i] - np.sort(b @ axis)[j]
        total += widths @ abs(gap) ** p
    return float((total / len(axes)) ** (1 / p))
