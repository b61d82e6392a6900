"""cuBLAS against NumPy: the layouts, scalars, precisions and batches of its manual."""

import ctypes
import itertools

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

N, T, C = 0, 1, 2
HOST, DEVICE = 0, 1  # cublasPointerMode_t
FLOAT, DOUBLE = 0, 1  # cudaDataType
FP32, FP64, TF32 = 68, 70, 77  # cublasComputeType_t
L = ctypes.c_longlong
TYPES = {"float32": (FLOAT, FP32, ctypes.c_float, 1e-6), "float64": (DOUBLE, FP64, ctypes.c_double, 1e-14)}
SIZES = [(1, 1, 1), (8, 4, 3), (9, 5, 7), (17, 1, 64), (1, 13, 2), (40, 33, 100)]


@pytest.fixture
def library():
    return ctypes.CDLL("libcublas.so.13")


@pytest.fixture
def handle(library):
    made = ctypes.c_void_p()
    assert library.cublasCreate_v2(ctypes.byref(made)) == 0
    yield made
    assert library.cublasDestroy_v2(made) == 0


def column_major(matrix, leading):
    """The matrix in columns of `leading` elements, the rest of which is NaN."""
    memory = np.full((matrix.shape[1], leading), np.nan, matrix.dtype)
    memory[:, : len(matrix)] = matrix.T
    return memory


@pytest.fixture
def gemm_ex(library, handle, device, host):
    """gemm_ex(a, b, c, alpha, beta, ...): what cublasGemmEx makes of column-major matrices."""

    def call(a, b, c, alpha=1.0, beta=0.0, ta=N, tb=N, pad=0, compute=None):
        kind, default, number, _ = TYPES[a.dtype.name]
        stored = [a if ta == N else a.T, b if tb == N else b.T, c]
        leading = [max(len(matrix), 1) + pad for matrix in stored]
        at = [device(column_major(matrix, size)) for matrix, size in zip(stored, leading, strict=True)]
        operands = [[ctypes.c_void_p(address), kind, size] for address, size in zip(at, leading, strict=True)]
        status = library.cublasGemmEx(
            handle, ta, tb, *c.shape, a.shape[1], ctypes.byref(number(alpha)), *operands[0], *operands[1],
            ctypes.byref(number(beta)), *operands[2], compute or default, -1,
        )  # fmt: skip
        assert status == 0
        memory = host(at[2], c.shape[1] * leading[2], c.dtype).reshape(c.shape[1], leading[2])
        assert np.isnan(memory[:, len(c) :]).all()
        return memory[:, : len(c)].T

    return call


