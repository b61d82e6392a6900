"""cuBLAS, called by ctypes.

CuPy refuses its own cuBLAS calls while a stream is being captured into a graph (cupy issue 6290), though cuBLAS allows
it.  So products go through a handle of our own, with a workspace of our own: one that cuBLAS allocated itself could not
be part of a graph, and with a fixed workspace and one stream its results are the same from run to run.
Source: the cuBLAS manual on reproducibility, cublasSetStream, cublasSetWorkspace and cublasGemmEx.
"""

import ctypes
import ctypes.util
from ctypes import POINTER, byref, c_int, c_size_t, c_void_p

from .gemm_plan import Matrix, plan

WORKSPACE_BYTES = 32 << 20  # what NVIDIA recommends for Hopper; older devices need 4 MiB

# Values of cublas_api.h and library_types.h.
STATUS = {
    0: "SUCCESS", 1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH",
    11: "MAPPING_ERROR", 13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED", 16: "LICENSE_ERROR",
}  # fmt: skip
GEMM_DEFAULT = -1
REAL_32, REAL_64 = 0, 1  # cudaDataType

# What a precision means: {its name: (dtype of the arrays, cudaDataType, cublasComputeType_t, C type of alpha and beta)}
PRECISIONS = {
    "fp32": ("float32", REAL_32, 68, ctypes.c_float),
    "tf32": ("float32", REAL_32, 77, ctypes.c_float),  # factors rounded to 10 bits of mantissa, sums in float32
    "fp64": ("float64", REAL_64, 70, ctypes.c_double),
}

_OPERAND = [c_void_p, c_int, c_int]  # address, cudaDataType, leading dimension
FUNCTIONS = {
    "cublasCreate_v2": [POINTER(c_void_p)],
    "cublasDestroy_v2": [c_void_p],
    "cublasSetStream_v2": [c_void_p, c_void_p],
    "cublasSetWorkspace_v2": [c_void_p, c_void_p, c_size_t],
    "cublasGemmEx": [c_void_p, *[c_int] * 5, c_void_p, *_OPERAND, *_OPERAND, c_void_p, *_OPERAND, c_int, c_int],
}


class CublasError(RuntimeError):
    """A call of cuBLAS that failed, with the name of its status."""


class Cublas:
    """A cuBLAS handle, for one device, one host thread and one stream at a time.

    workspace: the address of WORKSPACE_BYTES bytes on the device, aligned to 256, which the caller keeps alive.
    """

    def __init__(self, workspace):
        self._library = declared(load())
        self._workspace, self._stream = workspace, None
        self._handle = c_void_p()
        self._call("cublasCreate_v2", byref(self._handle))

    def use(self, stream):
        """Run what follows on `stream`, the address of a CUDA stream (0 is the default one)."""
        if stream != self._stream:
            self._stream = None  # should one of the two calls fail, the next attempt makes both
            self._call("cublasSetStream_v2", self._handle, stream)
            # In this order: setting a stream puts the workspace back to the default one.
            self._call("cublasSetWorkspace_v2", self._handle, self._workspace, WORKSPACE_BYTES)
            self._stream = stream

    def gemm(self, a, b, out, alpha=1.0, beta=0.0, *, precision="fp32"):
        """Compute and return out (M, N) = alpha * a (M, K) @ b (K, N) + beta * out.  With beta = 0, out is not read.

        a, b and out are matrices on the device in any layout, of the dtype of `precision`: "fp32", "tf32" or "fp64".
        A layout that BLAS has no name for is copied.  out must not share memory with a or b.
        ValueError for shapes that do not fit, TypeError for another dtype, CublasError if cuBLAS refuses.
        """
        _check_dtypes(a, b, out, precision)
        p = plan(*[Matrix(x.shape, x.strides, x.itemsize) for x in (a, b, out)])
        if not p.m or not p.n:
            return out
        if not p.k:  # nothing to sum; cuBLAS has no promise for that
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
        self._call(
            "cublasGemmEx", self._handle, p.transa, p.transb, p.m, p.n, p.k,
            byref(number(alpha)), address(first), kind, p.lda, address(second), kind, p.ldb,
            byref(number(beta)), address(out), kind, p.ldc, compute, GEMM_DEFAULT,
        )  # fmt: skip

    def close(self):
        """Destroy the handle.  This is not done at interpreter exit, when the driver may be gone already."""
        if self._handle:
            handle, self._handle, self._stream = self._handle, c_void_p(), None
            self._call("cublasDestroy_v2", handle)

    def _call(self, name, *args):
        status = getattr(self._library, name)(*args)
        if status:
            raise CublasError(f"{name} failed: CUBLAS_STATUS_{STATUS.get(status, 'UNKNOWN')} ({status})")


def load():
    """Return the cuBLAS library; CublasError if there is none."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy; knows wheels, conda and CUDA_HOME

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, RuntimeError) as error:  # the finder's own error is a RuntimeError
        path = ctypes.util.find_library("cublas")
        if path is None:
            raise CublasError(
                "no cuBLAS library was found: install it with `pip install 'minigan[cuda13]'` (or cuda12 for an older "
                "driver), or let CUDA_HOME name a CUDA toolkit"
            ) from error
        return ctypes.CDLL(path)


def declared(library):
    """Declare the types of every function that is called here, since ctypes would cut addresses to 32 bits.

    CublasError if it lacks one, as versions before 11 do.
    """
    for name, types in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise CublasError(f"this cuBLAS library has no {name}; version 11 or newer is needed") from None
        function.argtypes, function.restype = types, c_int
    return library


def address(array):
    """Return the address of the first element of an array on the device."""
    return array.data.ptr


def _check_dtypes(a, b, out, precision):
    if precision not in PRECISIONS:
        raise ValueError(f"gemm: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    dtype, given = PRECISIONS[precision][0], [str(x.dtype) for x in (a, b, out)]
    if given != [dtype] * 3:
        raise TypeError(f"gemm: precision {precision!r} computes with {dtype}, but a, b, out are {', '.join(given)}")
