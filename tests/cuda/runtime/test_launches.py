"""Launches: CUDA Driver API, cuLaunchKernel; Programming Guide, "Compute Capabilities", and the order of threads.

NVIDIA states the limits, and that the driver answers CUDA_ERROR_INVALID_VALUE or CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
the latter for too many registers or arguments; which of them answers which limit is not written there.
"""

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu


def pointer(address):
    return np.uint64(address)


def test_every_thread_of_every_block_runs(kernel, device, host):
    out = device(np.zeros(12, np.float32))
    kernel("set")((4,), (3,), (pointer(out), np.float32(5)))
    np.testing.assert_array_equal(host(out, 12), 5)


def test_arguments_are_copied_as_a_kernel_is_launched(kernel, device, host):
    out, value = device(np.zeros(1, np.float32)), np.float32([5])
    kernel("set")((1,), (1,), (pointer(out), value[0]))
    value[0] = 6
    assert host(out, 1) == 5


@pytest.fixture
def launch(kernel):
    """launch(grid, block, shared): a launch of a kernel without threads to run, past CuPy, which corrects sizes."""
    from cupy_backends.cuda.api import driver

    function = kernel("nothing").kernel.ptr

    def call(grid=(1, 1, 1), block=(1, 1, 1), shared=0):
        driver.launchKernel(function, *grid, *block, shared, 0, 0, 0)

    return call


@pytest.mark.parametrize("grid", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 65536, 1), (1, 1, 65536), (2**31, 1, 1)])
def test_a_grid_of_another_size_is_refused(grid, launch, refused):
    with refused("CUDA_ERROR_INVALID_VALUE"):
        launch(grid)


@pytest.mark.parametrize("block", [(0, 1, 1), (1, 0, 1), (1025, 1, 1), (32, 33, 1), (1, 1, 65)])
def test_a_block_of_another_size_is_refused(block, launch, refused):
    with refused("CUDA_ERROR_INVALID_VALUE"):
        launch(block=block)


@pytest.mark.parametrize("sizes", [{"grid": (1, 65535, 1)}, {"block": (1024, 1, 1)}, {"block": (4, 4, 64)}])
def test_the_largest_sizes_are_not(sizes, launch):
    launch(**sizes)


def test_bounds_of_a_kernel_are_kept(refused):
    """The Programming Guide says that such a launch fails; the error of the driver is observed, not written there."""
    import cupy

    code = 'extern "C" __global__ void __launch_bounds__(64) at_most_64() {}'
    bounded = cupy.RawKernel(code, "at_most_64")
    bounded((1,), (64,), ())
    with refused("CUDA_ERROR_INVALID_VALUE"):
        bounded((1,), (65,), ())
    assert bounded.max_threads_per_block == 64


def test_shared_memory_is_limited(launch, refused):
    launch(shared=49152)
    with refused("CUDA_ERROR_INVALID_VALUE"):
        launch(shared=49153)


def test_more_shared_memory_can_be_asked_for(kernel, device, refused):
    function = kernel("set")
    function.max_dynamic_shared_size_bytes = 100_000
    out = device(np.zeros(1, np.float32))
    function((1,), (1,), (pointer(out), np.float32(0)), shared_mem=100_000)
    with refused("CUDA_ERROR_INVALID_VALUE"):
        function.max_dynamic_shared_size_bytes = 300_000


def test_a_kernel_that_is_not_there(refused):
    import cupy

    with refused("CUDA_ERROR_NOT_FOUND"):
        cupy.RawKernel('extern "C" __global__ void here() {}', "there")((1,), (1,), ())


def test_threads_come_in_another_order_each_time(kernel, device, host):
    seen = set()
    for _ in range(5):
        out, following = device(np.zeros(64, np.int32)), device(np.zeros(1, np.int32))
        kernel("order")((4,), (16,), (pointer(out), pointer(following)))
        order = host(out, 64, np.int32)
        assert sorted(order) == list(range(64))
        seen.add(tuple(order.tolist()))
    assert len(seen) == 5


@pytest.mark.parametrize(("order", "step"), [("0", 1), ("1", -1)])
def test_the_order_of_threads_can_be_chosen(order, step, program):
    said, _ = program(
        """
out, following = cupy.zeros(8, "int32"), cupy.zeros(1, "int32")
kernels.get_function("order")((2,), (4,), (out, following))
print(out.tolist())
""",
        CUPY_ON_CPU_ORDER=order,
    )
    assert said == f"{list(range(8))[::step]}\n"


def test_a_failed_call_leaves_the_runtime_in_order(kernel, device, host, refused, rt):
    out = device(np.zeros(1, np.float32))
    with refused("cudaErrorInvalidValue"):
        rt.memset(out, 0, 1000)
    kernel("set")((1,), (1,), (pointer(out), np.float32(2)))
    assert host(out, 1) == 2


def test_the_last_error_is_told_once(rt):
    import ctypes

    runtime = cupy_on_cpu._runtime
    assert runtime.cudaMemset(ctypes.c_void_p(16), 0, 1) == runtime.cudaPeekAtLastError() == 1
    assert runtime.cudaGetLastError() == 1
    assert runtime.cudaGetLastError() == 0
