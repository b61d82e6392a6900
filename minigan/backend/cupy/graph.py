"""CUDA graphs: a GPU's work, recorded once and launched as a whole.

While a stream is being captured nothing is computed: CUDA records each launch with the addresses and numbers that it
was given.  So memory must stay where it is; a graph therefore has a memory pool of its own.
"""

import gc
from contextlib import contextmanager, suppress

import cupy

from ..recording import CaptureError
from .memory import explained


class Graph:
    """A recorded sequence of launches, and the pool that owns the memory in which they work."""

    def __init__(self):
        self._graph, self._pool = None, cupy.cuda.MemoryPool(explained(cupy.cuda.memory._malloc))
        self._pool.set_limit(size=0)  # none: at a limit of the user's the pool would try again too

    def record(self, step):
        """Return step(), whose launches are recorded without computing anything.

        Raises:
            CaptureError: if the step does what CUDA cannot record, such as waiting for the GPU.
        """
        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.get_default_memory_pool().free_all_blocks()  # what earlier calls left is not this pool's to use
        with _without_collector(), cupy.cuda.using_allocator(self._pool.malloc), stream:
            stream.begin_capture()
            try:
                outputs = step()
                self._graph = stream.end_capture()
            except BaseException as error:
                if self._graph is None:
                    with suppress(RuntimeError):  # the stream may be invalid already
                        stream.end_capture()
                if _is_refusal(error):
                    raise CaptureError(
                        "a captured step must not wait for the GPU: it looked at a value (a branch, item(), numpy()), "
                        f"or did what CUDA cannot record ({error})"
                    ) from error
                raise
        return outputs

    def launch(self):
        """Compute all that was recorded, on the current stream."""
        self._graph.launch()


def word():
    """Return uint64 memory of shape (1,) outside every graph's pool, which might lend it to a temporary."""
    with cupy.cuda.using_allocator(cupy.get_default_memory_pool().malloc):
        return cupy.empty((1,), "uint64")


@contextmanager
def _without_collector():
    """Hold back the garbage collector: it could free memory of another pool, and so wait for the device."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_refusal(error):
    """Return whether CUDA or CuPy refused an operation because the stream is being captured."""
    if isinstance(error, CaptureError):
        return False
    refused = (cupy.cuda.runtime.CUDARuntimeError, NotImplementedError)
    return isinstance(error, refused) or (isinstance(error, RuntimeError) and "captur" in str(error))
