"""Runs: their configuration, their folder, and the loop that trains."""

from . import parallel
from .base import BaseTrainer
from .config import Config
from .errors import Busy, RunError, Stopped
from .gallery import gallery, history
from .presets import DEFAULT, PRESETS, Preset, preset
from .run import Run
from .samples import draw, save_picture
from .sources import describe, load_data
from .train import train
from .trainer import Trainer
from .trainers import TRAINERS, trainer_for
