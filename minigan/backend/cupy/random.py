"""Random numbers drawn on a GPU: the bits that `backend.random` specifies, by the kernels of `cuda/random.cu`.

The counter stays on the host, where a checkpoint finds it; only the numbers are made on the device.  A captured draw
finds its counter in memory, where it is put before every replay.
"""

from functools import partial
from math import prod

import cupy

from .. import random, random_values
from ..recording import ACTIVE
from . import launch

WHOLE = {"float32": 1 - 2.0**-24, "float64": 1 - 2.0**-53}  # the number before 1: uniform on [0, 1)
KERNELS = {  # what `random_values` writes on the CPU: (the kernel, numbers that it takes)
    random_values.write_uniform32: ("uniform_float", (0.0, 1.0, WHOLE["float32"])),
    random_values.write_uniform64: ("uniform_double", (0.0, 1.0, WHOLE["float64"])),
    random_values.write_normal32: ("normal_float", ()),
    random_values.write_normal64: ("normal_double", ()),
    random_values.write_words: ("words", ()),
}


def draw(method, generator, *args, **options):
    """Return what `method` of the Generator draws, computed on the device; arguments are checked as on the CPU."""
    return method(_Device(generator._stream), *args, **options)


class _Device:
    """A generator's stream whose numbers are drawn on the device."""

    def __init__(self, stream):
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
    if isinstance(write, partial):  # integers, of which the ends are bound
        low, span = write.args
        return "integers", (int(low), int(span))
    return KERNELS[write]
