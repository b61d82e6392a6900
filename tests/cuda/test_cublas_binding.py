"""The cuBLAS binding without cuBLAS: the order of its calls, their failures, and how the library is found.

`tests/gpu/test_gpu_cublas.py` computes with it.
"""

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minigan.backend.cuda import cublas
from minigan.backend.cuda.cublas import Cublas, CublasError

HANDLE, WORKSPACE, STREAM = 0x7F00_1234_5678, 0x7F11_0000_0100, 0x7F22_0000_0040  # all above 32 bits


class Library:
    """A library whose functions note their calls and return a status; C function pointers, as ctypes finds them."""

    def __init__(self):
        self.calls, self.arguments, self.fails, self.alive = [], {}, {}, []
        for name, types in cublas.FUNCTIONS.items():
            typed = ctypes.CFUNCTYPE(ctypes.c_int, *types)(self._noting(name))
            self.alive.append(typed)
            # As ctypes finds a function in a library: an address, and no word of what its arguments are.
            setattr(self, name, ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.cast(typed, ctypes.c_void_p).value))

    def _noting(self, name):
        def function(*arguments):
            self.calls.append(name)
            self.arguments[name] = arguments
            if name == "cublasCreate_v2":
                arguments[0][0] = HANDLE
            return self.fails.get(name, 0)

        return function


@pytest.fixture
def library(monkeypatch):
    noting = Library()
    monkeypatch.setattr(cublas, "load", lambda: noting)
    monkeypatch.setattr(cublas, "address", lambda array: array.ctypes.data)
    return noting


@pytest.fixture
def blas(library):
    handle = Cublas(WORKSPACE)
    handle.use(STREAM)
    return handle


def matrices(m, k, n):
    return [np.ones(shape, "float32") for shape in ((m, k), (k, n), (m, n))]


def stacks(s, m, k, n):
    return [np.ones(shape, "float32") for shape in ((s, m, k), (s, k, n), (s, m, n))]


def test_a_stack_of_products_is_one_call(blas, library):
    a, b, out = stacks(5, 2, 3, 4)
    blas.gemm(a, b.transpose(0, 2, 1).copy().transpose(0, 2, 1), out)
    _, transposed, _, m, n, k, _, _, _, ld, stride, *rest = library.arguments["cublasGemmStridedBatchedEx"]
    assert (transposed, m, n, k, ld, stride) == (1, 4, 2, 3, 3, 12)
    assert rest[-3] == 5


def test_addresses_arrive_whole(blas, library):
    a, b, out = matrices(2, 3, 4)
    blas.gemm(a, b, out)
    handle, _, _, m, n, k, _, first, *_ = library.arguments["cublasGemmEx"]
    assert (handle, m, n, k, first) == (HANDLE, 4, 2, 3, b.ctypes.data)  # column-major: out^T = b^T a^T
    assert library.arguments["cublasSetStream_v2"] == (HANDLE, STREAM)
    assert library.arguments["cublasSetWorkspace_v2"] == (HANDLE, WORKSPACE, 32 << 20)


def test_nothing_is_asked_of_cublas_where_there_is_nothing_to_multiply(blas, library):
    for sizes in ((0, 3, 2), (2, 3, 0), (2, 0, 3)):
        blas.gemm(*matrices(*sizes))
    assert "cublasGemmEx" not in library.calls


def test_the_precisions_are_what_the_header_says():
    assert cublas.PRECISIONS["fp32"][1:3] == (0, 68)  # CUDA_R_32F, CUBLAS_COMPUTE_32F
    assert cublas.PRECISIONS["tf32"][1:3] == (0, 77)  # CUBLAS_COMPUTE_32F_FAST_TF32
    assert cublas.PRECISIONS["fp64"][1:3] == (1, 70)  # CUDA_R_64F, CUBLAS_COMPUTE_64F


