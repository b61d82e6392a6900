"""Training without a run folder, for protocols."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..trainers import load_data, trainer_for

if TYPE_CHECKING:
    import numpy as np

    from ..data import Dataset
    from ..presets import Config
    from ..random import Generator


def train(config: Config, dataset: Dataset | None = None) -> Callable[[int, Generator], np.ndarray]:
    """Train to the last step, and return draw(n, rng), which draws from the averaged generator if there is one.

    Args:
        config: The configuration.
        dataset: The data; None loads `config.data`.

    Raises:
        ArithmeticError: If a loss is no longer finite.
    """
    trainer = trainer_for(config, load_data(config) if dataset is None else dataset)
    while trainer.step_count < config.steps:
        for name, value in trainer.step().items():
            if not math.isfinite(value):
                raise ArithmeticError(f"{name} became {value} at step {trainer.step_count}")
    return partial(trainer.samples, config, *trainer.state())
