"""Choice of the device of a run, and of the data that are stored on it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from ..backend import move, named, works

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import Array
    from .base import BaseTrainer

__all__ = ["chosen", "on", "precision_of", "resident"]

RESIDENT_BYTES = 4 << 30  # more training data than this stay on the host, and are copied batch by batch


def chosen(config: Config) -> str:
    """Return the device that `config.device` asks for; "auto" is a GPU if one works, and otherwise the CPU.

    Raises:
        DeviceError: If a GPU is asked for and none works.
    """
    device = ("cuda" if works("cuda") else "cpu") if config.device == "auto" else config.device
    named(device)
    return device


def resident(arrays: tuple[Array, ...], device: str) -> tuple[Array, ...]:
    """Move arrays to the device if together they have at most `RESIDENT_BYTES`; otherwise return them as they are."""
    return on(arrays, device) if sum(a.nbytes for a in arrays) <= RESIDENT_BYTES else arrays


def on(arrays: tuple[Array, ...], device: str) -> tuple[Array, ...]:
    """Move arrays to the device."""
    return tuple(move(a, device) for a in arrays)


def precision_of(trainer: BaseTrainer) -> AbstractContextManager[object]:
    """Return a context in which matrix products have the precision of the trainer's configuration."""
    if trainer.device != "cuda":
        return nullcontext()
    return named("cuda").precision(trainer.config.precision)
