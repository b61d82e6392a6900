"""Runs: their configuration, their folder, and the loop that trains."""

from .config import DEFAULT, PRESETS, Config, Preset, preset
from .run import Run, RunError
from .train import draw, train
from .trainer import Trainer
