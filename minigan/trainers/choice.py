"""Choice of the trainer for a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gan import Trainer
from .summaries import event_writer
from .translation import TranslationTrainer
from .vae import VaeTrainer

if TYPE_CHECKING:
    from ..presets import Config
    from .sources import Data

__all__ = ["TRAINERS", "trainer_for"]

TRAINERS: dict[str, type[Trainer | TranslationTrainer | VaeTrainer]] = {
    "dcgan": Trainer,
    "dense": Trainer,
    "residual": Trainer,
    "unet": TranslationTrainer,
    "vae": VaeTrainer,
}
"""The trainer for each `config.model`; all are made as Trainer(config, dataset)."""


def trainer_for(config: Config, dataset: Data) -> Trainer | TranslationTrainer | VaeTrainer:
    """Return a new trainer.

    Args:
        config: The configuration.
        dataset: What `load_data(config)` returned.

    Raises:
        ValueError: If settings contradict each other or the data, or need a package that is not installed.
    """
    config.check()
    if config.summary_interval:
        event_writer()
    return TRAINERS[config.model](config, dataset)
