"""Losses, penalties, tricks and the training step of generative adversarial networks.

A `Game` plays the two networks against each other; `losses` and `penalties` are what they play for, `tricks` and
`augmentation` change what the critic is shown, and `Diagnosis` and `explain_nan` say what is going wrong.
"""

from . import augmentation, losses, penalties, tricks
from .augmentation import Augment
from .cost import PenaltyCost, penalty_cost
from .diagnosis import Diagnosis, Finding
from .game import Game
from .losses import Loss
from .nan import explain_nan
from .tricks import InstanceNoise, PackedCritic, pack, smooth_labels, unpack

__all__ = [
    "Augment",
    "Diagnosis",
    "Finding",
    "Game",
    "InstanceNoise",
    "Loss",
    "PackedCritic",
    "PenaltyCost",
    "augmentation",
    "explain_nan",
    "losses",
    "pack",
    "penalties",
    "penalty_cost",
    "smooth_labels",
    "tricks",
    "unpack",
]


def __dir__() -> list[str]:
    return sorted(__all__)
