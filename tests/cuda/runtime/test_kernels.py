"""The kernels that CuPy generates, compiled by g++, against NumPy; and how kernels are compiled and kept."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

import cupy  # noqa: E402

X = np.random.default_rng(0).standard_normal((17, 33))
INDEX = np.random.default_rng(1).integers(0, 17, 40)
FUNCTIONS = {
    "elementwise": lambda xp, x: xp.exp(x) * 2 - xp.where(x > 0, x, -x),
    "broadcast": lambda xp, x: x[:, :1] + x[:1],
    "strided": lambda xp, x: x[::2, ::-3] * 1.5,
    "sum": lambda xp, x: x.sum(),
    "sum of columns": lambda xp, x: x.sum(0),
    "sum of rows": lambda xp, x: x.sum(1, keepdims=True),
    "variance": lambda xp, x: x.var(0),
    "maximum": lambda xp, x: x.max(1),
    "argmax": lambda xp, x: x.argmax(0),
    "any": lambda xp, x: (x > 2).any(),
    "cumsum": lambda xp, x: x.cumsum(1),
    "sort": lambda xp, x: xp.sort(x, 1),
    "argsort": lambda xp, x: xp.argsort(x, 0),
    "lexsort": lambda xp, x: xp.lexsort(xp.stack([x[0], x[1].round()])),
    "take": lambda xp, x: x[xp.asarray(INDEX)],
    "mask": lambda xp, x: x[x > 0],
    "concatenate": lambda xp, x: xp.concatenate([x, x[:2]]),
    "integers": lambda xp, x: (x * 10).astype(int) // 3 % 5,
    "complex": lambda xp, x: xp.abs((x + 1j * x[::-1]) ** 2),
    "comparison": lambda xp, x: xp.maximum(x, 0.5) == x,
    "einsum": lambda xp, x: xp.einsum("ij,kj->ik", x, x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_cupy_computes(name, dtype):
    x = X.astype(dtype)
    there = FUNCTIONS[name](cupy, cupy.asarray(x))
    here = FUNCTIONS[name](np, x)
    assert there.dtype == here.dtype
    np.testing.assert_allclose(cupy.asnumpy(there), here, 1e-5, 1e-5)


def test_nan_is_sorted_last():
    x = np.array([np.nan, 2, np.nan, 1], np.float32)
    np.testing.assert_array_equal(cupy.asnumpy(cupy.sort(cupy.asarray(x))), np.sort(x))


def test_sums_with_atomics():
    out = cupy.zeros(17)
    cupy.add.at(out, cupy.asarray(INDEX), 1.0)
    np.testing.assert_array_equal(cupy.asnumpy(out), np.bincount(INDEX, minlength=17))


def test_shared_memory_starts_as_nan():
    code = """extern "C" __global__ void peek(float *out) {
        __shared__ float tile[32];
        out[threadIdx.x] = tile[threadIdx.x];
        tile[threadIdx.x] = 1;
    }"""
    out = cupy.zeros(32, "float32")
    cupy.RawKernel(code, "peek")((4,), (32,), (out,))
    assert cupy.isnan(out).all()


def test_options_define_macros():
    code = 'extern "C" __global__ void defined(REAL *out) { *out = VALUE; }'
    out = cupy.zeros(1, "float64")
    cupy.RawModule(code=code, options=("-DREAL=double", "-DVALUE=2.5")).get_function("defined")((1,), (1,), (out,))
    assert out.item() == 2.5


def test_an_error_of_the_compiler_is_shown():
    with pytest.raises(cupy.cuda.compiler.CompileException, match="not_declared"):
        cupy.RawKernel('extern "C" __global__ void wrong() { not_declared(); }', "wrong").compile()


def compiling(folder, text):
    """A process that launches a kernel, and its exit status when it is waited for."""
    code = f"import cupy_on_cpu, cupy\ncupy.RawKernel({text!r}, 'kept')((1,), (1,), ())\n"
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "CUPY_ON_CPU_KERNELS": str(folder)})


def test_kernels_are_kept_and_shared_by_processes(tmp_path):
    text = 'extern "C" __global__ void kept() {}'
    assert [process.wait() for process in [compiling(tmp_path, text) for _ in range(3)]] == [0, 0, 0]
    libraries = list(Path(tmp_path).glob("*/*.so"))
    assert len(libraries) == 1
    assert not list(Path(tmp_path).glob("*/*.part"))
    before = libraries[0].stat().st_mtime_ns
    assert compiling(tmp_path, text).wait() == 0
    assert libraries[0].stat().st_mtime_ns == before
    assert compiling(tmp_path, text + "\n").wait() == 0
    assert len(list(Path(tmp_path).glob("*/*.so"))) == 2
