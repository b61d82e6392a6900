"""A step on a GPU as a CUDA graph: all that it launches, launched at once.

While a stream is being captured nothing is computed: what is asked of it is written down, with the addresses and the
numbers that it was given.  So memory must stay where it is, which a pool of the graph's own sees to, and numbers that
change must lie in memory: where a random draw begins is put there before every play.
"""

import gc
from contextlib import contextmanager, suppress

import cupy

from .cupy_memory import explained
from .tape import CaptureError, active


class Program:
    """What `minigan.capture` makes of a step whose arrays are CuPy's."""

    def __init__(self):
        self.graph, self.pool = None, cupy.cuda.MemoryPool(explained(cupy.cuda.memory._malloc))
        self.pool.set_limit(size=0)  # none: at a limit of the user's the pool would try again too
        self.draws, self.outside = [], []

    def stand_in(self, memory):
        """See `numpy_program.Program.stand_in`."""
        return memory

    def record(self, step):
        """step(), written down without computing anything.  CaptureError for one that cannot be repeated."""
        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.get_default_memory_pool().free_all_blocks()  # what calls before have left is not this pool's to use
        with active(self), _without_collector(), cupy.cuda.using_allocator(self.pool.malloc), stream:
            stream.begin_capture()
            try:
                outputs = step()
                self.graph = stream.end_capture()
            except BaseException as error:
                self._abandon(stream)
                if _is_refusal(error):
                    raise CaptureError(
                        "a captured step must not wait for the GPU: it looked at a value (a branch, item(), numpy()), "
                        f"or did what CUDA cannot record ({error})"
                    ) from error
                raise
        self._rewind()
        return outputs

    def _abandon(self, stream):
        """Leave the stream as if nothing had been asked of it; it may be invalid already."""
        if self.graph is None:
            with suppress(RuntimeError):
                stream.end_capture()
        self._rewind()

    def _rewind(self):
        """Put the random streams back to where the recording found them."""
        for draw in reversed(self.draws):
            draw.stream.counter = draw.counter

    @staticmethod
    def plain(output):
        """See `numpy_program.Program.plain`."""
        return output

    def close(self, outputs):
        """Compute what was recorded, for the call that recorded it."""
        self.play()

    def play(self):
        """Compute all again, on the current stream."""
        for draw in self.draws:
            draw.place()
        self.graph.launch()

    def play_and_run(self, step):
        """See `numpy_program.Program.play_and_run`."""
        memory = [array.copy() for array in self.outside]
        counters = [draw.stream.counter for draw in self.draws]
        self.play()
        for array, values in zip(self.outside, memory, strict=True):
            array[...] = values
        for draw, counter in zip(self.draws, counters, strict=True):
            draw.stream.counter = counter
        return step()

    # --- what the step tells while it is being recorded

    def adopted(self, given):
        """See `tape.Tape.adopted`: every launch is recorded, whoever asks for it."""
        return given

    def changing(self, array):
        """See `tape.changing`."""
        self.outside.append(array)

    def drawn(self, stream, blocks):
        """The memory in which a draw of so many blocks finds the number of its first one."""
        draw = _Draw(stream, blocks)
        self.draws.append(draw)
        return draw.first


class _Draw:
    """A draw from a random stream: the number of its first block lies in memory of one word, `first`."""

    def __init__(self, stream, blocks):
        self.stream, self.blocks, self.key, self.counter = stream, blocks, stream.key, stream.counter
        # Not from the graph's pool, which may have lent this very memory to a temporary before.
        with cupy.cuda.using_allocator(cupy.get_default_memory_pool().malloc):
            self.first = cupy.empty((1,), "uint64")
        stream.advance(blocks)

    def place(self):
        """Say where the next play's draw begins, and leave the stream where it ends."""
        if self.stream.key != self.key:
            raise CaptureError("a captured step must draw from the streams it was recorded with: a seed has changed")
        self.first.fill(self.stream.counter)
        self.stream.advance(self.blocks)


@contextmanager
def _without_collector():
    """A collection could free memory of another pool, and so wait for the device."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_refusal(error):
    """Does CUDA or CuPy say by it what may not be done to a stream that is being captured?"""
    if isinstance(error, CaptureError):  # which says it in our words
        return False
    refused = (cupy.cuda.runtime.CUDARuntimeError, NotImplementedError)
    return isinstance(error, refused) or (isinstance(error, RuntimeError) and "captur" in str(error))
