"""cuBLAS on the CPU: C functions that compute in host memory and refuse what cuBLAS would."""

import ctypes

import numpy as np
from strict_device import changed

from minigan.backend.cuda import cublas

HANDLE, WORKSPACE, STREAM = 0x7F00_1234_5678, 0x7F11_0000_0100, 0x7F22_0000_0040  # all above 32 bits
KINDS = {(0, 68): np.float32, (0, 77): np.float32, (1, 70): np.float64}
SUCCESS, NOT_INITIALIZED, INVALID_VALUE, NOT_SUPPORTED = 0, 1, 7, 15


class FakeLibrary:
    """cuBLAS on the CPU.  Its functions are C function pointers, so addresses really pass through ctypes."""

    def __init__(self):
        self.calls, self.fails, self.alive = [], {}, []
        self.computed = None  # the latest cublasComputeType_t
        self.stream = self.workspace = None
        for name, types in cublas.FUNCTIONS.items():
            typed = ctypes.CFUNCTYPE(ctypes.c_int, *types)(self._counted(name))
            self.alive.append(typed)
            # As ctypes finds a function in a library: an address, and no word of what its arguments are.
            setattr(self, name, ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.cast(typed, ctypes.c_void_p).value))

    def _counted(self, name):
        def function(*args):
            self.calls.append(name)
            return self.fails.get(name) or getattr(self, f"_{name}")(*args)

        return function

    def _cublasCreate_v2(self, handle):
        handle[0] = HANDLE
        return SUCCESS

    def _cublasDestroy_v2(self, handle):
        return SUCCESS if handle == HANDLE else NOT_INITIALIZED

    def _cublasSetStream_v2(self, handle, stream):
        self.stream, self.workspace = stream, None  # what the manual says
        return SUCCESS if handle == HANDLE else NOT_INITIALIZED

    def _cublasSetWorkspace_v2(self, handle, address, size):
        self.workspace = address, size
        return SUCCESS if (handle, address) == (HANDLE, WORKSPACE) else INVALID_VALUE

    def _cublasGemmEx(
        self, handle, transa, transb, m, n, k, alpha, a, a_kind, lda, b, b_kind, ldb, beta, c, c_kind, ldc, compute, how
    ):
        dtype, self.computed = KINDS.get((c_kind, compute)), compute
        if handle != HANDLE or self.workspace is None:
            return NOT_INITIALIZED
        if dtype is None or not a_kind == b_kind == c_kind or how != -1:
            return NOT_SUPPORTED
        sizes = ((m, k) if transa == 0 else (k, m)), ((k, n) if transb == 0 else (n, k)), (m, n)
        if min(m, n, k) < 1 or any(ld < rows for ld, (rows, _) in zip((lda, ldb, ldc), sizes, strict=True)):
            return INVALID_VALUE
        number = np.ctypeslib.as_ctypes_type(dtype)
        x, y, z = [matrix_at(p, s, ld, dtype) for p, s, ld in zip((a, b, c), sizes, (lda, ldb, ldc), strict=True)]
        alpha, beta = number.from_address(alpha).value, number.from_address(beta).value

        def multiply():
            product = (x.T if transa else x) @ (y.T if transb else y)
            z[...] = dtype(alpha) * product + (dtype(beta) * z if beta else 0)

        changed(multiply, z)
        return SUCCESS


def matrix_at(address, shape, ld, dtype):
    """The column-major matrix at an address."""
    size = np.dtype(dtype).itemsize
    length = (shape[1] - 1) * ld + shape[0]
    memory = np.frombuffer((ctypes.c_char * (length * size)).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, (size, ld * size))
