"""Pictures of a run, in its folder `pictures`.

| picture | for runs on | shows |
|---|---|---|
| `curves.png` | all | losses and gradient norms over the steps |
| `training.gif` | all | the pictures drawn during training, as an animation |
| `plane.png` | points | samples over the critic's surface, and the generator's image of a latent grid |
| `samples.png` | images | a grid of samples; for a VAE also images beside their reconstructions |
| `interpolation.png` | images | the images between pairs of latent points |
| `neighbours.png` | images | samples beside the training images nearest to them |
| `translations.png` | translations | held-out inputs, their translations and the targets |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import viz
from ..data.mixtures import POINTS
from ..random import Generator
from ..trainers import TRAINERS, load_data

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import PathLike
    from .folder import Run

__all__ = ["gallery", "history"]

ROWS, STEPS, NEAREST = 10, 11, 8


def gallery(run: Run) -> list[Path]:
    """Draw all pictures of a run; those that need networks take the newest checkpoint.

    Returns:
        The paths of the pictures.

    Raises:
        RunError: If there is no checkpoint. The pictures that need none, see `history`, have been drawn nevertheless.
    """
    paths = history(run)
    _, config = run.read_config()
    config = replace(config, device="auto")  # the run may come from a machine with another device
    trainer = TRAINERS[config.model](config, load_data(config))
    trainer.load_state(*run.load_checkpoint())
    for name, draw in _pictures(config).items():
        paths.append(run.pictures / f"{name}.png")
        draw(trainer, paths[-1])
    return paths


def history(run: Run) -> list[Path]:
    """Draw the curves and the animation of the training, if there are logs and pictures to make them from.

    Returns:
        The paths of the pictures.
    """
    name, _ = run.read_config()
    run.pictures.mkdir(exist_ok=True)
    paths = []
    if records := run.read_log():
        paths.append(run.pictures / "curves.png")
        viz.curves(paths[-1], records, title=f"{name}: training")
    if any(run.samples.glob("step-*.png")):
        paths.append(run.pictures / "training.gif")
        viz.training_gif(paths[-1], run.samples)
    return paths


def _pictures(config: Config) -> dict[str, Callable[[Any, PathLike], None]]:
    """Return the pictures that make sense for a run: functions of (trainer, path) by name."""
    if config.data in POINTS:
        return {"plane": _picture}
    if config.model == "unet":
        return {"translations": _picture}
    return {"samples": _picture, "interpolation": _interpolation, "neighbours": _neighbours}


def _picture(trainer, path):
    trainer.picture(path)


def _interpolation(trainer, path):
    """Draw interpolations, for a conditional generator with one class in each row."""
    a, b = Generator(trainer.config.seed).normal((2, ROWS, trainer.config.latent))
    labels = _labels(trainer)
    labels = None if labels is None else labels.repeat(STEPS)
    viz.interpolation(path, lambda z: trainer.draw(z, labels), a, b, STEPS)


def _neighbours(trainer, path):
    z = Generator(trainer.config.seed).normal((ROWS, trainer.config.latent))
    viz.neighbours(path, trainer.draw(z, _labels(trainer)), trainer.source.images, NEAREST)


def _labels(trainer):
    """Return a class for each row, None for an unconditional generator."""
    return np.arange(ROWS) % trainer.source.classes if trainer.source.classes else None
