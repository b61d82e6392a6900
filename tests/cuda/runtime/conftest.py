"""Helpers of the runtime's tests, which run where `.ci/cupy` prepared CuPy on the CPU and are skipped elsewhere."""

import subprocess
import sys
from contextlib import contextmanager, suppress

import numpy as np
import pytest

KERNELS = r"""
extern "C" __global__ void nothing() {}
extern "C" __global__ void set(float *out, float value) { out[blockIdx.x * blockDim.x + threadIdx.x] = value; }
extern "C" __global__ void twice(float *out) { out[threadIdx.x] *= 2; }
extern "C" __global__ void plus_one(float *out) { out[threadIdx.x] += 1; }
extern "C" __global__ void copy(const float *x, float *out, long long i, long long j) { out[j] = x[i]; }
extern "C" __global__ void order(int *out, int *next) { out[(*next)++] = blockIdx.x * blockDim.x + threadIdx.x; }
extern "C" __global__ void some_wait(float *out) { if (threadIdx.x) __syncthreads(); out[threadIdx.x] = 1; }
"""


@pytest.fixture(autouse=True)
def nothing_left():
    """Wait for the device before and after each test, so that counts and errors are the test's own."""
    cupy_on_cpu = sys.modules.get("cupy_on_cpu")
    if cupy_on_cpu is None:  # the tests of `prepare.py` run anywhere
        yield
        return
    import cupy

    cupy.cuda.runtime.deviceSynchronize()
    cupy_on_cpu.reset()
    yield
    cupy_on_cpu.limit(16 << 30)
    cupy.cuda.runtime.deviceSynchronize()


@pytest.fixture
def rt():
    """CuPy's binding of the runtime."""
    import cupy

    return cupy.cuda.runtime


@pytest.fixture
def refused():
    """refused(name): the context in which CUDA must answer with this error."""
    from cupy_backends.cuda.api.driver import CUDADriverError
    from cupy_backends.cuda.api.runtime import CUDARuntimeError

    def context(name):
        return pytest.raises((CUDARuntimeError, CUDADriverError), match=name + ":")

    return context


@pytest.fixture
def kernel():
    """kernel(name): one of the kernels above."""
    import cupy

    module = cupy.RawModule(code=KERNELS)
    return module.get_function


@pytest.fixture
def stream(rt):
    """A stream that the legacy stream does not wait for, by its handle."""
    handle = rt.streamCreateWithFlags(rt.streamNonBlocking)
    yield handle
    end_capture(rt, handle)
    rt.streamDestroy(handle)


@pytest.fixture
def blocking(rt):
    """A stream that the legacy stream waits for."""
    handle = rt.streamCreate()
    yield handle
    end_capture(rt, handle)
    rt.streamDestroy(handle)


@pytest.fixture
def capturing(rt):
    """capturing(stream, mode): the context of a capture, which is ended whatever happened to it."""

    @contextmanager
    def context(handle, mode=0):
        rt.streamBeginCapture(handle, mode)
        try:
            yield
        finally:
            end_capture(rt, handle)

    return context


def end_capture(rt, handle):
    """End the capture of a stream, if there is one."""
    with suppress(rt.CUDARuntimeError):
        rt.graphDestroy(rt.streamEndCapture(handle))


@pytest.fixture
def event(rt):
    """An event."""
    handle = rt.eventCreate()
    yield handle
    rt.eventDestroy(handle)


@pytest.fixture
def query(rt):
    """query(function, handle): raise what streamQuery or eventQuery return."""

    def ask(function, handle):
        if status := function(handle):
            raise rt.CUDARuntimeError(status)

    return ask


@pytest.fixture
def device(rt):
    """device(values): the address of a copy on the device, in an allocation of its own."""
    made = []

    def put(values):
        values = np.ascontiguousarray(values)
        made.append(rt.malloc(values.nbytes))
        rt.memcpy(made[-1], values.ctypes.data, values.nbytes, rt.memcpyHostToDevice)
        return made[-1]

    yield put
    for address in made:
        rt.free(address)


@pytest.fixture
def host(rt):
    """host(address, count, dtype): the values at an address of the device, after waiting for all streams."""

    def get(address, count, dtype=np.float32):
        rt.deviceSynchronize()
        values = np.empty(count, dtype)
        rt.memcpy(values.ctypes.data, address, values.nbytes, rt.memcpyDeviceToHost)
        return values

    return get


@pytest.fixture
def pinned(rt):
    """pinned(values): a copy in pinned memory of the host."""
    import ctypes

    made = []

    def put(values):
        values = np.ascontiguousarray(values)
        made.append(rt.hostAlloc(values.nbytes, 0))
        array = np.frombuffer((ctypes.c_char * values.nbytes).from_address(made[-1]), values.dtype)
        array[...] = values
        return array

    yield put
    for address in made:
        rt.freeHost(address)


@pytest.fixture
def program():
    """program(text): what a Python program with CuPy wrote on stderr, after `text` ran in it, and its exit status."""

    def run(text, **environment):
        import os

        before = "import cupy_on_cpu, cupy, ctypes, numpy as np\nfrom cupy.cuda import runtime as rt\n"
        before += f"kernels = cupy.RawModule(code={KERNELS!r})\n"
        done = subprocess.run(
            [sys.executable, "-c", before + text], capture_output=True, text=True, env={**os.environ, **environment}
        )
        return done.stdout + done.stderr, done.returncode

    return run
