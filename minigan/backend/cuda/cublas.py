"""Matrix products by cuBLAS, called through ctypes.

CuPy refuses its own cuBLAS calls while a stream is being captured into a graph (cupy issue 6290), though cuBLAS allows
them. So minigan calls cuBLAS with its own handle and its own workspace: a workspace that cuBLAS allocates itself could
not be part of a graph, and with a fixed workspace and one stream the results are the same in every run.
Source: the cuBLAS manual on reproducibility, cublasSetStream, cublasSetWorkspace and cublasGemmEx.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import POINTER, byref, c_int, c_longlong, c_size_t, c_void_p
from typing import TYPE_CHECKING

from .gemm_plan import Matrix, plan

if TYPE_CHECKING:
    from typing import Any

WORKSPACE_BYTES = 32 << 20  # as NVIDIA recommends for Hopper; older devices need 4 MiB

# Values of cublas_api.h and library_types.h.
STATUS: dict[int, str] = {
    0: "SUCCESS", 1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH",
    11: "MAPPING_ERROR", 13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED", 16: "LICENSE_ERROR",
}  # fmt: skip
GEMM_DEFAULT = -1
REAL_32, REAL_64 = 0, 1  # cudaDataType

# {precision: (dtype of the arrays, cudaDataType, cublasComputeType_t, C type of alpha and beta)}
PRECISIONS: dict[str, tuple[str, int, int, Any]] = {
    "fp32": ("float32", REAL_32, 68, ctypes.c_float),
    "tf32": ("float32", REAL_32, 77, ctypes.c_float),  # factors rounded to 10 bits of mantissa, sums in float32
    "fp64": ("float64", REAL_64, 70, ctypes.c_double),
}

_OPERAND = [c_void_p, c_int, c_int]  # address, cudaDataType, leading dimension
_STACK = [*_OPERAND, c_longlong]  # and the elements from one matrix to the next
FUNCTIONS: dict[str, list[Any]] = {
    "cublasCreate_v2": [POINTER(c_void_p)],
    "cublasDestroy_v2": [c_void_p],
    "cublasSetStream_v2": [c_void_p, c_void_p],
    "cublasSetWorkspace_v2": [c_void_p, c_void_p, c_size_t],
    "cublasGemmEx": [c_void_p, *[c_int] * 5, c_void_p, *_OPERAND, *_OPERAND, c_void_p, *_OPERAND, c_int, c_int],
    "cublasGemmStridedBatchedEx": [
        c_void_p,
        *[c_int] * 5,
        c_void_p,
        *_STACK,
        *_STACK,
        c_void_p,
        *_STACK,
        c_int,
        c_int,
        c_int,
    ],
}


class CublasError(RuntimeError):
    """The error for a missing or unsuitable cuBLAS library, or for a call that failed, with the name of its status."""


class Cublas:
    """A cuBLAS handle, for one device, one host thread and one stream at a time.

    Args:
        workspace: The address of WORKSPACE_BYTES bytes on the device, aligned to 256, which the caller keeps alive.
    """

    def __init__(self, workspace: int) -> None:
        self._library = declared(load())
        self._workspace = workspace
        self._stream: int | None = None
        self._handle = c_void_p()
        self._call("cublasCreate_v2", byref(self._handle))

    def use(self, stream: int) -> None:
        """Run the following products on `stream`, the address of a CUDA stream; 0 is the default stream."""
        if stream != self._stream:
            self._stream = None  # if one of the two calls fails, the next attempt makes both
            self._call("cublasSetStream_v2", self._handle, stream)
            # In this order, as setting a stream resets the workspace to the default one.
            self._call("cublasSetWorkspace_v2", self._handle, self._workspace, WORKSPACE_BYTES)
            self._stream = stream

    def gemm(self, a: Any, b: Any, out: Any, alpha: float = 1.0, beta: float = 0.0, *, precision: str = "fp32") -> Any:
        """Compute and return out (M, N) = alpha * a (M, K) @ b (K, N) + beta * out. With beta = 0, out is not read.

        The arrays may also be stacks of equally many matrices, (S, M, K), (S, K, N) and (S, M, N).

        Args:
            a: A matrix on the device, in any layout; a layout that BLAS cannot express is copied.
            b: Another one.
            out: The matrix that is written to; it must not share memory with a or b.
            alpha: The factor of the product.
            beta: The factor of `out`.
            precision: "fp32" or "tf32" for float32 matrices, "fp64" for float64 matrices.

        Raises:
            ValueError: If the shapes do not fit, or the precision is unknown.
            TypeError: If a matrix has another dtype than the one of `precision`.
            CublasError: If cuBLAS refuses.
        """
        _check_dtypes(a, b, out, precision)
        p = plan(*[Matrix(x.shape[-2:], x.strides[-2:], x.itemsize) for x in (a, b, out)])
        if not out.size:
            return out
        if not p.k:  # nothing to sum, a case that the manual of cuBLAS does not specify
            out[...] = out * beta if beta else 0
            return out
        a, b, target = [x.copy(order="C") if name in p.copies else x for name, x in (("a", a), ("b", b), ("out", out))]
        self._gemm(p, a, b, target, alpha, beta, *PRECISIONS[precision][1:])
        if target is not out:
            out[...] = target
        return out

    def _gemm(self, p, a, b, out, alpha, beta, kind, compute, number):
        if self._stream is None:
            raise CublasError("cublasGemmEx: no stream was chosen; call use(stream) first")
        first, second = (b, a) if p.b_first else (a, b)
        stacks = out.ndim == 3
        operands = [
            (address(x), kind, ld, *([x.strides[0] // x.itemsize] if stacks else []))
            for x, ld in ((first, p.lda), (second, p.ldb), (out, p.ldc))
        ]
        self._call(
            "cublasGemmStridedBatchedEx" if stacks else "cublasGemmEx",
            self._handle, p.transa, p.transb, p.m, p.n, p.k,
            byref(number(alpha)), *operands[0], *operands[1], byref(number(beta)), *operands[2],
            *([len(out)] if stacks else []), compute, GEMM_DEFAULT,
        )  # fmt: skip

    def close(self) -> None:
        """Destroy the handle. The interpreter's exit does not call this, since the driver may already be gone then."""
        if self._handle:
            handle, self._handle, self._stream = self._handle, c_void_p(), None
            self._call("cublasDestroy_v2", handle)

    def _call(self, name, *args):
        status = getattr(self._library, name)(*args)
        if status:
            raise CublasError(f"{name} failed: CUBLAS_STATUS_{STATUS.get(status, 'UNKNOWN')} ({status})")


