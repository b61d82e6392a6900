"""A captured step on a GPU: a CUDA graph, and what must change from one launch to the next.

A graph repeats the addresses and the numbers of its recording, so a number that changes must lie in memory: the number
of each random draw's first block is written there before every launch.
"""

from .. import backend
from ..backend.recording import CaptureError, active


class Program:
    """A step whose arrays live on a GPU, as `minigan.capture` records and replays it."""

    def __init__(self):
        self._cuda = backend.named("cuda")
        self.graph = self._cuda.Graph()
        self.draws, self.outside = [], []

    def stand_in(self, memory):
        """See `cpu_program.Program.stand_in`."""
        return memory

    def record(self, step):
        """Return step(), recorded without computing anything; CaptureError for a step that cannot be repeated."""
        try:
            with active(self):
                return self.graph.record(step)
        finally:
            for draw in reversed(self.draws):  # random streams return to where the recording found them
                draw.stream.counter = draw.counter

    @staticmethod
    def plain(output):
        """See `cpu_program.Program.plain`."""
        return output

    def close(self, outputs):
        """Compute what was recorded, for the call that recorded it."""
        self.play()

    def play(self):
        """Compute everything again, on the current stream."""
        for draw in self.draws:
            draw.place()
        self.graph.launch()

    def play_and_run(self, step):
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

    def adopted(self, given):
        """See `tape.Tape.adopted`: CUDA records every launch, whoever asks for it."""
        return given

    def changing(self, array):
        """See `backend.recording.changing`."""
        self.outside.append(array)

    def drawn(self, stream, blocks):
        """Return the memory in which a draw of so many blocks finds the number of its first one."""
        draw = _Draw(stream, blocks, self._cuda.word())
        self.draws.append(draw)
        return draw.first


class _Draw:
    """A draw from a random stream; the number of its first block lies in the memory `first`."""

    def __init__(self, stream, blocks, first):
        self.stream, self.blocks, self.key, self.counter = stream, blocks, stream.key, stream.counter
        self.first = first
        stream.advance(blocks)

    def place(self):
        """Write down where the next launch's draw begins, and leave the stream where it ends."""
        if self.stream.key != self.key:
            raise CaptureError("a captured step must draw from the streams it was recorded with: a seed has changed")
        self.first.fill(self.stream.counter)
        self.stream.advance(self.blocks)
