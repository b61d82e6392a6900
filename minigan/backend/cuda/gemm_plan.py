"""Plans of matrix products: the arguments with which BLAS, which stores matrices by columns, serves any layout.

The memory of a row-major matrix, read by columns, is its transpose. So out = a @ b with a row-major out is computed
as out^T = b^T a^T, with b first, and nothing is transposed in memory: a row-major operand, a transposed view and a
slice of a wider matrix differ only in a flag and in the leading dimension, the distance between two columns in memory.
This module computes with integers alone, so all of it is tested without a GPU.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

N, T = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T of cublas_api.h
LARGEST = 2**31 - 1  # cublasGemmEx takes C ints


class Matrix(NamedTuple):
    """The layout of a 2-D array: its shape, its strides in bytes, the size of an element."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int


class Plan(NamedTuple):
    """The arguments of gemm(transa, transb, m, n, k, alpha, first, lda, second, ldb, beta, out, ldc).

    Attributes:
        b_first: Whether b is the first operand and a the second.
        copies: The names among "a", "b" and "out" of matrices that no leading dimension describes; the plan is for
            C-ordered copies of them.
    """

    transa: int
    transb: int
    m: int
    n: int
    k: int
    lda: int
    ldb: int
    ldc: int
    b_first: bool
    copies: tuple[str, ...]


@lru_cache(maxsize=4096)  # a training step asks for the same few products every time
def plan(a: Matrix, b: Matrix, out: Matrix) -> Plan:
    """Return the `Plan` of out (M, N) = alpha * a (M, K) @ b (K, N) + beta * out, for any alpha and beta.

    Raises:
        ValueError: If the shapes do not fit, or a length does not fit into a C int.
    """
    _check(a, b, out)
    (m, k), n = a.shape, b.shape[1]
    layouts, copies = {}, []
    for name, matrix in {"a": a, "b": b, "out": out}.items():
        found = layout(matrix)
        if found is None:
            copies.append(name)
            found = True, max(matrix.shape[1], 1)
        layouts[name] = found
    by_rows, ldc = layouts["out"]
    (trans_a, lda), (trans_b, ldb) = [(T if rows != by_rows else N, ld) for rows, ld in (layouts["a"], layouts["b"])]
    if by_rows:
        return Plan(trans_b, trans_a, n, m, k, ldb, lda, ldc, True, tuple(copies))
    return Plan(trans_a, trans_b, m, n, k, lda, ldb, ldc, False, tuple(copies))


def layout(matrix: Matrix) -> tuple[bool, int] | None:
    """Return whether the matrix is stored by rows, and its leading dimension; None for any other layout.

    The stride of an axis of length 1 does not matter, so a strided vector is always stored by rows or by columns.
    """
    (rows, columns), (down, right), size = matrix
    if rows == 0 or columns == 0:
        return True, max(columns, 1)
    for by_rows, length, others, step, leap in (
        (True, columns, rows, right, down),
        (False, rows, columns, down, right),
    ):
        leading = leap // size if others > 1 else length
        contiguous = (length == 1 or step == size) and (others == 1 or leap % size == 0)
        if contiguous and length <= leading <= LARGEST:
            return by_rows, leading
    return None


def _check(a, b, out):
    shapes = a.shape, b.shape, out.shape
    if [len(s) for s in shapes] != [2, 2, 2] or a.shape[1] != b.shape[0] or out.shape != (a.shape[0], b.shape[1]):
        raise ValueError(f"gemm: a {a.shape} @ b {b.shape} does not fit into out {out.shape}; matrices are needed")
    if max(map(max, shapes)) > LARGEST:
        raise ValueError(f"gemm: a {a.shape} @ b {b.shape}: a length is above {LARGEST}, the largest that cuBLAS takes")
