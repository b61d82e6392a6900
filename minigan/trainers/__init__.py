"""Trainers: the networks, optimizers, data and random streams of one training run, without its folder."""

from .base import BaseTrainer
from .choice import TRAINERS, trainer_for
from .gan import Trainer
from .sources import describe, load_data

__all__ = ["TRAINERS", "BaseTrainer", "Trainer", "describe", "load_data", "trainer_for"]
