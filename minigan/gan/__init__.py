"""Losses, penalties and the training step."""

from . import augmentation, losses, penalties, tricks
from .augmentation import Augment
from .cost import PenaltyCost, penalty_cost
from .diagnosis import Diagnosis, Finding
from .nan import explain_nan
from .game import Game
from .tricks import InstanceNoise, PackedCritic, pack, smooth_labels, unpack
