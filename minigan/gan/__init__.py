"""Losses, penalties and the training step."""

from . import losses, penalties
from .training import Game
