"""Products by minigan's own calls of cuBLAS, in every layout and precision, against NumPy's."""

import numpy as np
import pytest
from against_numpy import put
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.backend.cuda import cublas
from minigan.backend.cuda.cublas import Cublas

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def blas():
    import cupy

    workspace = cupy.cuda.alloc(cublas.WORKSPACE_BYTES)
    handle = Cublas(workspace.ptr)
    handle.use(cupy.cuda.get_current_stream().ptr)
    yield handle
    handle.close()


VIEWS = {
    "C": lambda draw, r, c: draw((r, c)),
    "transposed": lambda draw, r, c: draw((c, r)).T,
    "sliced": lambda draw, r, c: draw((r + 1, c + 3))[1:, 2 : 2 + c],
    "transposed slice": lambda draw, r, c: draw((c + 1, r + 3))[1:, 2 : 2 + r].T,
    "strided": lambda draw, r, c: draw((2 * r, 2 * c))[::2, ::2],
}


def matrices(m, k, n, of_a="C", of_b="C", of_out="C", dtype="float32"):
    """a, b and out on the device."""

    def draw(shape):
        return put(np.random.default_rng(shape).integers(-8, 9, shape).astype(dtype))  # exact in every precision

    return VIEWS[of_a](draw, m, k), VIEWS[of_b](draw, k, n), VIEWS[of_out](draw, m, n)


lengths = st.integers(0, 5)
views = st.sampled_from(sorted(VIEWS))
factors = st.sampled_from([0.0, 1.0, -2.0, 0.5])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(lengths, lengths, lengths, views, views, views, factors, factors, st.sampled_from(["fp32", "tf32", "fp64"]))
def test_every_layout_and_precision(blas, m, k, n, of_a, of_b, of_out, alpha, beta, precision):
    a, b, out = matrices(m, k, n, of_a, of_b, of_out, cublas.PRECISIONS[precision][0])
    before = [x.get() for x in (a, b, out)]
    expected = (alpha * (before[0] @ before[1]) + beta * before[2]).astype(out.dtype)
    assert blas.gemm(a, b, out, alpha, beta, precision=precision) is out
    np.testing.assert_array_equal(out.get(), expected)
    np.testing.assert_array_equal(a.get(), before[0])
    np.testing.assert_array_equal(b.get(), before[1])


@pytest.mark.parametrize("of_out", VIEWS)
@pytest.mark.parametrize("of_b", VIEWS)
@pytest.mark.parametrize("of_a", VIEWS)
def test_every_pair_of_layouts(blas, of_a, of_b, of_out):
    for k in (0, 3):
        a, b, out = matrices(2, k, 4, of_a, of_b, of_out)
        expected = 2.0 * (a.get() @ b.get()) - 3.0 * out.get()
        blas.gemm(a, b, out, 2.0, -3.0)
        np.testing.assert_array_equal(out.get(), expected)


@pytest.mark.parametrize("of_out", ["C", "sliced", "strided"])
@pytest.mark.parametrize("k", [0, 3])
def test_with_beta_0_out_is_not_read(blas, k, of_out):
    a, b, out = matrices(2, k, 4, of_out=of_out)
    out[...] = np.nan
    np.testing.assert_array_equal(blas.gemm(a, b, out).get(), a.get() @ b.get())