def test_the_stream_is_set_before_the_workspace_which_it_resets(library):
    blas = Cublas(WORKSPACE)
    for stream in (STREAM, STREAM, 0, STREAM):
        blas.use(stream)
        assert (library.arguments["cublasSetStream_v2"][1] or 0) == stream
    assert library.calls == ["cublasCreate_v2"] + 3 * ["cublasSetStream_v2", "cublasSetWorkspace_v2"]


def test_a_stream_half_set_is_set_again(library):
    blas = Cublas(WORKSPACE)
    blas.use(STREAM)
    library.fails["cublasSetWorkspace_v2"] = 7
    with pytest.raises(CublasError, match="cublasSetWorkspace_v2 failed"):
        blas.use(0)
    library.fails.clear()
    blas.use(STREAM)
    blas.gemm(*matrices(2, 3, 4))


@pytest.mark.parametrize("status", [*cublas.STATUS][1:] + [99])
@pytest.mark.parametrize("name", [*cublas.FUNCTIONS])
def test_a_failure_of_any_function_is_named(library, name, status):
    library.fails[name] = status
    said = f"{name} failed: CUBLAS_STATUS_{cublas.STATUS.get(status, 'UNKNOWN')} .{status}."
    with pytest.raises(CublasError, match=said):
        run_everything()


def run_everything():
    blas = Cublas(WORKSPACE)
    blas.use(STREAM)
    blas.gemm(*matrices(2, 3, 4))
    blas.gemm(*stacks(5, 2, 3, 4))
    blas.close()


def test_closing_twice_destroys_once_and_a_closed_handle_says_so(blas, library):
    blas.close()
    blas.close()
    assert library.calls.count("cublasDestroy_v2") == 1
    with pytest.raises(CublasError, match=r"no stream was chosen; call use\(stream\)"):
        blas.gemm(*matrices(2, 3, 4))


def test_bad_input_in_one_sentence(blas):
    a, b, out = matrices(2, 3, 4)
    with pytest.raises(ValueError, match="precision must be one of fp32, tf32, fp64, got 'half'"):
        blas.gemm(a, b, out, precision="half")
    with pytest.raises(TypeError, match="'fp64' computes with float64, but a, b, out are float32, float32, float32"):
        blas.gemm(a, b, out, precision="fp64")
    with pytest.raises(TypeError, match="a, b, out are float32, float64, float32"):
        blas.gemm(a, b.astype("float64"), out)
    with pytest.raises(ValueError, match=r"a \(2, 3\) @ b \(2, 3\) does not fit into out \(2, 4\)"):
        blas.gemm(a, a, out)


# --- finding the library


def no_library(*args):
    raise RuntimeError("not found")


def test_without_a_library_the_message_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    for finder in (None, ModuleType("cuda.pathfinder")):
        if finder is not None:
            finder.load_nvidia_dynamic_lib = no_library
            monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
        monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
        with pytest.raises(CublasError, match=r"no cuBLAS library was found: install it with `pip install"):
            Cublas(WORKSPACE)


def test_the_finder_of_cupy_is_asked_first_and_the_system_next(monkeypatch):
    finder = ModuleType("cuda.pathfinder")
    finder.load_nvidia_dynamic_lib = lambda name: SimpleNamespace(abs_path=f"/found/lib{name}.so.13")
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    monkeypatch.setattr("ctypes.CDLL", lambda path: path)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so.12")
    assert cublas.load() == "/found/libcublas.so.13"
    finder.load_nvidia_dynamic_lib = no_library
    assert cublas.load() == "libcublas.so.12"


def test_a_library_that_lacks_a_function_is_too_old(library, monkeypatch):
    del library.cublasSetWorkspace_v2
    with pytest.raises(CublasError, match="no cublasSetWorkspace_v2; version 11 or newer"):
        Cublas(WORKSPACE)


def test_a_real_library_has_every_function():
    try:
        library = cublas.load()
    except (CublasError, OSError) as error:
        pytest.skip(f"no cuBLAS on this machine: {error}")
    cublas.declared(library)
