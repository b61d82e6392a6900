"""Random numbers drawn on a GPU: the bits that `backend.random` specifies, by the kernels of `cuda/random.cu`.

The counter stays on the host, where a checkpoint saves it; only the numbers are made on the device. A captured draw
reads its counter from memory, into which it is written before every replay.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import cupy

from .. import random, random_values
from ..recording import ACTIVE
from . import launch

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...types import Array

WHOLE: dict[str, float] = {"float32": 1 - 2.0**-24, "float64": 1 - 2.0**-53}  # the largest number below 1
# {writer on the CPU: (kernel, numbers that it takes)}
KERNELS: dict[Any, tuple[str, tuple[float, ...]]] = {
    random_values.write_uniform32: ("uniform_float", (0.0, 1.0, WHOLE["float32"])),
    random_values.write_uniform64: ("uniform_double", (0.0, 1.0, WHOLE["float64"])),
    random_values.write_normal32: ("normal_float", ()),
    random_values.write_normal64: ("normal_double", ()),
    random_values.write_words: ("words", ()),
}


def draw(method: Callable[..., Array], generator: Any, *args: Any, **options: Any) -> Array:
    """Return the array that `method` of the Generator draws, made on the device; it checks its arguments."""
    return method(_Device(generator._stream), *args, **options)


class _Device:
    """A generator's stream whose numbers are drawn on the device."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def _draw(self, shape, dtype, per_block, write):
        shape, stream = random._shape(shape), self._stream
        size = prod(shape)
        out = cupy.empty(shape, dtype)
        name, numbers = _kernel(write)
        key, blocks = stream.key[0] | stream.key[1] << 32, -(-size // per_block)
        if ACTIVE.tape is None:
            first, moved = stream.advance(blocks), None
        else:
            first, moved = 0, ACTIVE.tape.drawn(stream, blocks)
        launch.each(launch.kernel("random", name), blocks, out, size, key, first, moved, *numbers)
        return out


def _kernel(write):
    if isinstance(write, partial):  # of write_integers, with its bounds
        low, span = write.args
        return "integers", (int(low), int(span))
    return KERNELS[write]