def load() -> ctypes.CDLL:
    """Return the cuBLAS library; raise CublasError if there is none."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy; searches wheels, conda and CUDA_HOME

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, RuntimeError) as error:  # pathfinder's own error is a RuntimeError
        path = ctypes.util.find_library("cublas")
        if path is None:
            raise CublasError(
                "no cuBLAS library was found: install it with `pip install 'minigan[cuda13]'` (or cuda12 for an older "
                "driver), or let CUDA_HOME name a CUDA toolkit"
            ) from error
        return ctypes.CDLL(path)


def declared(library: Any) -> Any:
    """Declare the types of every function that is called here, and return the library.

    Without them ctypes would cut addresses to 32 bits. Raise CublasError if a function is missing, as in versions
    before 11.
    """
    for name, types in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise CublasError(f"this cuBLAS library has no {name}; version 11 or newer is needed") from None
        function.argtypes, function.restype = types, c_int
    return library


def address(array: Any) -> int:
    """Return the address of the first element of an array on the device."""
    return array.data.ptr


def _check_dtypes(a, b, out, precision):
    if precision not in PRECISIONS:
        raise ValueError(f"gemm: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    dtype, given = PRECISIONS[precision][0], [str(x.dtype) for x in (a, b, out)]
    if given != [dtype] * 3:
        raise TypeError(f"gemm: precision {precision!r} computes with {dtype}, but a, b, out are {', '.join(given)}")
