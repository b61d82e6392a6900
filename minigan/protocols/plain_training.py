"""From a Config to a generator that can be judged, without a run folder."""

import math
from functools import partial

from ..trainers import load_data, trainer_for


def train(config, dataset=None):
    """Train to the last step.  Returns draw(n, rng), n samples from the averaged generator if there is one.

    dataset: by default that of `config.data`.  ArithmeticError if a loss is no longer a number.
    """
    trainer = trainer_for(config, load_data(config) if dataset is None else dataset)
    while trainer.step_count < config.steps:
        for name, value in trainer.step().items():
            if not math.isfinite(value):
                raise ArithmeticError(f"{name} became {value} at step {trainer.step_count}")
    return partial(trainer.samples, config, *trainer.state())
