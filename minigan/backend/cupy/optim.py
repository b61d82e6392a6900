"""Updates in place on a GPU, in one launch for many arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..numpy import optim as numpy_optim
from ..recording import ACTIVE
from . import arrays
from .arrays import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...types import Array

    Columns = Sequence[Sequence[Array]]
    Numbers = Callable[[], tuple[float, ...]]

NUMBERS = {"adam": 6, "rmsprop": 4, "sgd": 2, "approach": 1}  # that each kernel takes


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield the arrays undivided, since a GPU needs many elements at once."""
    yield arrays


def each(function: Callable[..., None], blocks: Sequence[Sequence[Any]]) -> None:
    """Call function(*block) for each block."""
    for block in blocks:
        function(*block)


def adam(p: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, eps: float, lr: float) -> None:
    """See `numpy_optim.adam`."""
    columns = [p], [g], [m], [v]
    if not fit(*columns):
        return numpy_optim.adam(p, g, m, v, beta1, beta2, eps, lr)
    update_all("adam", columns, lambda: (1 - beta1, beta1, 1 - beta2, beta2, eps, lr))


def approach(average: Array, value: Array, weight: float) -> None:
    """See `numpy_optim.approach`."""
    if not fit([average], [value]):
        return numpy_optim.approach(average, value, weight)
    update_all("approach", ([average], [value]), lambda: (weight,))


def update_all(kernel: str, columns: Columns, numbers: Numbers, finite: Array | None = None) -> None:
    """Update many arrays in place by a kernel of optim.cu.

    Args:
        kernel: Its name.
        columns: Lists of arrays that `fit`: parameters, gradients and so on, as the kernel takes them.
        numbers: Returns the numbers that the kernel takes; while a step is recorded, it is called at every replay.
        finite: An integer of shape (); where it is 0 the launch changes nothing.
    """
    if ACTIVE.tape is None:
        given, moved = _struct(numbers()), None
    else:
        given, moved = _struct((0.0,) * NUMBERS[kernel]), ACTIVE.tape.numbers(numbers, NUMBERS[kernel])
    arrays.update(kernel, columns, given, moved, finite)


def _struct(numbers: Any) -> Array:
    """Return the numbers as the struct of doubles that a kernel takes."""
    return np.array(tuple(numbers), [(f"x{k}", np.float64) for k in range(len(numbers))])
