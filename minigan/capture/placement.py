"""Placement of a tape's arrays: arrays that are never alive at the same time share memory, which stays in cache."""

import numpy as np


def place(calls, made, kept):
    """Return `calls`, a list of (function, args, options), on arrays that share memory if their lives do not overlap.

    made: the arrays that a call makes before any reads them.  kept: arrays that must stay where they are, such as what
    the tape returns.  Views move with the array that they look into.
    """
    fixed = {id(owner(a)) for a in kept}
    movable = {id(owner(a)): owner(a) for a in made if id(owner(a)) not in fixed}
    used = [{id(owner(a)) for a in arrays((args, options))} & movable.keys() for _, args, options in calls]
    last = {key: i for i, keys in enumerate(used) for key in keys}
    blocks, free = {}, {}
    for i, keys in enumerate(used):
        for key in keys - blocks.keys():
            size = movable[key].nbytes
            blocks[key] = free[size].pop() if free.get(size) else np.empty(size, np.uint8)
        for key in keys:
            if last[key] == i:
                free.setdefault(movable[key].nbytes, []).append(blocks[key])

    def moved(value):
        if isinstance(value, np.ndarray):
            return _at(blocks[id(owner(value))], value) if id(owner(value)) in blocks else value
        if isinstance(value, tuple | list):
            return type(value)([moved(v) for v in value])
        return {name: moved(v) for name, v in value.items()} if isinstance(value, dict) else value

    return [(function, moved(args), moved(options)) for function, args, options in calls]


def owner(array):
    """Return the array that owns the memory of `array`: itself if it is no view."""
    return array if array.base is None else array.base


def _at(block, array):
    """Return `array` with its owner's memory in `block`."""
    offset = _address(array) - _address(owner(array))
    return np.ndarray(array.shape, array.dtype, block, offset, array.strides)


def _address(array):
    return array.__array_interface__["data"][0]


def arrays(value):
    """Return the arrays in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for v in value:
            yield from arrays(v)
    elif isinstance(value, dict):
        yield from arrays(list(value.values()))
