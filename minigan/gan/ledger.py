"""The steps of a training whose outcomes the host has not read: a GPU computes them while the host goes on."""

from __future__ import annotations

import math
import warnings
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..backend import full_like
from .descent import refusal
from .reports import Later, Report

if TYPE_CHECKING:
    from ..backend.recording import CaptureError
    from ..optim import EMA, Optimizer
    from ..types import Array

__all__ = ["Entry", "Ledger"]


class Entry(NamedTuple):
    """A step whose outcome the host has not read.

    Attributes:
        outcome: The outcome, see `backend.cupy.outcomes`.
        name: The name of the step, such as "generator".
        inputs: Its inputs.
        terms: The names of the terms of its loss.
        optimizer: Its optimizer.
        average: The average that it updates, or None.
    """

    outcome: Any
    name: str
    inputs: tuple[Any, ...]
    terms: list[str]
    optimizer: Optimizer
    average: EMA[Any] | None

    def take_back(self) -> None:
        """Uncount the step, which has changed nothing."""
        self.optimizer.take_back()
        if self.average is not None:
            self.average.take_back()

    def report(self) -> Report:
        """Return the terms of the loss, which are read when they are looked at."""
        numbers: dict[str, Any] = {name: Later(partial(self.outcome.term, k)) for k, name in enumerate(self.terms)}
        return Report(numbers)

    def norm(self) -> float:
        """Return the norm of all gradients together, waiting for it."""
        square = self.outcome.square
        return math.sqrt(square) if square >= 0 else square

    def refusal(self) -> FloatingPointError:
        """Return the error for a step that was not finite."""
        pairs = zip(self.optimizer.parameters, self.outcome.squares, strict=True)
        return refusal(self.report(), self.norm(), [p for p, square in pairs if not math.isfinite(square)])


class Ledger:
    """The unread steps of one training, in order, and whether its steps are captured.

    Args:
        captured: Whether steps are recorded and replayed; see `Game`.

    Attributes:
        captured: See above; False after an error with "if possible".
        refused: The name and the inputs of the latest step that was not finite; None if there was none.
    """

    captured: bool | Literal["if possible"]
    refused: tuple[str, tuple[Any, ...]] | None

    def __init__(self, captured: bool | Literal["if possible"]) -> None:
        self.captured, self.refused = captured, None
        self._entries: deque[Entry] = deque()
        self._finite: Array | None = None

    def finite(self, like: Array) -> Array:
        """Return an array of shape () on the GPU of `like`, which is 1 as long as all steps were finite."""
        if self._finite is None:
            self._finite = full_like(like, 1, (), np.int32)
        return self._finite

    def note(self, entry: Entry) -> None:
        """Add a step."""
        self._entries.append(entry)

    def settle(self, *, wait: bool = False) -> None:
        """Read the outcomes that have arrived.

        Args:
            wait: Whether to wait for all others.

        Raises:
            FloatingPointError: If a step was not finite. No weight has changed since; the next steps change them again.
        """
        while self._entries:
            entry = self._entries[0]
            if not (wait or entry.outcome.ready or len(self._entries) >= entry.outcome.most):
                return
            if not entry.outcome.finite:
                self._refuse(entry)
            self._entries.popleft()

    def _refuse(self, failed):
        for entry in self._entries:
            entry.take_back()
        self._entries.clear()
        if self._finite is not None:
            self._finite[...] = 1
        self.refused = failed.name, failed.inputs
        raise failed.refusal()

    def capture_no_more(self, error: CaptureError) -> None:
        """Warn that steps are not captured from now on; raise the error if they have to be."""
        if self.captured != "if possible":
            raise error
        self.captured = False
        warnings.warn(f"steps are not captured, which is slower: {error}", stacklevel=5)
