"""The cuBLAS binding against a fake library: C functions that compute in host memory and refuse what cuBLAS would."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from fake_cublas import STREAM, WORKSPACE, FakeLibrary
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.backend.cuda import cublas
from minigan.backend.cuda.cublas import Cublas, CublasError


@pytest.fixture
def library(monkeypatch):
    fake = FakeLibrary()
    monkeypatch.setattr(cublas, "load", lambda: fake)
    monkeypatch.setattr(cublas, "address", lambda array: array.ctypes.data)
    return fake


@pytest.fixture
def blas(library):
    handle = Cublas(WORKSPACE)
    handle.use(STREAM)
    return handle


VIEWS = {
    "C": lambda draw, r, c: draw((r, c)),
    "transposed": lambda draw, r, c: draw((c, r)).T,
    "sliced": lambda draw, r, c: draw((r + 1, c + 3))[1:, 2 : 2 + c],
    "transposed slice": lambda draw, r, c: draw((c + 1, r + 3))[1:, 2 : 2 + r].T,
    "strided": lambda draw, r, c: draw((2 * r, 2 * c))[::2, ::2],
}


def matrices(m, k, n, of_a="C", of_b="C", of_out="C", dtype="float32"):
    def draw(shape):
        return np.random.default_rng(shape).integers(-8, 9, shape).astype(dtype)  # exact in every precision

    return VIEWS[of_a](draw, m, k), VIEWS[of_b](draw, k, n), VIEWS[of_out](draw, m, n)


lengths = st.integers(0, 5)
views = st.sampled_from(sorted(VIEWS))
numbers = st.sampled_from([0.0, 1.0, -2.0, 0.5])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(lengths, lengths, lengths, views, views, views, numbers, numbers, st.sampled_from(["fp32", "tf32", "fp64"]))
def test_every_layout_and_precision(m, k, n, of_a, of_b, of_out, alpha, beta, precision):
    dtype = cublas.PRECISIONS[precision][0]
    a, b, out = matrices(m, k, n, of_a, of_b, of_out, dtype)
    expected = (alpha * (a @ b) + beta * out).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cublas, "load", FakeLibrary)
        patch.setattr(cublas, "address", lambda array: array.ctypes.data)
        blas = Cublas(WORKSPACE)
        blas.use(STREAM)
        before = a.copy(), b.copy()
        assert blas.gemm(a, b, out, alpha, beta, precision=precision) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("of_out", VIEWS)
@pytest.mark.parametrize("of_b", VIEWS)
@pytest.mark.parametrize("of_a", VIEWS)
def test_every_pair_of_layouts(blas, of_a, of_b, of_out, k):
    a, b, out = matrices(2, k, 4, of_a, of_b, of_out)
    expected = 2.0 * (a @ b) - 3.0 * out
    blas.gemm(a, b, out, 2.0, -3.0)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("of_out", ["C", "sliced", "strided"])
@pytest.mark.parametrize("k", [0, 3])
def test_with_beta_0_out_is_not_read(blas, k, of_out):
    a, b, out = matrices(2, k, 4, of_out=of_out)
    out[...] = np.nan
    np.testing.assert_array_equal(blas.gemm(a, b, out), a @ b)


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
        assert library.workspace == (WORKSPACE, 32 << 20)
        assert (library.stream or 0) == stream
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
