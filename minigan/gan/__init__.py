"""Losses, penalties, tricks and the training step of generative adversarial networks.

A `Game` trains the two networks against each other; `losses` and `penalties` define what they minimise, `tricks` and
`augmentation` change the input of the critic, and `Diagnosis` and `explain_nan` find the cause of a failed training.
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
