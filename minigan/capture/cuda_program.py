"""A captured step on a GPU: a CUDA graph, and the positions of random streams, which change at every launch.

A graph repeats the addresses and the numbers of its recording, so a number that changes must be read from memory: the
number of the first block of each random draw is written there before every launch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import backend
from ..backend.recording import CaptureError, active

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..types import Array


class Program:
    """A step on arrays of a GPU that `minigan.capture` records and replays."""

    def __init__(self) -> None:
        self._cuda = backend.named("cuda")
        self.graph: Any = self._cuda.Graph()
        self.draws: list[_Draw] = []
        self.outside: list[Array] = []

    def stand_in(self, memory: Array) -> Any:
        """See `cpu_program.Program.stand_in`."""
        return memory

    def record(self, step: Callable[[], Any]) -> Any:
        """Return step(), recorded without computing; raise CaptureError for a step that cannot be repeated."""
        try:
            with active(self):
                return self.graph.record(step)
        finally:
            for draw in reversed(self.draws):  # random streams return to their position before the recording
                draw.stream.counter = draw.counter

    @staticmethod
    def plain(output: Any) -> Any:
        """See `cpu_program.Program.plain`."""
        return output

    def close(self, outputs: Sequence[Array]) -> None:
        """Compute the recorded work for the first time, so that the recorded call has its results."""
        self.play()

    def play(self) -> None:
        """Compute everything again, on the current stream."""
        for draw in self.draws:
            draw.place()
        self.graph.launch()

    def play_and_run(self, step: Callable[[], Any]) -> Any:
        """See `cpu_program.Program.play_and_run`."""
        memory = [array.copy() for array in self.outside]
        counters = [draw.stream.counter for draw in self.draws]
        self.play()
        for array, values in zip(self.outside, memory, strict=True):
            array[...] = values
        for draw, counter in zip(self.draws, counters, strict=True):
            draw.stream.counter = counter
        return step()

    # --- reports from the step while it is being recorded

    def adopted(self, given: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments unchanged, since CUDA records every launch; see `tape.Tape.adopted`."""
        return given

    def changing(self, array: Array) -> None:
        """See `backend.recording.changing`."""
        self.outside.append(array)

    def drawn(self, stream: Any, blocks: int) -> Array:
        """Return the memory from which a draw of `blocks` blocks reads the number of its first one."""
        draw = _Draw(stream, blocks, self._cuda.word())
        self.draws.append(draw)
        return draw.first


class _Draw:
    """A draw from a random stream; the array `first` holds the number of its first block."""

    def __init__(self, stream: Any, blocks: int, first: Array) -> None:
        self.stream, self.blocks, self.key, self.counter = stream, blocks, stream.key, stream.counter
        self.first = first
        stream.advance(blocks)

    def place(self) -> None:
        """Write the number of the block at which the next launch's draw begins, and advance the stream past it."""
        if self.stream.key != self.key:
            raise CaptureError("a captured step must draw from the streams it was recorded with: a seed has changed")
        self.first.fill(self.stream.counter)
        self.stream.advance(self.blocks)
