"""Launches that work on many arrays at once: their addresses are passed to the kernel by value.

`cuda/optim.cu` describes how a launch is divided among the arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cupy
import numpy as np

from ..cuda.cublas import address
from . import launch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...types import Array

MOST = 48  # MOST, PART and the struct Arrays of optim.cu
PART = 2048
ARRAYS = np.dtype([
    ("count", np.int64), ("ends", np.int64, MOST), ("sizes", np.int64, MOST), ("columns", np.uint64, (4, MOST)),
])  # fmt: skip


class Table(NamedTuple):
    """The arrays of one launch.

    Attributes:
        arrays: The struct that the kernels take.
        length: The number of arrays in a column.
        parts: The number of parts of all of them.
    """

    arrays: Array
    length: int
    parts: int


def tables(*columns: Sequence[Array]) -> Iterator[Table]:
    """Yield tables of columns of equally many arrays; the arrays of a row have the same size.

    Column 1 is only read, so that its arrays may have any layout.
    """
    for start in range(0, len(columns[0]), MOST):
        some = [list(column[start : start + MOST]) for column in columns]
        some[1:2] = [[cupy.ascontiguousarray(a) for a in column] for column in some[1:2]]
        count, sizes = len(some[0]), [a.size for a in some[0]]
        arrays = np.zeros((), ARRAYS)
        arrays["count"] = count
        arrays["sizes"][:count] = sizes
        arrays["ends"][:count] = np.cumsum([-(-size // PART) for size in sizes])
        arrays["columns"][: len(some), :count] = [[address(a) for a in column] for column in some]
        yield Table(arrays, count, int(arrays["ends"][count - 1]))


def fit(*columns: Sequence[Array]) -> bool:
    """Return whether the kernels take these arrays: on the device, of one dtype, float32 or float64, in C order.

    Only column 1 may have another layout.
    """
    dtype = columns[0][0].dtype
    return dtype.name in launch.REALS and all(
        a.__class__ is cupy.ndarray and a.dtype == dtype and (k == 1 or a.flags.c_contiguous)
        for k, column in enumerate(columns)
        for a in column
    )


def update(kernel: str, columns: Sequence[Sequence[Array]], *numbers: Any) -> None:
    """Launch an updating kernel of optim.cu on the columns, with the arguments `numbers` after them."""
    real = launch.REALS[columns[0][0].dtype.name]
    function = launch.kernel("optim", f"{kernel}_{real}", real)
    for table in tables(*columns):
        if table.parts:
            function((table.parts,), (launch.BLOCK,), (table.arrays, *numbers))


def squares(arrays: Sequence[Array]) -> Array:
    """Return the sum of the squares of each array, float64 (n,); all are of one dtype, float32 or float64."""
    arrays = [cupy.ascontiguousarray(a) for a in arrays]
    real = launch.REALS[arrays[0].dtype.name]
    of_parts, of_arrays = [launch.kernel("optim", f"{name}_{real}", real) for name in ("square_parts", "array_sums")]
    found = cupy.empty(len(arrays), "float64")
    for k, table in enumerate(tables(arrays)):
        parts = cupy.empty(max(table.parts, 1), "float64")
        if table.parts:
            of_parts((table.parts,), (1, launch.BLOCK), (table.arrays, parts))
        of_arrays((table.length,), (1, launch.BLOCK), (table.arrays, parts, found[k * MOST :]))
    return found
