"""The toy problems of the official WGAN-GP code, with its settings: 100,000 steps, which take hours on a CPU.

One setting differs: our critic has leaky ReLUs of slope 0.2, and theirs has ReLUs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..data.mixtures import POINTS
from ..presets import Config
from ..runs.evaluation import judge_points
from ..scale.protocol import Protocol
from . import mixtures
from .plain_training import train

if TYPE_CHECKING:
    from ..random import Generator
    from ..scale.protocol import Draw, Judged

SOURCE = "I. Gulrajani et al., Improved training of Wasserstein GANs, 2017, figure 1; gan_toy.py in its code"
OFFICIAL = Config(
    steps=100_000, batch_size=256, threads=1, model="dense", latent=2, generator_width=512, critic_width=512, depth=3,
    generator_slope=0.0, output="linear",
    loss="wasserstein", penalty="gradient_penalty", penalty_weight=0.1, critic_steps=5,
    generator_lr=1e-4, critic_lr=1e-4, beta1=0.5, beta2=0.9,
)  # fmt: skip


def judge(draw: Draw, rng: Generator, data: str, count: int) -> Judged:
    """Return the metrics of `count` points against the distribution named `data`, without modes, and the points."""
    points = draw(count, rng.spawn())
    return judge_points(points, POINTS[data](), rng), points


def _protocol(data, about, judge, shown):
    return Protocol(
        f"official-toys-{data}", about, SOURCE, (0,), {"WGAN-GP": replace(OFFICIAL, data=data)}, train, judge, shown,
        {"data": data, "count": mixtures.COUNT}, picture=mixtures.picture,
    )  # fmt: skip


official_toys = (
    _protocol(
        "8gaussians", "8 Gaussians of standard deviation 0.02 on a circle of radius 2", mixtures.judge, mixtures.SHOWN,
    ),
    _protocol("25gaussians", "25 Gaussians of standard deviation 0.05, 2 apart", mixtures.judge, mixtures.SHOWN),
    _protocol(
        "swissroll", "Swiss roll with noise 0.25", judge,
        {"sliced_w2": "sliced W2", "density": "density", "coverage": "coverage", "nn_accuracy": "1-NN"},
    ),
)  # fmt: skip
