"""Toy distributions in the plane, on which mode collapse can be counted and every answer is known.

All samples are in the units in which the modes are published. A network is trained on samples divided by
`scale`, which brings each coordinate to a standard deviation of about 1; what it generates is multiplied by
`scale` before it is judged.

Sources: ring and grid: Z. Lin, A. Khetan, G. Fanti, S. Oh, "PacGAN: the power of two samples in generative
    adversarial networks", 2018, after A. Srivastava et al., "VEEGAN", 2017. The other three:
    `gan_toy.py` in the code of I. Gulrajani et al., "Improved training of Wasserstein GANs", 2017, figure 1.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Mixture", "SwissRoll", "eight_gaussians", "grid", "ring", "swissroll", "twentyfive_gaussians"]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely round Gaussians.

    modes: their centres, shape (K, 2), kept as read-only float64. sigma: the standard deviation of each, in
        each coordinate, above 0. scale: what training data are divided by.
    Raises ValueError for modes of another shape or that are not finite, and for a sigma or scale that is not a
    positive number.
    """

    modes: np.ndarray
    sigma: float
    scale: float = 1.0

    def __post_init__(self):
        modes = np.array(self.modes, dtype=np.float64)
        if modes.ndim != 2 or modes.shape[1] != 2 or not len(modes) or not np.isfinite(modes).all():
            raise ValueError(f"Mixture: modes must be finite numbers of shape (K, 2), got shape {modes.shape}")
        _check_positive("Mixture", sigma=self.sigma, scale=self.scale)
        modes.flags.writeable = False
        object.__setattr__(self, "modes", modes)

    def sample(self, n, rng):
        """n points, float32 (n, 2), not divided by `scale`. rng: a `minigan.random.Generator`."""
        centres = self.modes.astype(np.float32)[rng.integers(0, len(self.modes), (n,))]
        return centres + np.float32(self.sigma) * rng.normal((n, 2))


@dataclass(frozen=True)
class SwissRoll:
    """A spiral of one and a half turns, (t cos t, t sin t) with t uniform on [3 pi / 2, 9 pi / 2), plus noise.

    noise: the standard deviation of the Gaussian noise in each coordinate, above 0. scale: what training data
        are divided by. It has no modes.
    The first and third coordinate of the roll of S. Marsland, "Machine learning: an algorithmic perspective",
    2009, chapter 10, as scikit-learn's `make_swiss_roll` draws it.
    """

    noise: float = 0.25
    scale: float = 7.5

    def __post_init__(self):
        _check_positive("SwissRoll", noise=self.noise, scale=self.scale)

    def sample(self, n, rng):
        """n points, float32 (n, 2), not divided by `scale`. rng: a `minigan.random.Generator`."""
        t = 1.5 * math.pi * (1 + 2 * rng.uniform((n,), dtype=np.float64))
        curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
        return curve.astype(np.float32) + np.float32(self.noise) * rng.normal((n, 2))


def ring():
    """PacGAN's ring: 8 modes on the unit circle, at the angles 2 pi i / 8, sigma 0.01; training scale 0.707.

    Several public copies space the angles from 0 to 2 pi with both ends and so have a double mode and 7 in all.
    """
    return Mixture(_circle(8), sigma=0.01, scale=0.707)


def grid():
    """PacGAN's grid: 25 modes, {-4, -2, 0, 2, 4} squared, sigma 0.05; training scale 2.83."""
    return Mixture(_square(), sigma=0.05, scale=2.83)


def eight_gaussians():
    """The 8 Gaussians of WGAN-GP: on a circle of radius 2, sigma 0.02; divided by 1.414 for training."""
    return Mixture(2 * _circle(8), sigma=0.02, scale=1.414)


def twentyfive_gaussians():
    """The 25 Gaussians of WGAN-GP: a grid with a spacing of 2, sigma 0.05; divided by 2.828 for training."""
    return Mixture(_square(), sigma=0.05, scale=2.828)


def swissroll():
    """The Swiss roll of WGAN-GP: dimensions 0 and 2, noise 0.25; divided by 7.5 for training."""
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


POINTS = {
    "ring": ring,
    "grid": grid,
    "swissroll": swissroll,
    "8gaussians": eight_gaussians,
    "25gaussians": twentyfive_gaussians,
}
"""{name for `--data`: the function that makes its sampler}."""
