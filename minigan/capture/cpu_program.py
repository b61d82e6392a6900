"""A captured step on the CPU: a list of NumPy calls, repeated without the Python code between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backend.numpy.threads import one_thread
from ..backend.recording import active
from .tape import Draws, Tape, Taped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..types import Array


class Program:
    """A step on NumPy arrays that `minigan.capture` records and replays."""

    def __init__(self) -> None:
        self.tape: Tape = Tape()
        self.calls: list[Callable[[], Any]] = []
        self.outside: list[Array] = []
        self.drawn: list[Array] = []
        self.undo: list[Callable[[], Any]] = []

    def stand_in(self, memory: Array) -> Any:
        """Return the array that stands for an input; `memory` is filled with the input before every replay."""
        return Taped(memory, self.tape)

    def record(self, step: Callable[[], Any]) -> Any:
        """Return step(), computed and recorded; raise CaptureError for a step that cannot be repeated."""
        with active(self.tape):
            return step()

    @staticmethod
    def plain(output: Any) -> Any:
        """Return the memory of an array that the step returned."""
        return output.array if isinstance(output, Taped) else output

    def close(self, outputs: Sequence[Array]) -> None:
        """End the recording; among the arrays that it made, only `outputs` keep their memory."""
        self.outside, self.drawn, self.undo = self.tape.outside(), self.tape.drawn, self.tape.undo
        self.calls = self.tape.close(outputs)

    @one_thread
    def play(self) -> None:
        """Compute everything again, with BLAS in one thread, as in the kernels whose calls were recorded."""
        for call in self.calls:
            call()

    def play_and_run(self, step: Callable[[], Any]) -> Any:
        """Replay, then restore the memory, run step() normally with the same random draws, and return its result."""
        before = [target.copy() for target in self.outside]
        self.play()
        for target, values in zip(self.outside, before, strict=True):
            target[...] = values
        for undo in reversed(self.undo):
            undo()
        with active(Draws(self.drawn)):
            return step()
