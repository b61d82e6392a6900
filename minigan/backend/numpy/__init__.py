"""The reference backend: NumPy arrays on the CPU. Every other backend is tested against this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy import asarray, ndarray

from .allocator import keep_freed_memory
from .conv import conv2d, conv2d_weight, conv_transpose2d
from .elementwise import (
    between,
    euclidean_norm,
    gate,
    leaky_relu,
    placed,
    positive,
    quotient,
    scale_pixels,
    scaled,
    scaled_square_sum,
    scaled_sum,
    sigmoid,
    softplus,
    track,
)
from .matmul import matmul
from .norm import moments, normalize, normalize_gradients
from .optim import adam, approach, blocks, each, fit
from .reduce import numbers, square_sum, sum_leading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...types import Array, DTypeLike
    from ..interface import Order

DEVICE: str = "cpu"

keep_freed_memory()


def array(data: Any, dtype: DTypeLike | None = None, order: Order = "K") -> Array:
    """Return a new array with a copy of `data`."""
    return np.array(data, dtype, order=order)


def concatenate(xs: Sequence[Array], axis: int) -> Array:
    """Return the arrays joined along an axis."""
    return np.concatenate(xs, axis)


def add_at(out: Array, key: Any, x: Array) -> None:
    """Add x to out[key], as often as `key` names an element."""
    np.add.at(out, key, x)


def to_numpy(a: Array) -> Array:
    """Return the array itself."""
    return a


def from_numpy(a: Array) -> Array:
    """Return the array itself."""
    return a


def device_count() -> int:
    """Return the number of GPUs: always 0."""
    return 0
