"""Mixtures of Gaussians in the plane: which modes are found, how evenly, how exactly, how widely.

A sample is of high quality (HQ) within 3 sigma of its nearest mode; a perfect sampler has 1 - e^(-9/2) = 98.89 % of
them.  More means modes narrower than the data's, as do widths below 1.
Source: Z. Lin et al., "PacGAN: the power of two samples in generative adversarial networks", 2018, section 4.1.
"""

import math

import numpy as np

from .inputs import feature_sets
from .report import measure

OUTSIDE = math.exp(-4.5)  # the mass of a Gaussian in the plane beyond 3 sigma: P(r > t sigma) = e^(-t^2 / 2)
TRUNCATED = math.sqrt(1 - 4.5 * OUTSIDE / (1 - OUTSIDE))  # the deviation, per axis, of the mass within, in sigmas


def modes(samples, centres, sigma, rng, *, minimum=1, draws=200, halves=50):
    """{name: Measurement} of samples (N, 2) against an even mixture of N(centre, sigma^2 I), centres (K, 2).

    modes: the number of modes with at least `minimum` HQ samples (PacGAN: 1).
    high_quality: the share of HQ samples.
    reverse_kl: KL(q || uniform), q the shares of the modes among the HQ samples; infinite without any.  It does not
        see how many samples are off; biased upwards by (K - 1) / 2N.
    off_mode_kl: the same over K + 1 bins, one for all samples that are off, against a perfect sampler's shares
        (1 - e^(-9/2)) / K and e^(-9/2); biased upwards by K / 2N.
    width_min, width_max: over the modes, the standard deviation of the HQ samples about their own mean (root mean
        square of both axes) over that of a perfect sampler, .974 sigma; 0 for a mode of fewer than two.
    The floor is that of a perfect sampler of the same N.
    """
    (samples,) = feature_sets(samples=samples)
    centres, sigma = _checked_mixture(samples, centres, sigma)

    def statistic(x):
        return mode_statistics(x, centres, sigma, minimum)

    def perfect(rng):
        return (draw(len(samples), centres, sigma, rng),)

    note = f"{len(centres)} modes, sigma {sigma:g}, against a perfect sampler"
    return measure(statistic, (samples,), perfect, rng, draws=draws, halves=halves, note=note)


def mode_statistics(samples, centres, sigma, minimum=1):
    """The numbers of `modes`, without floor or error."""
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
        "modes": np.count_nonzero(counts >= minimum),
        "high_quality": good.mean(),
        "reverse_kl": kl_divergence(counts, np.full(count, 1 / count)),
        "off_mode_kl": kl_divergence(np.append(counts, np.count_nonzero(~good)), np.append(shares, OUTSIDE)),
        "width_min": widths.min(),
        "width_max": widths.max(),
    }


def kl_divergence(counts, p):
    """KL(q || p) = sum q log(q / p) in nats, q = counts / sum, both (K,); infinite where nothing was counted.

    For N counts drawn from p it is (K - 1) / 2N on average.
    """
    total = counts.sum()
    if not total:
        return math.inf
    seen = counts > 0
    q = counts[seen] / total
    with np.errstate(divide="ignore"):
        return float(np.sum(q * np.log(q / p[seen])))


def draw(n, centres, sigma, rng):
    """n points of the mixture, (n, 2)."""
    return centres[rng.integers(0, len(centres), n)] + sigma * rng.normal((n, 2), np.float64)


def _deviations(mode, offsets, counts):
    """Per mode, sqrt of the unbiased variance averaged over both axes, (K,)."""
    sums = np.stack([np.bincount(mode, weights=o, minlength=len(counts)) for o in offsets.T])
    squares = np.bincount(mode, weights=(offsets**2).sum(axis=1), minlength=len(counts))
    scatter = squares - (sums**2).sum(axis=0) / np.maximum(counts, 1)
    return np.sqrt(np.maximum(scatter, 0) / (2 * np.maximum(counts - 1, 1)))


def _checked_mixture(samples, centres, sigma):
    (centres,) = feature_sets(1, centres=centres)
    if centres.shape[1] != 2 or samples.shape[1] != 2:
        raise ValueError(
            "samples and centres must be points in the plane, (N, 2) and (K, 2), "
            f"got {samples.shape} and {centres.shape}"
        )
    if not (0 < sigma < math.inf):
        raise ValueError(f"sigma must be positive and finite, got {sigma}")
    return centres.astype(np.float64), float(sigma)
