"""Frechet distance: the distance between the Gaussians fitted to two sets of features.

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))

It is the squared 2-Wasserstein distance of N(m1, C1) and N(m2, C2), and depends on means and covariances only.
Estimated from N samples it is too large by about c / N, where c depends on the features: compare it only at equal N,
and together with its floor, which has the same bias.
Source: D. Dowson, B. Landau, "The Frechet distance between multivariate normal distributions", 1982; M. Heusel et al.
2017, equation 6 (FID, in Inception features); the bias: M. Chong, D. Forsyth 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .inputs import feature_sets
from .measurement import measure_against_real, only

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["between_gaussians", "distance", "frechet_distance", "moments", "pca"]


def __dir__() -> list[str]:
    return sorted(__all__)


def frechet_distance(
    real: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    space: int | Callable[..., Tensor | ArrayLike] | None = None,
    rank_deficient: bool = False,
    draws: int = 10,
    halves: int = 20,
) -> Measurement:
    """Measure the squared Frechet distance, as in FID, between n real samples and the n generated ones.

    Args:
        real: Real data (R, ...), R >= 2 n.
        samples: Generated data (n, ...). n must exceed the number of dimensions d, or the covariances are singular and
            the distance is mostly bias.
        rng: A generator of the random numbers for floor and standard error, or a seed.
        space: The space of the distance: None for the values themselves (pixels), a number k for the first k principal
            components of `real`, or a function to features (N, d), such as `Classifier.features`.
        rank_deficient: Whether to compute the distance although n <= d.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Raises:
        ValueError: If there are too few samples, or the sets do not match.
    """
    real, samples, name = _in_space(space, real, samples)
    n, d = samples.shape
    if n <= d and not rank_deficient:
        raise ValueError(
            f"frechet_distance: {n:,} samples in {d:,} dimensions have a singular covariance; expected at least "
            f"{d + 1:,} samples, or fewer dimensions (space=k for k principal components), or rank_deficient=True"
        )
    note = f"{name}, {d} dimensions, biased upwards by c / n like its floor"

    def statistic(a, b):
        return {"frechet": distance(a, b)}

    return only(measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=note))


def distance(a: Array, b: Array) -> float:
    """Return d^2 between the Gaussians fitted to two sets, (N, d) and (M, d); covariances are unbiased (N - 1)."""
    return between_gaussians(*moments(a), *moments(b))


def between_gaussians(mean1: Array, cov1: Array, mean2: Array, cov2: Array) -> float:
    """Return d^2 between two Gaussians with means (d,) and symmetric, possibly singular covariances (d, d).

    The root of C1 C2, which is not symmetric, has the same trace as the root of C1^(1/2) C2 C1^(1/2), which is
    symmetric. So two symmetric eigendecompositions suffice and no complex numbers appear.
    """
    root = _square_root(cov1)
    eigenvalues = np.linalg.eigvalsh(root @ cov2 @ root)
    shift = mean1 - mean2
    trace = np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(eigenvalues.clip(0)).sum()
    return float(shift @ shift + max(trace, 0.0))


def moments(x: Array) -> tuple[Array, Array]:
    """Return the mean (d,) and the unbiased covariance (d, d) of x (N, d), in float64."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def pca(reference: Array, k: int) -> Callable[[Array], Array]:
    """Return the projection (N, d) -> (N, k) onto the first k principal components of `reference`."""
    mean, covariance = moments(reference)
    if not 1 <= k <= len(mean):
        raise ValueError(f"the number of principal components must be from 1 to the {len(mean)} dimensions, got {k}")
    axes = np.linalg.eigh(covariance)[1][:, : -k - 1 : -1]
    return lambda x: (x - mean) @ axes


def _in_space(
    space: int | Callable[..., Tensor | ArrayLike] | None, real: Tensor | ArrayLike, samples: Tensor | ArrayLike
) -> tuple[Array, Array, str]:
    """Return both sets in `space`, and the name of the space."""
    if callable(space):
        real, samples = feature_sets(real=space(real), samples=space(samples))
        return real, samples, "features"
    real, samples = feature_sets(real=real, samples=samples)
    if space is None:
        return real, samples, "as given"
    project = pca(real, space)
    return project(real), project(samples), f"PCA-{space} of real"


def _square_root(matrix: Array) -> Array:
    """Return the symmetric root of a symmetric positive semi-definite matrix; negative round-off counts as zero."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
