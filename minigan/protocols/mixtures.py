"""Mode coverage on the ring and the grid, as PacGAN measures it, and nine methods under equal conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import viz
from ..data.mixtures import POINTS, Mixture
from ..presets import Config, preset
from ..random import Generator
from ..runs.evaluation import judge_mixture
from ..scale.protocol import Protocol, Published, Target
from .plain_training import train

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ..scale.protocol import Draw, Judged

COUNT = 2_500
SEEDS = tuple(range(10))
SHOWN = {
    "modes": "modes",
    "high_quality": "HQ",
    "reverse_kl": "KL",
    "off_mode_kl": "KL off-mode",
    "width_min": "narrowest",
    "width_max": "widest",
}


def judge(draw: Draw, rng: Generator, data: str, count: int) -> Judged:
    """Return the metrics of `count` points against the mixture named `data`, and the points."""
    points = draw(count, rng.spawn())
    mixture = POINTS[data]()
    assert isinstance(mixture, Mixture)  # a SwissRoll has no modes
    return judge_mixture(points, mixture, rng), points


def picture(path: Path, points: np.ndarray, data: str, count: int) -> None:
    """Draw the points over as many points of the mixture named `data`."""
    viz.plane(path, POINTS[data]().sample(count, Generator(0)), points, title=data)


def _rows(*rows):
    metrics = ("modes", "high_quality", "reverse_kl")
    return tuple(Published(method, source, dict(zip(metrics, row, strict=False))) for method, source, *row in rows)


PUBLISHED = {
    "ring": _rows(
        ("GAN", "PacGAN table 1", 6.3, 0.982, 0.45),
        ("ALI", "PacGAN table 1", 6.6, 0.976, 0.36),
        ("Unrolled GAN", "VEEGAN table 1", 7.6, 0.356),
        ("VEEGAN", "VEEGAN table 1", 8, 0.529),
        ("WGAN-GP", "GDPP table 1", 6.8, 0.596),
        ("PacGAN2", "PacGAN table 1", 7.9, 0.956, 0.07),
        ("PacGAN4", "PacGAN table 1", 7.8, 0.959, 0.07),
    ),
    "grid": _rows(
        ("GAN", "PacGAN table 1", 17.3, 0.948, 0.70),
        ("ALI", "PacGAN table 1", 24.1, 0.957, 0.14),
        ("Unrolled GAN", "VEEGAN table 1", 23.6, 0.16),
        ("VEEGAN", "VEEGAN table 1", 24.6, 0.40),
        ("WGAN-GP", "GDPP table 1", 24.2, 0.287),
        ("PacGAN2", "PacGAN table 1", 23.8, 0.913, 0.13),
        ("PacGAN4", "PacGAN table 1", 24.8, 0.936, 0.04),
    ),
}
ABOUT = {
    "ring": f"ring: 8 Gaussians of standard deviation 0.01 on the unit circle, {COUNT:,} samples",
    "grid": f"grid: 25 Gaussians of standard deviation 0.05, 2 apart, {COUNT:,} samples",
}


def _targets(modes, kl, kl_perfect):
    """Return our targets for every seed, and targets that a perfect sampler meets (its 95 % quantile for KL)."""
    quality, width = Target(0.97), {"width_min": Target(0.5)}
    perfect = {"width_min": Target(0.8), "width_max": Target(most=1.2)}
    return {
        "reached": {"modes": Target(modes), "high_quality": quality, "reverse_kl": Target(most=kl)} | width,
        "as a perfect sampler": {
            "modes": Target(modes), "high_quality": Target(0.984, 0.993), "reverse_kl": Target(most=kl_perfect),
        } | perfect,
    }  # fmt: skip


def _protocol(name, data, methods, targets):
    return Protocol(
        name, ABOUT[data], "Z. Lin et al., PacGAN, 2018, section 4.1", SEEDS, methods, train, judge, SHOWN,
        {"data": data, "count": COUNT}, PUBLISHED[data], targets, picture,
    )  # fmt: skip


ring = _protocol("ring", "ring", {"WGAN + R1 + R2 + drift": preset("toy-ring")}, _targets(8, 0.005, 0.0029))
grid = _protocol("grid", "grid", {"WGAN + R1 + R2 + drift": preset("toy-grid")}, _targets(25, 0.008, 0.0072))

# Equal conditions: networks, batch size, learning rates with their schedule and the weight average are the same for all
# methods. They differ in loss, penalty, critic steps, spectral norm and packing. WGAN uses RMSprop, as in its paper;
# the others use Adam with beta1 = 0, as in the papers on penalties.
_COMMON = Config(
    steps=2500, batch_size=128, threads=1, model="dense", latent=2, generator_width=96, critic_width=96, depth=3,
    generator_slope=0.0, output="linear",
    generator_lr=1e-3, critic_lr=1e-3, beta1=0.0, beta2=0.99, schedule="cosine", ema=0.02,
)  # fmt: skip
_FALLING = {"penalty_weight": 0.3, "penalty_weight_end": 0.001, "burn_in": 0.7}  # gamma, as in toy-ring
METHODS: dict[str, dict[str, Any]] = {
    "GAN": {},
    "LSGAN": {"loss": "least_squares"},
    "WGAN": {
        "loss": "wasserstein",
        "penalty": "clip",
        "penalty_weight": 0.01,
        "critic_steps": 5,
        "optimizer": "rmsprop",
    },
    "WGAN-GP": {"loss": "wasserstein", "penalty": "gradient_penalty", "penalty_weight": 0.1, "critic_steps": 5},
    "spectral norm": {"loss": "hinge", "spectral": True},
    "R1": {"penalty": "r1", **_FALLING},
    "R1 + R2": {"penalty": "r1_r2", **_FALLING},
    "RpGAN + R1 + R2": {"loss": "relativistic", "penalty": "r1_r2", **_FALLING},
    "PacGAN2": {"packing": 2},
}
same_harness = tuple(
    _protocol(
        f"same-harness-{data}", data,
        {name: replace(_COMMON, data=data, **changes) for name, changes in METHODS.items()}, {},
    )
    for data in ("ring", "grid")
)  # fmt: skip
