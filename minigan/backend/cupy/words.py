"""Numbers of the host that a CUDA graph reads from memory, since it repeats every other number of its recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from . import launch

if TYPE_CHECKING:
    from ...types import Array, DTypeLike

LAUNCH = 64  # words that a launch writes; WORDS of words.cu
WORDS = np.dtype([("x", np.uint64, LAUNCH)])
BYTES = 8  # of a word


class Words:
    """Memory on the device for small arrays of numbers, which one launch fills from their copies on the host."""

    def __init__(self) -> None:
        self._blocks: list[tuple[Array, Any]] = []
        self._used = LAUNCH

    def take(self, count: int, dtype: DTypeLike) -> tuple[Array, Array]:
        """Return an array (count,) on the device, and the array on the host whose numbers `place` writes there."""
        length = -(-count * np.dtype(dtype).itemsize // BYTES)
        if self._used + length > LAUNCH:
            self._blocks.append((_memory(), np.zeros((), WORDS)))
            self._used = 0
        device, host = self._blocks[-1]
        part = slice(self._used, self._used + length)
        self._used += length
        return device[part].view(dtype)[:count], host["x"][part].view(dtype)[:count]

    def place(self) -> None:
        """Write all numbers to the device, in the order of the current stream, without waiting for it."""
        for device, host in self._blocks:
            launch.each(launch.kernel("words", "place"), LAUNCH, device, host, LAUNCH)


def _memory():
    """Return memory of the default pool; the pool of a graph could use it again for a temporary."""
    with cupy.cuda.using_allocator(cupy.get_default_memory_pool().malloc):
        return cupy.empty(LAUNCH, "uint64")
