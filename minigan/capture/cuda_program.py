"""A captured step on a GPU: a CUDA graph, and what the host does before every launch of it.

A graph repeats the addresses and the numbers of its recording, so a number that changes must be read from memory. All
these numbers, such as the position of a random stream or a learning rate, are written there before every launch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .. import backend
from ..backend.recording import CaptureError, active

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..types import Array, DTypeLike


class Program:
    """A step on arrays of a GPU that `minigan.capture` records and replays."""

    def __init__(self) -> None:
        cuda = backend.named("cuda")
        self.graph: Any = cuda.Graph()
        self.words: Any = cuda.Words()
        self.before_launch: list[tuple[Callable[[], None], Callable[[], None]]] = []  # each with what takes it back
        self.outside: list[Array] = []

    def stand_in(self, memory: Array) -> Any:
        """See `cpu_program.Program.stand_in`."""
        return memory

    def record(self, step: Callable[[], Any]) -> Any:
        """Return step(), recorded without computing; raise CaptureError for a step that cannot be repeated."""
        with active(self):
            return self.graph.record(step)

    @staticmethod
    def plain(output: Any) -> Any:
        """See `cpu_program.Program.plain`."""
        return output

    def close(self, outputs: Sequence[Array]) -> None:
        """Compute the recorded work for the first time, so that the recorded call has its results."""
        self.play()

    def play(self) -> None:
        """Compute everything again, on the current stream."""
        undone = []
        try:
            for do, undo in self.before_launch:
                do()
                undone.append(undo)
        except BaseException:
            _call_backwards(undone)
            raise
        self.words.place()
        self.graph.launch()

    def play_and_run(self, step: Callable[[], Any]) -> Any:
        """See `cpu_program.Program.play_and_run`."""
        memory = [array.copy() for array in self.outside]
        self.play()
        for array, values in zip(self.outside, memory, strict=True):
            array[...] = values
        _call_backwards([undo for _, undo in self.before_launch])
        return step()

    # --- reports from the step while it is being recorded

    def adopted(self, given: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments unchanged, since CUDA records every launch; see `tape.Tape.adopted`."""
        return given

    def changing(self, array: Array) -> None:
        """See `backend.recording.changing`."""
        self.outside.append(array)

    def repeated(self, do: Callable[[], None], undo: Callable[[], None]) -> None:
        """See `backend.recording.repeated`."""
        self.before_launch.append((do, undo))

    def number(self, current: Callable[[], float], dtype: DTypeLike) -> Array:
        """See `backend.recording.number`."""
        return self.numbers(current, 1, dtype).reshape(())

    def numbers(self, current: Callable[[], Any], count: int, dtype: DTypeLike = np.float64) -> Array:
        """Return an array (count,) that holds current() at every launch."""
        memory, copy = self.words.take(count, dtype)
        self.repeated(partial(_write, copy, current), _nothing)
        return memory

    def drawn(self, stream: Any, blocks: int) -> Array:
        """Return the memory from which a draw of `blocks` blocks reads the number of its first one."""
        first = self.numbers(_Position(stream), 1, np.uint64)
        self.repeated(partial(stream.advance, blocks), partial(stream.advance, -blocks))
        return first


class _Position:
    """The number of the block at which a draw begins."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.key = stream, stream.key

    def __call__(self) -> int:
        if self.stream.key != self.key:
            raise CaptureError("a captured step must draw from the streams it was recorded with: a seed has changed")
        return self.stream.counter


def _write(copy, current):
    copy[...] = current()


def _call_backwards(functions):
    for function in reversed(functions):
        function()


def _nothing():
    pass
