"""Sharpness: how much of an image changes within a pixel, by the variance of its Laplacian.

    L(i, j) = x(i-1, j) + x(i+1, j) + x(i, j-1) + x(i, j+1) - 4 x(i, j),    sharpness = var L

over the inner pixels, averaged over channels and images.  It is 0 for any linear ramp and 20 s^2 for white noise of
deviation s, so it tells blur from its absence and not good from bad: noise is sharper than any photograph, and a value
above the floor is as wrong as one below.
Source: J. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000.
"""

import numpy as np

from .inputs import array, feature_sets
from .report import measure, only


def sharpness(real, samples, rng, *, draws=50, halves=50):
    """The mean variance of the Laplacian of the samples, as a Measurement, in squares of the data's units.

    real, samples: images (R, H, W, C) and (n, H, W, C), both scaled alike, sides of at least 3.
    The floor: n of the real images, with repetition.
    """
    feature_sets(real=real, samples=samples)
    real, values = laplacian_variance(real), laplacian_variance(samples)

    def statistic(v):
        return {"sharpness": v.mean()}

    def perfect(rng):
        return (real[rng.integers(0, len(real), len(values))],)

    return only(measure(statistic, (values,), perfect, rng, draws=draws, halves=halves, note="variance of Laplacian"))


def laplacian_variance(images):
    """The variance of the Laplacian over the inner pixels, the mean of the channels': (N, H, W, C) -> float64 (N,)."""
    x = array(images)
    if x.ndim != 4 or min(x.shape[1:3]) < 3:
        raise ValueError(f"sharpness: images must be (N, H, W, C) with sides of at least 3, got shape {x.shape}")
    x = x.astype(np.float64)
    inner = x[:, 1:-1, 1:-1]
    laplacian = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:] - 4 * inner
    return laplacian.var(axis=(1, 2)).mean(axis=1)
