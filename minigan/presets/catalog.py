"""The presets: configurations with a name and a source."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .. import data
from ..suggest import among
from .config import Config

__all__ = ["DEFAULT", "PRESETS", "Preset", "preset"]


@dataclass(frozen=True)
class Preset:
    """A named configuration.

    Attributes:
        config: The configuration.
        source: Authors and year of the papers that it follows.
        about: One-line description.
    """

    config: Config
    source: str
    about: str


DEFAULT = "digits"
"""Name of the preset that `minigan train` takes without an argument."""

_DIGITS = Preset(
    Config(
        steps=4000, batch_size=32, latent=64, conditional=True, threads=1,
        generator_width=16, critic_width=16, kernel=4, generator_slope=0.0, critic_norm=True,
        generator_lr=1e-3, critic_lr=1e-3, beta2=0.99, schedule="linear", ema=0.03,
    ),
    "Radford et al. 2015; Miyato and Koyama 2018",
    "the default: a small conditional DCGAN, in a minute",
)  # fmt: skip

_LSGAN_GP_16 = Preset(
    Config(
        data="stacked-mnist-10k", size=16, steps=3000, refine=True,
        loss="least_squares", penalty="zero_centered", penalty_weight=10.0,
    ),  # zero-centred, as a gradient norm of 1 between images 15 apart contradicts the targets 0 and 1
    "Mao et al. 2017; Thanh-Tung et al. 2019",
    "DCGAN of 16x16x3, least squares, zero-centred penalty",
)  # fmt: skip

_DCGAN_28_WGAN_GP = Preset(
    Config(
        steps=2000, refine=True, dropout=0.3,
        loss="wasserstein", penalty="gradient_penalty", critic_steps=5,
        generator_lr=1e-4, critic_lr=1e-4, beta2=0.9,
    ),
    "Gulrajani et al. 2017",
    "DCGAN of 28x28 images as a Wasserstein GAN with gradient penalty",
)  # fmt: skip

_WGAN = Preset(
    Config(
        steps=2000, refine=True,
        loss="wasserstein", penalty="clip", penalty_weight=0.01, critic_steps=5,
        optimizer="rmsprop", generator_lr=5e-5, critic_lr=5e-5,
    ),
    "Arjovsky et al. 2017",
    "DCGAN as a Wasserstein GAN with clipped weights",
)  # fmt: skip

_DCGAN = Preset(
    Config(steps=3000, refine=True),
    "Radford et al. 2015",
    "DCGAN with the non-saturating loss",
)

_DCGAN_BN = Preset(
    Config(steps=3000, refine=True, critic_norm=True, output="sigmoid"),
    "Radford et al. 2015",
    "DCGAN with batch norm in the critic too, and sigmoid images",
)

_SNGAN = Preset(
    Config(steps=3000, refine=True, spectral=True, loss="hinge"),
    "Miyato et al. 2018",
    "DCGAN with a spectrally normalised critic and the hinge loss",
)

_DCGAN_CONDITIONAL = Preset(
    dataclasses.replace(_DCGAN.config, conditional=True, conditioning="concatenation"),
    "Mirza and Osindero 2014",
    "DCGAN whose networks get the class as a part of their input",
)

_SNGAN_CONDITIONAL = Preset(
    dataclasses.replace(_SNGAN.config, conditional=True),
    "Miyato and Koyama 2018",
    "SNGAN with a projection critic",
)

# Without R1 the dense networks on sigmoid images collapse onto one picture within a few hundred steps.
_DENSE_128 = Preset(
    Config(
        steps=20_000, model="dense", generator_width=128, critic_width=128, output="sigmoid",
        penalty="r1", penalty_weight=1.0, generator_lr=5e-4, critic_lr=5e-4,
    ),
    "Goodfellow et al. 2014; Mescheder et al. 2018",
    "two hidden layers of 128 units, stabilised by R1",
)  # fmt: skip

_DENSE_CONDITIONAL = Preset(
    dataclasses.replace(_DENSE_128.config, conditional=True, conditioning="concatenation"),
    "Mirza and Osindero 2014",
    "two hidden layers of 128 units that get the class of the digit to draw",
)

_DENSE_1024 = Preset(
    Config(
        steps=5000, model="dense", generator_width=1024, critic_width=1024, output="sigmoid",
        penalty="r1", penalty_weight=1.0, first_phase=0.5, critic_steps=2, held_out=1000, summary_interval=100,
    ),
    "Goodfellow et al. 2014; Mescheder et al. 2018",
    "1024 units, two phases, held-out tests, TensorBoard",
)  # fmt: skip

_R3GAN_SMALL = Preset(
    Config(
        steps=3000, batch_size=32, model="residual", depth=1, latent=64, generator_width=8, critic_width=8,
        output="linear",
        loss="relativistic", penalty="r1_r2", penalty_weight=1.0, penalty_weight_end=0.1, penalty_fall="cosine",
        instance_noise=0.5,  # not the paper's: without it the critic outruns so small a generator
        beta1=0.0, beta2=0.9, beta2_end=0.99, schedule="burn_in", lr_end=0.25, ema=0.05, burn_in=0.2,
    ),
    "Huang et al. 2024",
    "residual networks, relativistic loss, R1 and R2, a burn-in of all schedules",
)  # fmt: skip

# With a logistic loss the critic's score of a mode stops at the log-ratio of real and generated mass: too small a
# gradient for samples between sharp modes. With the Wasserstein loss it grows until both masses agree, and the drift
# penalty damps the oscillation.
_TOY_RING = Preset(
    Config(
        data="ring", steps=14_000, batch_size=512, latent=2, threads=1,
        model="dense", depth=3, generator_depth=4, generator_width=128, critic_width=128, generator_slope=0.0,
        output="linear", octaves=4,
        loss="wasserstein", penalty="r1_r2", penalty_weight=0.3, penalty_weight_end=1e-3, burn_in=0.7, drift=0.1,
        generator_lr=1e-3, critic_lr=1e-3, beta1=0.0, beta2=0.999, schedule="geometric", lr_end=0.02, ema=0.02,
    ),
    "Lin et al. 2018",
    "8 Gaussians on a circle: Wasserstein loss, R1 and R2, drift, Fourier features",
)  # fmt: skip

# A critic with twice the generator's learning rate and one more octave resolves the width of each of the 25 modes.
# High learning rates separate the modes; low ones, in the rest of the run, let the masses of the modes settle.
_TOY_GRID = Preset(
    dataclasses.replace(
        _TOY_RING.config, data="grid", steps=20_000, batch_size=1024, generator_depth=6, octaves=5,
        penalty_weight=1.0, drift=0.06,
        critic_lr=2e-3, beta2=0.99, beta2_end=0.999, schedule="burn_in", lr_end=0.005, burn_in=0.6, ema=0.05,
    ),
    "Lin et al. 2018",
    "25 Gaussians on a grid, by the same recipe",
)  # fmt: skip

_TOY_SWISSROLL = Preset(
    dataclasses.replace(_TOY_RING.config, data="swissroll", batch_size=256, penalty_weight_end=3e-3),
    "Gulrajani et al. 2017",
    "a spiral, by the same recipe",
)

_TRANSLATE = Preset(
    Config(
        model="unet", held_out=1000, steps=1500, batch_size=32, depth=3, generator_width=16, critic_width=16,
        critic_norm=True, l1_weight=30.0, generator_lr=1e-3, critic_lr=1e-3, schedule="linear",
    ),
    "Isola et al. 2017",
    "from gray digits to colored ones, or with --task edges from outlines to digits",
)  # fmt: skip

_VAE = Preset(
    Config(
        model="vae", held_out=1000, steps=3000, batch_size=32, latent=16, generator_width=16, kernel=4,
        output="sigmoid", generator_lr=1e-3, beta1=0.9, schedule="linear",
    ),
    "Kingma and Welling 2014",
    "a variational autoencoder with the layers of a DCGAN and Bernoulli pixels",
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    "digits": _DIGITS,
    "lsgan-gp-16": _LSGAN_GP_16,
    "dcgan-28-wgan-gp": _DCGAN_28_WGAN_GP,
    "wgan": _WGAN,
    "dcgan": _DCGAN,
    "dcgan-bn": _DCGAN_BN,
    "dcgan-conditional": _DCGAN_CONDITIONAL,
    "sngan": _SNGAN,
    "sngan-conditional": _SNGAN_CONDITIONAL,
    "dense-128": _DENSE_128,
    "dense-conditional": _DENSE_CONDITIONAL,
    "dense-1024": _DENSE_1024,
    "r3gan-small": _R3GAN_SMALL,
    "translate": _TRANSLATE,
    "vae": _VAE,
    "toy-ring": _TOY_RING,
    "toy-grid": _TOY_GRID,
    "toy-swissroll": _TOY_SWISSROLL,
}
"""The presets by name, in the order in which `minigan presets` lists them."""


def preset(name: str) -> Config:
    """Return the configuration of a preset.

    Args:
        name: One of `PRESETS`.

    Raises:
        ValueError: If there is no such preset; the message suggests the most similar name.

    Example:
        >>> preset("toy-ring").steps
        14000
    """
    if name not in PRESETS:
        hint = f"; that is a data set, --data {name}" if name in data.names() else ""
        raise ValueError(f"unknown preset {name!r}{hint}{among(name, PRESETS)}")
    return PRESETS[name].config
