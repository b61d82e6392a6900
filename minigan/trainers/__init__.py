"""Trainers: the networks, optimizers, data and random streams of one training run, without its folder."""

from __future__ import annotations

from .base import BaseTrainer
from .choice import TRAINERS, trainer_for
from .gan import Trainer
from .sources import describe, load_data
from .translation import TranslationTrainer
from .vae import VaeTrainer

__all__ = [
    "TRAINERS",
    "BaseTrainer",
    "Trainer",
    "TranslationTrainer",
    "VaeTrainer",
    "describe",
    "load_data",
    "trainer_for",
]


def __dir__() -> list[str]:
    return sorted(__all__)
