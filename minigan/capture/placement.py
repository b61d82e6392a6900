"""Placement of a tape's arrays: arrays that are not in use at the same time share memory, so that it stays in cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from ..types import Array

    Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def place(calls: Sequence[Call], made: Sequence[Array], kept: Sequence[Array]) -> list[Call]:
    """Return the calls on new arrays, which share memory if their lifetimes do not overlap.

    Args:
        calls: The calls in order, as (function, arguments, options).
        made: Arrays that a call makes before any call reads them.
        kept: Arrays that keep their memory, such as the results of the tape. All other arrays of `made` are moved,
            together with their views.
    """
    fixed = {id(owner(a)) for a in kept}
    movable = {id(owner(a)): owner(a) for a in made if id(owner(a)) not in fixed}
    used = [{id(owner(a)) for a in arrays((args, options))} & movable.keys() for _, args, options in calls]
    last = {key: i for i, keys in enumerate(used) for key in keys}
    blocks: dict[int, Array] = {}
    free: dict[int, list[Array]] = {}
    for i, keys in enumerate(used):
        for key in keys - blocks.keys():
            size = movable[key].nbytes
            blocks[key] = free[size].pop() if free.get(size) else np.empty(size, np.uint8)
        for key in keys:
            if last[key] == i:
                free.setdefault(movable[key].nbytes, []).append(blocks[key])

    def moved(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return _at(blocks[id(owner(value))], value) if id(owner(value)) in blocks else value
        if isinstance(value, tuple | list):
            return type(value)([moved(v) for v in value])
        return {name: moved(v) for name, v in value.items()} if isinstance(value, dict) else value

    return [(function, moved(args), moved(options)) for function, args, options in calls]


def owner(array: Array) -> Any:
    """Return the array that owns the memory of `array`: `array` itself unless it is a view."""
    return array if array.base is None else array.base


def _at(block, array):
    """Return the view of `block` that corresponds to `array`, a view of the owner that `block` replaces."""
    offset = _address(array) - _address(owner(array))
    return np.ndarray(array.shape, array.dtype, block, offset, array.strides)


def _address(array):
    return array.__array_interface__["data"][0]


def arrays(value: Any) -> Iterator[Array]:
    """Yield the arrays in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for v in value:
            yield from arrays(v)
    elif isinstance(value, dict):
        yield from arrays(list(value.values()))
