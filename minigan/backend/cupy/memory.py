"""The error for a full GPU: which array did not fit, and what to do."""

import cupy


class DeviceMemoryError(MemoryError):
    """An array that does not fit into the GPU's memory; `halvings` of the batch size may make it fit."""

    def __init__(self, message, halvings):
        super().__init__(message)
        self.halvings = halvings


def explain_full_memory():
    """Make CuPy raise `DeviceMemoryError` from now on when there is no room for an array."""
    cupy.cuda.set_allocator(explained(cupy.cuda.get_allocator()))


def explained(allocate):
    """Return `allocate`, a function of a number of bytes, with `DeviceMemoryError` when there is no room.

    A pool whose memory comes from it does not try again: it would first give back blocks that are free for now, but
    that a graph which is being recorded has used and will use.
    """

    def explaining(size):
        try:
            return allocate(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise _explanation(size) from error
        except cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status != cupy.cuda.runtime.errorMemoryAllocation:
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
