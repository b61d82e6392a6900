"""Configurations of training runs, and presets: configurations with a name and a source."""

from __future__ import annotations

from .catalog import DEFAULT, PRESETS, Preset, preset
from .config import Config

__all__ = ["DEFAULT", "PRESETS", "Config", "Preset", "preset"]


def __dir__() -> list[str]:
    return sorted(__all__)