def matrices(sizes, dtype):
    m, n, k = sizes
    rng = np.random.default_rng(m + n + k)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (m, n))]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_layout(dtype, sizes, gemm_ex):
    a, b, c = matrices(sizes, dtype)
    for ta, tb, pad in itertools.product((N, T, C), (N, T, C), (0, 3)):
        np.testing.assert_allclose(gemm_ex(a, b, c, ta=ta, tb=tb, pad=pad), a @ b, TYPES[dtype][3], 1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_alpha_and_beta(dtype, gemm_ex):
    a, b, c = matrices((9, 5, 7), dtype)
    np.testing.assert_allclose(gemm_ex(a, b, c, 0.5, -2), 0.5 * (a @ b) - 2 * c, 1e-5, 1e-5)


def test_with_beta_0_the_result_is_not_read(gemm_ex):
    a, b, c = matrices((9, 5, 7), "float32")
    assert np.isfinite(gemm_ex(a, b, c * np.nan)).all()


def test_sums_of_floats_are_rounded_once(gemm_ex):
    a, b, c = matrices((9, 5, 1000), "float32")
    exact = (a.astype("float64") @ b.astype("float64")).astype("float32")
    np.testing.assert_array_equal(gemm_ex(a, b, c), exact)


def test_tf32_rounds_the_factors_to_10_bits(gemm_ex):
    one = np.ones((1, 1), np.float32)
    for value, rounded in ((1 + 2**-10, 1 + 2**-10), (1 + 2**-12, 1), (1 + 2**-11, 1 + 2**-10), (-1 - 2**-12, -1)):
        a = np.full((1, 1), value, np.float32)
        assert gemm_ex(a, one, one, compute=TF32) == rounded
        assert gemm_ex(one, a, one, compute=TF32) == rounded
        assert gemm_ex(a, one, one) == np.float32(value)


def test_an_empty_sum_is_0(gemm_ex):
    a, b, c = np.empty((3, 0), np.float32), np.empty((0, 2), np.float32), np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(gemm_ex(a, b, c), 0)


@pytest.mark.parametrize("change", [{"m": -1}, {"lda": 2}, {"ldb": 3}, {"ldc": 2}])
def test_sizes_that_do_not_fit_are_refused(change, library, handle, device):
    sizes = {"m": 3, "n": 2, "k": 4, "lda": 3, "ldb": 4, "ldc": 3} | change
    at, number = device(np.zeros(12, np.float32)), ctypes.byref(ctypes.c_float(1))
    a, b, c = [[ctypes.c_void_p(at), FLOAT, sizes[name]] for name in ("lda", "ldb", "ldc")]
    status = library.cublasGemmEx(
        handle, N, N, sizes["m"], sizes["n"], sizes["k"], number, *a, *b, number, *c, FP32, -1
    )  # fmt: skip
    assert status == 7  # CUBLAS_STATUS_INVALID_VALUE


def test_other_types_are_refused(library, handle, device):
    at, number = device(np.zeros(12, np.float32)), ctypes.byref(ctypes.c_float(1))
    half = [ctypes.c_void_p(at), 2, 3]
    assert library.cublasGemmEx(handle, N, N, 3, 3, 3, number, *half, *half, number, *half, FP32, -1) == 15


def test_a_handle_that_was_destroyed_is_refused(library):
    made = ctypes.c_void_p()
    library.cublasCreate_v2(ctypes.byref(made))
    library.cublasDestroy_v2(made)
    assert library.cublasSetStream_v2(made, None) == 1  # CUBLAS_STATUS_NOT_INITIALIZED


def test_a_workspace_must_be_aligned_and_allocated(library, handle, device):
    at = device(np.zeros(1024))
    size = ctypes.c_size_t(4096)
    assert library.cublasSetWorkspace_v2(handle, ctypes.c_void_p(at), size) == 0
    assert library.cublasSetWorkspace_v2(handle, ctypes.c_void_p(at + 8), size) == 7
    assert library.cublasSetWorkspace_v2(handle, ctypes.c_void_p(at), ctypes.c_size_t(1 << 20)) == 7


def test_a_product_is_work_of_the_handles_stream(library, handle, device, stream, rt):
    library.cublasSetStream_v2(handle, ctypes.c_void_p(stream))
    at, target = device(np.full(1, 3, np.float32)), np.zeros(1, np.float32)
    one, zero = ctypes.byref(ctypes.c_float(1)), ctypes.byref(ctypes.c_float(0))
    operand = [ctypes.c_void_p(at), FLOAT, 1]
    out = device(np.zeros(1, np.float32))
    cupy_on_cpu.reset()
    library.cublasGemmEx(
        handle, N, N, 1, 1, 1, one, *operand, *operand, zero, ctypes.c_void_p(out), FLOAT, 1, FP32, -1
    )  # fmt: skip
    rt.memcpy(target.ctypes.data, out, 4, rt.memcpyDeviceToHost)  # which does not wait for that stream
    assert target == 0
    rt.streamSynchronize(stream)
    rt.memcpy(target.ctypes.data, out, 4, rt.memcpyDeviceToHost)
    assert target == 9
    assert cupy_on_cpu.counts()["products"] == 1


def test_the_pointer_mode_is_kept(library, handle):
    found = ctypes.c_int(-1)
    for mode in (HOST, DEVICE, HOST):
        assert library.cublasSetPointerMode_v2(handle, mode) == 0
        assert library.cublasGetPointerMode_v2(handle, ctypes.byref(found)) == 0
        assert found.value == mode
    assert library.cublasSetPointerMode_v2(handle, 2) == 7


PRODUCTS = {
    "cublasSgemm_v2": lambda call, handle, one, p: call(handle, N, N, 1, 1, 1, one, p, 1, p, 1, one, p, 1),
    "cublasDgemm_v2": lambda call, handle, one, p: call(handle, N, N, 1, 1, 1, one, p, 1, p, 1, one, p, 1),
    "cublasSgemv_v2": lambda call, handle, one, p: call(handle, N, 1, 1, one, p, 1, p, 1, one, p, 1),
    "cublasSgemmBatched": lambda call, handle, one, p: call(handle, N, N, 1, 1, 1, one, p, 1, p, 1, one, p, 1, 1),
    "cublasSgemmStridedBatched": lambda call, handle, one, p: call(
        handle, N, N, 1, 1, 1, one, p, 1, L(1), p, 1, L(1), one, p, 1, L(1), 1
    ),
    "cublasGemmEx": lambda call, handle, one, p: call(
        handle, N, N, 1, 1, 1, one, p, FLOAT, 1, p, FLOAT, 1, one, p, FLOAT, 1, FP32, -1
    ),
    "cublasGemmStridedBatchedEx": lambda call, handle, one, p: call(
        handle, N, N, 1, 1, 1, one, p, FLOAT, 1, L(1), p, FLOAT, 1, L(1), one, p, FLOAT, 1, L(1), 1, FP32, -1
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_alpha_and_beta_on_the_device_are_refused(name, library, handle, device, tmp_path, capfd):
    """Stricter: cuBLAS reads them there, as the products run."""
    at = ctypes.c_void_p(device(np.ones(1)))
    library.cublasSetPointerMode_v2(handle, DEVICE)
    cupy_on_cpu.log(tmp_path / "log")
    status = PRODUCTS[name](getattr(library, name), handle, at, at)
    cupy_on_cpu.log(None)
    assert status == 15  # CUBLAS_STATUS_NOT_SUPPORTED
    for text in (capfd.readouterr().err, (tmp_path / "log").read_text()):
        assert f"{name} in device pointer mode" in text


@pytest.mark.parametrize("mode", [HOST, DEVICE])
def test_a_dot_product_is_where_the_pointer_mode_says(mode, library, handle, device, host):
    """Stricter: cuBLAS does not look where a pointer of the other kind leads."""
    x, there, here = device(np.full(3, 2, np.float32)), device(np.zeros(1, np.float32)), np.zeros(1, np.float32)
    operands = [3, ctypes.c_void_p(x), 1, ctypes.c_void_p(x), 1]
    results = {HOST: ctypes.c_void_p(here.ctypes.data), DEVICE: ctypes.c_void_p(there)}
    library.cublasSetPointerMode_v2(handle, mode)
    assert library.cublasSdot_v2(handle, *operands, results[mode]) == 0
    assert (here if mode == HOST else host(there, 1)) == 12
    assert library.cublasSdot_v2(handle, *operands, results[HOST + DEVICE - mode]) == 7


@pytest.mark.parametrize("dtype", TYPES)
def test_the_products_of_cupy(dtype):
    import cupy

    rng = np.random.default_rng(0)
    for shape, other in (((5, 7), (7, 3)), ((4, 5, 7), (4, 7, 3)), ((5, 7), (7,)), ((7,), (7,)), ((4, 5, 7), (7, 3))):
        a, b = rng.standard_normal(shape).astype(dtype), rng.standard_normal(other).astype(dtype)
        np.testing.assert_allclose(cupy.asnumpy(cupy.asarray(a) @ cupy.asarray(b)), a @ b, 1e-5, 1e-5)
