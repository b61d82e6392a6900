"""Which trainer a configuration asks for."""

from .gan import Trainer
from .summaries import event_writer
from .translation import TranslationTrainer
from .vae import VaeTrainer

TRAINERS = {"dcgan": Trainer, "dense": Trainer, "residual": Trainer, "unet": TranslationTrainer, "vae": VaeTrainer}
"""By `config.model`; each is a `BaseTrainer`, made as Trainer(config, dataset)."""


def trainer_for(config, dataset):
    """The trainer of `config` on `dataset`, what `load_data` gave.

    ValueError for settings that do not go together, and for a package that they need.
    """
    config.check()
    if config.summary_interval:
        event_writer()
    return TRAINERS[config.model](config, dataset)
