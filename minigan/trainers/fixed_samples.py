"""Pictures drawn during training, always from the same noise, so that they can be compared."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from .. import viz
from ..backend import move
from ..gan.undisturbed import undisturbed
from ..op import no_grad

if TYPE_CHECKING:
    from ..types import PathLike
    from .gan import Trainer
    from .sources import Sampler

__all__ = ["images", "points"]

ROWS, COLUMNS = 10, 20  # of the grid of images, at most
POINTS = 2000


def images(path: PathLike, trainer: Trainer) -> None:
    """Draw a grid of samples; a conditional generator draws one class in each column, up to `COLUMNS` classes."""
    columns = min(trainer.classes, COLUMNS) or ROWS
    n = ROWS * columns
    labels = np.arange(n) % columns if trainer.classes else None
    viz.save_grid(path, trainer.draw(_rng(trainer).normal((n, trainer.config.latent)), labels), columns)


def points(path: PathLike, trainer: Trainer, sampler: Sampler) -> None:
    """Draw real and generated points over the critic's surface, and the generator's image of a grid of its noise."""
    config, rng = trainer.config, _rng(trainer)
    fake = trainer.draw(rng.normal((POINTS, config.latent)))
    surface = _surface(trainer, sampler.scale) if config.packing == 1 else None
    viz.plane(
        path, sampler.sample(POINTS, rng), fake, surface, trainer.draw,
        latent=config.latent, title=f"{config.data}, step {trainer.step_count:,} of {config.steps:,}",
    )  # fmt: skip


def _surface(trainer, scale):
    """Return the critic as a function of single points in the units of the data."""

    def surface(points):
        scaled = points / np.float32(scale)
        with undisturbed(trainer.critic), no_grad():
            return trainer.critic.eval()(move(scaled, trainer.device)).numpy()

    return surface


def _rng(trainer):
    return copy.copy(trainer.picture_noise)
