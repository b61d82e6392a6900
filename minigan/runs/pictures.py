"""All that can be drawn of a run, into its folder `pictures`.

| picture | of | shows |
|---|---|---|
| `curves.png` | all | losses and gradient norms over the steps |
| `training.gif` | all | the pictures drawn during training, as an animation |
| `plane.png` | points | samples over the critic's surface, and the generator's image of a latent grid |
| `samples.png` | images | a grid of samples; of a VAE, first images beside their reconstructions |
| `interpolation.png` | images | the images between pairs of latent points |
| `neighbours.png` | images | samples beside the training images nearest to them |
| `translations.png` | translations | held-out inputs, their translations and the targets |
"""

from dataclasses import replace

import numpy as np

from .. import viz
from ..data.mixtures import POINTS
from ..random import Generator
from ..trainers import TRAINERS, load_data

ROWS, STEPS, NEAREST = 10, 11, 8


def gallery(run):
    """Draw everything, from the newest checkpoint where networks are needed.  Returns the paths.

    RunError if there is no checkpoint; what `history` draws is there all the same.
    """
    paths = history(run)
    _, config = run.read_config()
    config = replace(config, device="auto")  # wherever it was trained
    trainer = TRAINERS[config.model](config, load_data(config))
    trainer.load_state(*run.load_checkpoint())
    for name, draw in _pictures(config).items():
        paths.append(run.pictures / f"{name}.png")
        draw(trainer, paths[-1])
    return paths


def history(run):
    """Draw what needs no network: the curves and the animation, as far as there is something.  Returns the paths."""
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


def _pictures(config):
    """{name: function of (trainer, path)}: what makes sense for such a run."""
    if config.data in POINTS:
        return {"plane": _picture}
    if config.model == "unet":
        return {"translations": _picture}
    return {"samples": _picture, "interpolation": _interpolation, "neighbours": _neighbours}


def _picture(trainer, path):
    trainer.picture(path)


def _interpolation(trainer, path):
    """The class, if there are any, is that of the row."""
    a, b = Generator(trainer.config.seed).normal((2, ROWS, trainer.config.latent))
    labels = _labels(trainer)
    labels = None if labels is None else labels.repeat(STEPS)
    viz.interpolation(path, lambda z: trainer.draw(z, labels), a, b, STEPS)


def _neighbours(trainer, path):
    z = Generator(trainer.config.seed).normal((ROWS, trainer.config.latent))
    viz.neighbours(path, trainer.draw(z, _labels(trainer)), trainer.source.images, NEAREST)


def _labels(trainer):
    """One for each row, or None."""
    return np.arange(ROWS) % trainer.source.classes if trainer.source.classes else None
