"""Steps of gradient descent on a sum of terms, recorded and replayed if that was asked for.

On the CPU the gradients are recorded, and `descent.descend` does the rest. On a GPU a step is one CUDA graph, which the
host launches without waiting for it: the graph decides whether the step is finite and only then changes weights, and
the host learns of it when it makes one of the next steps.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..autodiff import grad
from ..backend import device_of, full_like, named
from ..capture import CaptureError, capture
from ..optim import Optimizer
from .descent import descend, gradients_of
from .ledger import Entry
from .reports import Later

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..optim import EMA
    from ..types import Array, Tensor
    from .ledger import Ledger

__all__ = ["Descent"]


class Descent:
    """Steps of an optimizer on the sum of some terms.

    Args:
        name: The name of the step, for `Ledger.refused`.
        terms: A function of a step's inputs that returns scalar Tensors by name, whose sum is minimised.
        optimizer: The optimizer.
        ledger: The ledger of the training; it knows whether steps are captured.
        average: An average of `averaged`, which each step updates.
        averaged: The module that is averaged.

    Attributes:
        optimizer: The optimizer; another one may take its place, for the same parameters.
    """

    optimizer: Optimizer

    def __init__(
        self,
        name: str,
        terms: Callable[..., dict[str, Tensor]],
        optimizer: Optimizer,
        ledger: Ledger,
        average: EMA[Any] | None = None,
        averaged: Any = None,
    ) -> None:
        self._name, self._terms, self.optimizer, self._ledger = name, terms, optimizer, ledger
        self._parameters = optimizer.parameters
        self._average, self._averaged = average, averaged
        self._plain = partial(_gradients, terms, self._parameters)
        self._replayed = capture(self._plain)
        self._whole: _WholeStep | None = None

    def gradients(self, *inputs: Any) -> tuple[dict[str, Tensor], tuple[Tensor, ...], Array | float]:
        """Return the terms and their gradients without making a step; see `descent.gradients_of`."""
        if self._ledger.captured:
            try:
                return self._replayed(*inputs)
            except CaptureError as error:
                self._ledger.capture_no_more(error)
        return self._plain(*inputs)

    def __call__(self, *inputs: Any) -> tuple[dict[str, float], Any]:
        """Make a step, and return the terms by name and the norm of all gradients together.

        Raises:
            FloatingPointError: If this step or, on a GPU, an earlier one was not finite; no weight has changed since.
            CaptureError: If the step cannot be captured.
        """
        if self._ledger.captured and self._is_repeatable():
            try:
                return self._launched(inputs)
            except CaptureError as error:
                self._ledger.capture_no_more(error)
        try:
            found = descend(self.optimizer, *self.gradients(*inputs))
        except FloatingPointError:
            self._ledger.refused = self._name, inputs
            raise
        if self._average is not None:
            self._average.update(self._averaged)
        return found

    def _launched(self, inputs):
        self._ledger.settle()
        if self._whole is None or self._whole.optimizer is not self.optimizer:
            finite = self._ledger.finite(self._parameters[0].data)
            self._whole = _WholeStep(
                self._terms, self._parameters, self.optimizer, finite, self._average, self._averaged
            )
        outcome, names = self._whole(*inputs)
        entry = Entry(outcome, self._name, inputs, names, self.optimizer, self._average)
        self._ledger.note(entry)
        return entry.report(), Later(entry.norm)

    def _is_repeatable(self):
        """Return whether a GPU can make the whole step."""
        if self._whole is not None and self._whole.optimizer is self.optimizer:
            return True
        on_gpu, average = device_of(self._parameters[0].data) == "cuda", self._average
        repeats = isinstance(self.optimizer, Optimizer) and self.optimizer.repeats()
        return on_gpu and repeats and (average is None or average.repeats(self._averaged))


class _WholeStep:
    """A step that is captured as a whole on a GPU."""

    def __init__(self, terms, parameters, optimizer, finite, average, averaged):
        self.optimizer = optimizer
        self._outcomes = named("cuda").Outcomes(finite, len(parameters))
        self._step = capture(partial(_descend, terms, parameters, optimizer, self._outcomes, average, averaged))

    def __call__(self, *inputs):
        """Launch the step; return its outcome and the names of its terms."""
        names = list(self._step(*inputs))
        return self._outcomes.latest(), names


def _gradients(terms, parameters, *inputs):
    return gradients_of(terms(*inputs), parameters)


def _descend(terms, parameters, optimizer, outcomes, average, averaged, *inputs):
    """Make a step that changes nothing unless all is finite, and return its terms."""
    found = terms(*inputs)
    losses = list(found.values())
    one = full_like(losses[0].data, 1, ())
    gradients = grad(losses, parameters, [one] * len(losses))  # of their sum
    outcomes.judge([term.data for term in found.values()], [g.data for g in gradients])
    optimizer.step(gradients, finite=outcomes.finite)
    if average is not None:
        average.update(averaged, finite=outcomes.finite)
    return found
