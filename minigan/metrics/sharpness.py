"""Sharpness of images: the variance of their Laplacian.

    L(i, j) = x(i-1, j) + x(i+1, j) + x(i, j-1) + x(i, j+1) - 4 x(i, j),    sharpness = var L

over the inner pixels, averaged over channels and images. It is 0 for any linear ramp and 20 s^2 for white noise of
standard deviation s. So it detects blur but not quality: noise is sharper than any photograph, and a value above the
floor is as bad as one below.

Source: J. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .inputs import array, feature_sets
from .measurement import measure, only

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["laplacian_variance", "sharpness"]


def sharpness(
    real: Tensor | ArrayLike, samples: Tensor | ArrayLike, rng: Generator | int, *, draws: int = 50, halves: int = 50
) -> Measurement:
    """Measure the mean variance of the Laplacian of images, in squares of the unit of the pixels.

    The floor is the score of n real images, drawn with replacement.

    Args:
        real: Real images (R, H, W, C) with sides of at least 3.
        samples: Generated images (n, H, W, C), scaled like the real ones.
        rng: A generator of the random numbers for floor and standard error, or a seed.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.
    """
    feature_sets(real=real, samples=samples)
    of_real, values = laplacian_variance(real), laplacian_variance(samples)

    def statistic(v):
        return {"sharpness": v.mean()}

    def perfect(rng):
        return (of_real[rng.integers(0, len(of_real), len(values))],)

    return only(measure(statistic, (values,), perfect, rng, draws=draws, halves=halves, note="variance of Laplacian"))


def laplacian_variance(images: Tensor | ArrayLike) -> Array:
    """Return the variance of the Laplacian of each image over its inner pixels, averaged over channels.

    Args:
        images: Images (N, H, W, C) with sides of at least 3.

    Returns:
        float64 (N,).
    """
    x = array(images)
    if x.ndim != 4 or min(x.shape[1:3]) < 3:
        raise ValueError(f"sharpness: images must be (N, H, W, C) with sides of at least 3, got shape {x.shape}")
    x = x.astype(np.float64)
    inner = x[:, 1:-1, 1:-1]
    laplacian = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:] - 4 * inner
    return laplacian.var(axis=(1, 2)).mean(axis=1)
