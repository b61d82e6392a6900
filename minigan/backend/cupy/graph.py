"""CUDA graphs: the work of a GPU, recorded once and then launched as a whole.

While a stream is being captured nothing is computed: CUDA records each launch with its addresses and numbers. So the
memory must keep its addresses, and each graph has its own memory pool.
"""

from __future__ import annotations

import gc
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import cupy

from ..recording import ACTIVE, CaptureError
from .memory import explained

if TYPE_CHECKING:
    from collections.abc import Callable

# Pools of graphs that are gone. A pool that is dropped before all its blocks are free keeps them for ever, as CuPy's
# blocks and their owner refer to each other, and results of the graph may be in use for longer.
_RETIRED: list[Any] = []


def _retire(*pools):
    """Free what is not in use in the pools of graphs that are gone, but not while another graph is recorded."""
    _RETIRED.extend(pools)
    if ACTIVE.tape is None:
        for pool in _RETIRED:
            pool.free_all_blocks()
        _RETIRED[:] = [pool for pool in _RETIRED if pool.total_bytes()]


class Graph:
    """A recorded sequence of launches, and the pool that owns the memory that they use."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._pool = cupy.cuda.MemoryPool(explained(cupy.cuda.memory._malloc))
        self._pool.set_limit(size=0)  # no limit: at a limit set by the user the pool would try again too
        _retire()
        weakref.finalize(self, _retire, self._pool).atexit = False

    def record(self, step: Callable[[], Any]) -> Any:
        """Return step(), whose launches are recorded without computing anything.

        Raises:
            CaptureError: If the step does something that CUDA cannot record, such as waiting for the GPU.
        """
        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.get_default_memory_pool().free_all_blocks()  # this pool cannot use blocks of the default one
        with _without_collector(), cupy.cuda.using_allocator(self._pool.malloc), stream:
            stream.begin_capture()
            try:
                outputs = step()
                self._graph = stream.end_capture()
            except BaseException as error:
                if self._graph is None:
                    with suppress(RuntimeError):  # the capture may already be invalid
                        stream.end_capture()
                if _is_refusal(error):
                    raise CaptureError(
                        "a captured step must not wait for the GPU: it looked at a value (a branch, item(), numpy()), "
                        f"or did something that CUDA cannot record ({error})"
                    ) from error
                raise
        return outputs

    def launch(self) -> None:
        """Compute everything that was recorded, on the current stream."""
        self._graph.launch()


@contextmanager
def _without_collector():
    """Disable the garbage collector: it could free memory of another pool, which would wait for the device."""
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
