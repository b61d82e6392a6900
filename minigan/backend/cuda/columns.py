"""Column matrices of convolutions: the struct that the kernels of `conv.cu` take, and the chunks of a batch."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from ...ops.conv import ConvGeometry

CHUNK_BYTES = 128 << 20  # of the column matrix: products that fill a large device, and little memory beside the batch
LARGE = 1 << 30  # numbers in an array, from which on kernels count with 64 bits

DIVIDER = np.dtype([("divisor", np.int32), ("multiplier", np.uint32), ("shift", np.uint32)])  # of kernels.cuh
_DIVIDED = [(name, DIVIDER) for name in ("input", "kernel", "stride", "output")]
AXIS = np.dtype([*_DIVIDED, ("before", np.int32), ("dilation", np.int32)])
GEOMETRY = np.dtype(
    [("y", AXIS), ("x", AXIS), ("channels", DIVIDER), ("width", DIVIDER), ("pixels", DIVIDER), ("pixel", np.int32)]
)


def divider(divisor: int) -> tuple[int, int, int]:
    """Return (divisor, m, s) such that n // divisor == n * m >> s for all 0 <= n < 2**31, and m has 32 bits.

    Nothing is divided by 0, the length of an empty axis, which becomes 1.
    Source: Granlund and Montgomery, "Division by invariant integers using multiplication", 1994, theorem 4.2.
    """
    d = max(divisor, 1)
    shift = 31 + (d - 1).bit_length()
    return divisor, (1 << shift) // d + 1, shift


@lru_cache(maxsize=1024)
def struct(geometry: ConvGeometry, channels: int, pixel: int) -> Any:
    """Return the `Geometry` of conv.cu, an array of no axes.

    Args:
        geometry: The sizes of the convolution.
        channels: The channels of a group, in elements of the kernel's type.
        pixel: The channels of all groups, in the same unit.
    """
    padding = [before for before, _ in geometry.padding]
    divided = zip(geometry.input, geometry.kernel, geometry.stride, geometry.output, strict=True)
    axes = [
        (*map(divider, sizes), before, dilation)
        for sizes, before, dilation in zip(divided, padding, geometry.dilation, strict=True)
    ]
    width, pixels = prod(geometry.kernel) * channels, prod(geometry.output)
    return np.array((*axes, divider(channels), divider(width), divider(pixels), pixel), GEOMETRY)


def chunks(images: int, bytes_each: int, limit: int = CHUNK_BYTES) -> list[slice]:
    """Return the fewest slices of a batch whose columns have at most `limit` bytes, or one image, all nearly equal.

    Args:
        images: The size of the batch.
        bytes_each: The bytes of the columns of one image; 0 if it needs none.
        limit: The bytes that a chunk may have.
    """
    most = max(limit // bytes_each, 1) if bytes_each else max(images, 1)
    parts = -(-images // most)
    return [slice(images * k // parts, images * (k + 1) // parts) for k in range(parts)]
