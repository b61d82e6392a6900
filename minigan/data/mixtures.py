"""Toy distributions in the plane, for which the lost modes can be counted and the true density is known.

All samples are in the units in which the modes are published. A network is trained on samples divided by `scale`,
which brings each coordinate to a standard deviation of about 1; its output is multiplied by `scale` before it is
judged.

Sources: ring and grid: Z. Lin, A. Khetan, G. Fanti, S. Oh, "PacGAN: the power of two samples in generative
    adversarial networks", 2018, after A. Srivastava et al., "VEEGAN", 2017. The other three:
    `gan_toy.py` in the code of I. Gulrajani et al., "Improved training of Wasserstein GANs", 2017, figure 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Array, Generator

__all__ = ["Mixture", "SwissRoll", "eight_gaussians", "grid", "ring", "swissroll", "twentyfive_gaussians"]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixture of equally likely round Gaussians in the plane.

    Attributes:
        modes: The centres, shape (K, 2), kept as read-only float64.
        sigma: The standard deviation of each Gaussian in each coordinate, above 0.
        scale: The divisor of training data, above 0.

    Raises:
        ValueError: If the modes have another shape or are not finite, or sigma or scale is not a positive number.
    """

    modes: Array
    sigma: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        modes = np.array(self.modes, dtype=np.float64)
        if modes.ndim != 2 or modes.shape[1] != 2 or not len(modes) or not np.isfinite(modes).all():
            raise ValueError(f"Mixture: modes must be finite numbers of shape (K, 2), got shape {modes.shape}")
        _check_positive("Mixture", sigma=self.sigma, scale=self.scale)
        modes.flags.writeable = False
        object.__setattr__(self, "modes", modes)

    def sample(self, n: int, rng: Generator) -> Array:
        """Draw n points, float32 (n, 2), not divided by `scale`."""
        centres = self.modes.astype(np.float32)[rng.integers(0, len(self.modes), (n,))]
        return centres + np.float32(self.sigma) * rng.normal((n, 2))


@dataclass(frozen=True)
class SwissRoll:
    """Spiral of one and a half turns, (t cos t, t sin t) with t uniform on [3 pi / 2, 9 pi / 2), plus noise.

    It has no modes. It is the first and third coordinate of the roll of S. Marsland, "Machine learning: an algorithmic
    perspective", 2009, chapter 10, as scikit-learn's `make_swiss_roll` draws it.

    Attributes:
        noise: The standard deviation of the Gaussian noise in each coordinate, above 0.
        scale: The divisor of training data, above 0.

    Raises:
        ValueError: If noise or scale is not a positive number.
    """

    noise: float = 0.25
    scale: float = 7.5

    def __post_init__(self) -> None:
        _check_positive("SwissRoll", noise=self.noise, scale=self.scale)

    def sample(self, n: int, rng: Generator) -> Array:
        """Draw n points, float32 (n, 2), not divided by `scale`."""
        t = 1.5 * math.pi * (1 + 2 * rng.uniform((n,), dtype=np.float64))
        curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
        return curve.astype(np.float32) + np.float32(self.noise) * rng.normal((n, 2))


def ring() -> Mixture:
    """Return PacGAN's ring: 8 modes on the unit circle at the angles 2 pi i / 8, sigma 0.01, training scale 0.707.

    Several public copies of it space 8 angles from 0 to 2 pi with both ends included, so they have only 7 different
    modes, one of them twice.
    """
    return Mixture(_circle(8), sigma=0.01, scale=0.707)


def grid() -> Mixture:
    """Return PacGAN's grid: 25 modes at {-4, -2, 0, 2, 4} x {-4, -2, 0, 2, 4}, sigma 0.05, training scale 2.83."""
    return Mixture(_square(), sigma=0.05, scale=2.83)


def eight_gaussians() -> Mixture:
    """Return the 8 Gaussians of WGAN-GP: on a circle of radius 2, sigma 0.02, training scale 1.414."""
    return Mixture(2 * _circle(8), sigma=0.02, scale=1.414)


def twentyfive_gaussians() -> Mixture:
    """Return the 25 Gaussians of WGAN-GP: a grid with a spacing of 2, sigma 0.05, training scale 2.828."""
    return Mixture(_square(), sigma=0.05, scale=2.828)


def swissroll() -> SwissRoll:
    """Return the Swiss roll of WGAN-GP: dimensions 0 and 2, noise 0.25, training scale 7.5."""
    return SwissRoll(noise=0.25, scale=7.5)


def _circle(count):
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _square():
    side = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def _check_positive(owner, **numbers):
    for name, number in numbers.items():
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"{owner}: {name} must be a positive number, got {number}")


POINTS: dict[str, Callable[[], Mixture | SwissRoll]] = {
    "ring": ring,
    "grid": grid,
    "swissroll": swissroll,
    "8gaussians": eight_gaussians,
    "25gaussians": twentyfive_gaussians,
}
"""The functions that make the samplers, by their names for `--data`."""
