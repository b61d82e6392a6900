"""The error for a full GPU, which says how large the array was and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation, which CuPy does not show to Python


class DeviceMemoryError(MemoryError):
    """The error for an array that does not fit into the GPU's memory.

    Attributes:
        halvings: The number of times to halve the batch size so that the array may fit.
    """

    def __init__(self, message: str, halvings: int) -> None:
        super().__init__(message)
        self.halvings = halvings


def explain_full_memory() -> None:
    """Make CuPy raise `DeviceMemoryError` from now on when there is no room for an array."""
    cupy.cuda.set_allocator(explained(cupy.cuda.get_allocator()))


def explained(allocate: Callable[[int], Any]) -> Callable[[int], Any]:
    """Return `allocate`, a function of a number of bytes, with `DeviceMemoryError` raised when there is no room.

    A pool that gets its memory from this function does not try again after the error. Before a second attempt it
    would release the blocks that are free at the moment, although a graph that is being recorded has used them, and
    will use them in every launch.
    """

    def explaining(size: int) -> Any:
        try:
            return allocate(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise _explanation(size) from error
        except cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status != OUT_OF_MEMORY:
                raise
            raise _explanation(size) from error

    return explaining


def _explanation(size):
    free, total = cupy.cuda.runtime.memGetInfo()
    used = cupy.get_default_memory_pool().used_bytes()
    halvings = 1
    while (used + size) / 2**halvings > used + free:
        halvings += 1
    return DeviceMemoryError(
        f"the GPU's memory is full: {_size(size)} were asked for, {_size(free)} of {_size(total)} are free; "
        f"try a batch size {2**halvings} times smaller",
        halvings,
    )


def _size(count):
    return f"{count / 2**30:.2f} GiB" if count >= 2**27 else f"{count / 2**20:.1f} MiB"
