"""Runs: the folder of one training, the loop that trains, and the samples, metrics and pictures made afterwards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import Busy, RunError, Stopped
    from .evaluation import evaluate
    from .folder import Run
    from .loop import train
    from .pictures import gallery, history
    from .samples import draw, save_picture

__all__ = ["Busy", "Run", "RunError", "Stopped", "draw", "evaluate", "gallery", "history", "save_picture", "train"]

# Imported on first use: not everyone who opens a run needs metrics and Matplotlib.
_MODULES = {
    "Busy": "errors", "RunError": "errors", "Stopped": "errors", "evaluate": "evaluation", "Run": "folder",
    "train": "loop", "gallery": "pictures", "history": "pictures", "draw": "samples", "save_picture": "samples",
}  # fmt: skip


if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module 'minigan.runs' has no attribute {name!r}")
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
