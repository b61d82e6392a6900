"""What a run draws of itself: always the same noise, so that its pictures can be compared."""

import copy

import numpy as np

from .. import viz
from ..backend import move
from ..gan.undisturbed import undisturbed
from ..op import no_grad

ROWS, COLUMNS = 10, 20  # at most, of the grid of images
POINTS = 2000


def images(path, trainer):
    """A grid, a class to a column if there are any; the first of them if there are many."""
    columns = min(trainer.classes, COLUMNS) or ROWS
    n = ROWS * columns
    labels = np.arange(n) % columns if trainer.classes else None
    viz.save_grid(path, trainer.draw(_rng(trainer).normal((n, trainer.config.latent)), labels), columns)


def points(path, trainer):
    """Real and generated points over the critic's surface, and the generator's image of a grid of its noise."""
    config, sampler, rng = trainer.config, trainer.source.sampler, _rng(trainer)
    fake = trainer.draw(rng.normal((POINTS, config.latent)))
    viz.plane(
        path, sampler.sample(POINTS, rng), fake, _surface(trainer) if config.packing == 1 else None, trainer.draw,
        latent=config.latent, title=f"{config.data}, step {trainer.step_count:,} of {config.steps:,}",
    )  # fmt: skip


def _surface(trainer):
    """The critic as a function of points in the units of the data; one that sees packs has no such surface."""

    def surface(points):
        scaled = points / np.float32(trainer.source.sampler.scale)
        with undisturbed(trainer.critic), no_grad():
            return trainer.critic.eval()(move(scaled, trainer.device)).numpy()

    return surface


def _rng(trainer):
    return copy.copy(trainer.picture_noise)
