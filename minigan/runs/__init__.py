"""Runs: a folder with the whole of one training, the loop that trains, and what is made of it afterwards."""

from .errors import Busy, RunError, Stopped
from .evaluation import evaluate
from .folder import Run
from .loop import train
from .pictures import gallery, history
from .samples import draw, save_picture

__all__ = ["Busy", "Run", "RunError", "Stopped", "draw", "evaluate", "gallery", "history", "save_picture", "train"]
