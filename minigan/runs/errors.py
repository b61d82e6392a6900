"""Errors that end a run before its last step."""

from __future__ import annotations

__all__ = ["Busy", "RunError", "Stopped"]


class RunError(Exception):
    """A run folder cannot be used, or a training cannot continue; the message says why in one sentence."""


class Busy(RunError):
    """Another process is training in the run folder."""


class Stopped(KeyboardInterrupt):
    """The training was asked to stop, and everything is saved.

    Args:
        signum: The number of the signal that asked for it.
    """

    signum: int

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
