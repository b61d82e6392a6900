"""New samples from what was saved."""

import math

from .. import viz
from ..data.mixtures import POINTS
from ..random import Generator
from ..trainers import TRAINERS, load_data


def draw(run, n, seed=0, label=None):
    """n samples from the newest checkpoint of `run`: images (n, H, W, C) in [-1, 1] or points (n, 2), float32.

    label: the class to draw, for a conditional generator; each as often as in the data if None.
    """
    _, config = run.read_config()
    return TRAINERS[config.model].samples(config, *run.load_checkpoint(), n, Generator(seed), label)


def save_picture(path, config, samples):
    """Write samples that `draw` gave as a PNG: a square grid of images, or points beside as many of the data's."""
    if config.data not in POINTS:
        return viz.save_grid(path, samples, columns=math.isqrt(len(samples) - 1) + 1)
    title = f"{config.data}: {len(samples):,} samples"
    return viz.plane(path, load_data(config).sample(len(samples), Generator(config.seed)), samples, title=title)
