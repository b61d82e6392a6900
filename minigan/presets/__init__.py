"""Configurations of training, and the presets: named configurations with their sources."""

from .catalog import DEFAULT, PRESETS, Preset, preset
from .config import Config

__all__ = ["DEFAULT", "PRESETS", "Config", "Preset", "preset"]
