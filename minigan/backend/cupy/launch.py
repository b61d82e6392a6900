"""Launches of minigan's CUDA kernels on CuPy arrays. CuPy compiles a file at first use and caches the result on disk.

The number of threads depends on shapes alone, never on the device, and so does the order of every sum: all GPUs with
the same arithmetic give the same bits.
"""

from __future__ import annotations

from functools import cache
from operator import index
from typing import TYPE_CHECKING

import cupy

from ..cuda import parameters, source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...types import Array

BLOCK = 256  # threads; BLOCK of kernels.cuh
MOST_BLOCKS = 4096  # enough to fill the largest devices several times; each thread strides over the rest
ABREAST = 32  # columns that a block sums at a time, so that a warp reads neighbouring addresses
SLABS_ABREAST = 8  # columns where slabs are added: 32 bytes are what memory gives at once, and more threads share them
ROWS_EACH = 16  # rows that each thread of a sum adds at least, before the sum is divided among more blocks
MOST_SLABS = 512  # slabs of rows into which a sum is divided at most: blocks for every multiprocessor of a large device

REALS = {"float32": "float", "float64": "double"}  # dtypes that the kernels compute with: their C types


@cache
def kernel(file: str, name: str, real: str = "float") -> Kernel:
    """Return the function `name` of `file`.cu, compiled for numbers of the C type `real`."""
    return Kernel(name, _module(file, real).get_function(name), parameters(file, name))


@cache
def _module(file: str, real: str) -> Any:
    return cupy.RawModule(code=source(file), options=(f"-DREAL={real}",))


class Kernel:
    """A CUDA function, which is given every number in the type that it declares.

    CuPy alone passes a Python int as an integer and a NumPy float32 as 4 bytes, also where a kernel reads a double.

    Args:
        name: The name of the function.
        function: CuPy's function.
        declared: The names of its parameters, and their C types.
    """

    def __init__(self, name: str, function: Any, declared: dict[str, str]) -> None:
        self._name, self._function, self._names = name, function, list(declared)
        self._as_declared = [CONVERSIONS.get(kind, _itself) for kind in declared.values()]

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: Sequence[Any]) -> None:
        """Launch `grid` blocks of `block` threads on the current stream.

        Raises:
            TypeError: If there are too few or too many arguments, or one is of the wrong kind.
        """
        if len(arguments) != len(self._names):
            raise TypeError(
                f"{self._name}() takes {len(self._names)} arguments: {', '.join(self._names)}; got {len(arguments)}"
            )
        try:
            passed = [convert(a) for convert, a in zip(self._as_declared, arguments, strict=True)]
        except TypeError as error:
            raise self._refusal(arguments) from error
        self._function(grid, block, passed)

    def _refusal(self, arguments):
        for name, convert, given in zip(self._names, self._as_declared, arguments, strict=True):
            try:
                convert(given)
            except TypeError:
                kind = "an integer" if convert is index else "a number"
                return TypeError(f"{self._name}() argument {name!r} must be {kind}, got {given!r}")
        raise AssertionError("every argument can be converted")


def _itself(argument):
    return argument


CONVERSIONS: dict[str, Any] = {"long long": index, "double": float}  # C types of numbers


def each(kernel: Kernel, size: int, *arguments: Any) -> None:
    """Run `kernel` with a thread for each of `size` elements; do nothing if there are none."""
    if size:
        kernel((min(-(-size // BLOCK), MOST_BLOCKS),), (BLOCK,), arguments)


def sums(file: str, name: str, inputs: Sequence[Any], *, parts: int = 1, divisor: float | None = None) -> Array:
    """Return the sums that a kernel forms over the rows of `inputs[0]` and of the other matrices among the inputs.

    The rows are divided into slabs, and a second launch adds the sums of the slabs.

    Args:
        file: The file of the kernel.
        name: The name of the kernel, without its type.
        inputs: The first arguments of the kernel, which begin with a matrix.
        parts: The number of sums that the kernel forms for each column.
        divisor: The number that the last launch divides the sums by, for a kernel that takes one.

    Returns:
        An array of parts * columns numbers.
    """
    (rows, columns), dtype = inputs[0].shape, inputs[0].dtype
    real = REALS[dtype.name]
    width = min(columns, ABREAST)
    slabs = min(max(rows // (ROWS_EACH * (BLOCK // width)), 1), MOST_SLABS)
    numbers = () if divisor is None else (divisor if slabs == 1 else 1.0,)
    found = cupy.empty((slabs, parts * columns), dtype)
    arguments = (*inputs, found, rows, columns, *numbers)
    _over_columns(kernel(file, f"{name}_{real}", real), columns, width, slabs, arguments)
    if slabs == 1:
        return found[0]
    return _sum_of_slabs(found, 1.0 if divisor is None else divisor)


def _sum_of_slabs(found, divisor):
    (slabs, columns), real = found.shape, REALS[found.dtype.name]
    total, width = cupy.empty(columns, found.dtype), min(columns, SLABS_ABREAST)
    column_sums = kernel("reduce", f"column_sums_{real}", real)
    _over_columns(column_sums, columns, width, 1, (found, total, slabs, columns, divisor))
    return total


def _over_columns(kernel: Kernel, columns: int, width: int, slabs: int, arguments: Sequence[Any]) -> None:
    kernel((-(-columns // width), slabs), (width, BLOCK // width), arguments)
