"""Updates in place that read and write memory once, in blocks that stay in cache, instead of once for every term."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ...types import Array

BLOCK = 1 << 17  # elements: shorter blocks cost more in calls than they save in cache


def blocks(first: Array, *others: Array) -> Iterator[list[Array]]:
    """Yield flat views of at most BLOCK elements of each array; an array that is written to must be contiguous."""
    if not first.flags.c_contiguous:
        yield [first, *others]
        return
    flat = [first.reshape(-1), *[a.reshape(-1) for a in others]]
    for start in range(0, first.size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


def each(function: Callable[..., None], blocks: Sequence[Sequence[Any]]) -> None:
    """Call function(*block) for each block, which differ in memory; threads share them if they are large together.

    A block is a number and arrays of one shape.
    """
    if sum(arrays[0].size for _, *arrays in blocks) < threads.MANY:
        for block in blocks:
            function(*block)
    else:
        threads.side_by_side(lambda block: function(*block), blocks)


def fit(*columns: Sequence[Array]) -> bool:
    """Return False: on the CPU each array is updated for itself, in `blocks`."""
    return False


def adam(p: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, eps: float, lr: float) -> None:
    """Update m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p -= lr m / (sqrt(v) + eps)."""
    term = g * (1 - beta1)
    m *= beta1
    m += term
    np.multiply(g, g, out=term)
    term *= 1 - beta2
    v *= beta2
    v += term
    np.sqrt(v, out=term)
    term += eps
    np.divide(m, term, out=term)
    term *= lr
    p -= term


def approach(average: Array, value: Array, weight: float) -> None:
    """Update average += weight * (value - average)."""
    average += weight * (value - average)
