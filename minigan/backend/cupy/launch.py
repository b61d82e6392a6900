"""Launches of our CUDA kernels on CuPy arrays.  CuPy compiles a file at first use and keeps the result on disk.

How many threads there are follows from shapes alone, never from the device, and so does the order of every sum: the
same bits on every GPU, as far as its arithmetic is the same.
"""

from functools import cache

import cupy

from ..cuda import source

BLOCK = 256  # threads; BLOCK of kernels.cuh
MOST_BLOCKS = 4096  # a few rounds of the largest devices; beyond that, threads stride
ABREAST = 32  # columns that a block sums at a time: a warp reads neighbouring addresses
ROWS_EACH = 16  # rows for each thread of a sum, before more blocks share it
MOST_SLABS = 64

REALS = {"float32": "float", "float64": "double"}  # what the kernels compute with, as C calls it


@cache
def kernel(file, name, real="float"):
    """Return the function `name` of `file`.cu, compiled for numbers of the C type `real`."""
    return _module(file, real).get_function(name)


@cache
def _module(file, real):
    return cupy.RawModule(code=source(file), options=(f"-DREAL={real}",))


def each(kernel, size, *arguments):
    """Run `kernel` with a thread for each of `size` elements; nothing to do if there are none."""
    if size:
        kernel((min(-(-size // BLOCK), MOST_BLOCKS),), (BLOCK,), arguments)


def sums(file, name, inputs, *, parts=1, divisor=None):
    """Return sums over the rows of the matrices with which `inputs` begins: parts * columns numbers.

    The rows are divided into slabs whose sums are summed by a second launch; `divisor`, if the kernel takes one,
    divides in the last.
    """
    (rows, columns), dtype = inputs[0].shape, inputs[0].dtype
    real = REALS[dtype.name]
    width = min(columns, ABREAST)
    slabs = min(max(rows // (ROWS_EACH * (BLOCK // width)), 1), MOST_SLABS)
    numbers = () if divisor is None else (divisor if slabs == 1 else 1.0,)
    found = cupy.empty((slabs, parts * columns), dtype)
    _over_columns(kernel(file, f"{name}_{real}", real), columns, slabs, (*inputs, found, rows, columns, *numbers))
    if slabs == 1:
        return found[0]
    total, last = cupy.empty(parts * columns, dtype), 1.0 if divisor is None else divisor
    column_sums = kernel("reduce", f"column_sums_{real}", real)
    _over_columns(column_sums, parts * columns, 1, (found, total, slabs, parts * columns, last))
    return total


def _over_columns(kernel, columns, slabs, arguments):
    width = min(columns, ABREAST)
    kernel((-(-columns // width), slabs), (width, BLOCK // width), arguments)
