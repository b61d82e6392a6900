"""The Frechet distance: two sets of features as two Gaussians, and how far one is from the other.

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))

which is the squared 2-Wasserstein distance of N(m1, C1) and N(m2, C2).  It sees means and covariances, nothing else.
Estimated from N samples it is too large by about c / N, where c depends on the features: compare only at equal N, and
read it beside its floor, which has the same bias.
Source: D. Dowson, B. Landau, "The Frechet distance between multivariate normal distributions", 1982; M. Heusel et al.
2017, equation 6 (FID, in Inception features); the bias: M. Chong, D. Forsyth 2020.
"""

import numpy as np

from .inputs import feature_sets
from .report import measure_against_real, only


def frechet_distance(real, samples, rng, *, space=None, rank_deficient=False, draws=10, halves=20):
    """The Frechet distance (squared, as FID is) between n real samples and the n given, as a Measurement.

    real, samples: (R, ...) and (n, ...), R >= 2 n.
    space: where to measure: None for the values as they are (pixels), a number k for the first k principal components
        of `real`, or a function to features (N, d), such as a classifier's.
    n must exceed the number of dimensions, or the covariances are singular and the distance is mostly bias; with
    rank_deficient=True it is computed all the same.
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


def distance(a, b):
    """d^2 between the Gaussians fitted to two sets, (N, d) and (M, d); covariances are unbiased (N - 1)."""
    return between_gaussians(*moments(a), *moments(b))


def between_gaussians(mean1, cov1, mean2, cov2):
    """d^2 between N(mean1, cov1) and N(mean2, cov2): means (d,), covariances (d, d) symmetric, singular ones too.

    The root of C1 C2, which is not symmetric, has the trace of that of C1^(1/2) C2 C1^(1/2), which is, so two symmetric
    eigendecompositions suffice and nothing complex appears.
    """
    root = _square_root(cov1)
    eigenvalues = np.linalg.eigvalsh(root @ cov2 @ root)
    shift = mean1 - mean2
    trace = np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(eigenvalues.clip(0)).sum()
    return float(shift @ shift + max(trace, 0.0))


def moments(x):
    """(mean (d,), unbiased covariance (d, d)) of x (N, d), in float64."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def pca(reference, k):
    """The projection (N, d) -> (N, k) on the k principal components of `reference`."""
    mean, covariance = moments(reference)
    if not 1 <= k <= len(mean):
        raise ValueError(f"the number of principal components must be from 1 to the {len(mean)} dimensions, got {k}")
    axes = np.linalg.eigh(covariance)[1][:, : -k - 1 : -1]
    return lambda x: (x - mean) @ axes


def _in_space(space, real, samples):
    if callable(space):
        return *feature_sets(real=space(real), samples=space(samples)), "features"
    real, samples = feature_sets(real=real, samples=samples)
    if space is None:
        return real, samples, "as given"
    project = pca(real, space)
    return project(real), project(samples), f"PCA-{space} of real"


def _square_root(matrix):
    """The symmetric root of a symmetric positive semi-definite matrix; round-off below zero counts as zero."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
