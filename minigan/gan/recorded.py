"""Steps of gradient descent on a GPU, each recorded as one CUDA graph: the host launches it and does not wait.

What `descent.descend` does for a step at once is divided: the graph decides whether the step is finite and only then
changes weights, and the host learns of it when it makes one of the next steps.
"""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autodiff import grad
from ..backend import full_like, named
from ..capture import capture
from .descent import refusal
from .reports import Later, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..nn import Module
    from ..optim import EMA, Optimizer
    from ..types import Array, Tensor

__all__ = ["Ledger", "RecordedDescent"]


class RecordedDescent:
    """Steps of an optimizer on the sum of some terms.

    Args:
        player: The name of the step, for `Ledger.refused`.
        terms: A function of a step's inputs that returns scalar Tensors by name, of which the sum is minimised.
        optimizer: An optimizer that `repeats`.
        ledger: The outcomes that the host has not read.
        average: An average of `averaged`, which each step updates.
        averaged: The module that is averaged.
    """

    def __init__(
        self,
        player: str,
        terms: Callable[..., dict[str, Tensor]],
        optimizer: Optimizer,
        ledger: Ledger,
        average: EMA[Any] | None = None,
        averaged: Module | None = None,
    ) -> None:
        self._player, self._optimizer, self._ledger, self._average = player, optimizer, ledger, average
        self._outcomes = named("cuda").Outcomes(ledger.finite, len(optimizer.parameters))
        self._step = capture(partial(_descend, terms, optimizer, self._outcomes, average, averaged))

    def __call__(self, *inputs: Any) -> tuple[Report, Later]:
        """Make a step, and return its terms and the norm of all gradients together, which are read later.

        Raises:
            FloatingPointError: If an earlier step was not finite; no weight has changed since.
            CaptureError: If the step cannot be captured.
        """
        self._ledger.settle()
        names = list(self._step(*inputs))
        outcome = self._outcomes.latest()
        self._ledger.note(Entry(outcome, self._player, inputs, names, self._optimizer, self._average))
        return _report(outcome, names), Later(lambda: _norm(outcome))


def _descend(terms, optimizer, outcomes, average, averaged, *inputs):
    """Make a step that changes nothing unless all is finite, and return its terms."""
    found = terms(*inputs)
    first, *others = found.values()
    gradients = grad(sum(others, first), optimizer.parameters)
    outcomes.judge([term.data for term in found.values()], [g.data for g in gradients])
    optimizer.step(gradients, finite=outcomes.finite)
    if average is not None:
        average.update(averaged, finite=outcomes.finite)
    return found


class Entry(NamedTuple):
    """A step whose outcome the host has not read."""

    outcome: Any
    player: str
    inputs: tuple[Any, ...]
    names: list[str]
    optimizer: Optimizer
    average: EMA[Any] | None

    def take_back(self) -> None:
        """Uncount the step, which has changed nothing."""
        self.optimizer.take_back()
        if self.average is not None:
            self.average.take_back()


class Ledger:
    """The steps whose outcomes the host has not read, in order.

    Attributes:
        finite: An array of shape () on the GPU, 1 as long as all steps were finite.
        refused: The player and the inputs of the latest step that was not finite; None if there was none.
    """

    finite: Array
    refused: tuple[str, tuple[Any, ...]] | None

    def __init__(self, like: Array) -> None:
        self.finite = full_like(like, 1, (), np.int32)
        self.refused = None
        self._entries: deque[Entry] = deque()

    def note(self, entry: Entry) -> None:
        """Add a step."""
        self._entries.append(entry)

    def settle(self, *, wait: bool = False) -> None:
        """Read the outcomes that have arrived.

        Args:
            wait: Whether to wait for all others.

        Raises:
            FloatingPointError: If a step was not finite. No weight has changed since, and the next steps do again.
        """
        while self._entries:
            entry = self._entries[0]
            if not (wait or entry.outcome.ready or len(self._entries) >= entry.outcome.most):
                return
            entry.outcome.read()
            if not entry.outcome.finite:
                self._refuse(entry)
            self._entries.popleft()

    def _refuse(self, failed):
        for entry in self._entries:
            entry.take_back()
        self._entries.clear()
        self.finite[...] = 1
        self.refused = failed.player, failed.inputs
        outcome, parameters = failed.outcome, failed.optimizer.parameters
        wrong = [p for p, square in zip(parameters, outcome.squares, strict=True) if not math.isfinite(square)]
        raise refusal(_report(outcome, failed.names), _norm(outcome), wrong)


def _report(outcome, names):
    report = Report()
    for k, name in enumerate(names):
        report[name] = Later(lambda k=k: outcome.term(k))
    return report


def _norm(outcome):
    return math.sqrt(outcome.square) if outcome.square >= 0 else outcome.square
