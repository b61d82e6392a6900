"""Faults, after which no call works, as on a GPU ("sticky" errors), and accesses of the host; each in a process."""

import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

COPY = """
x, y = rt.malloc(3000), rt.malloc(3000)
kernels.get_function("copy")((1,), (1,), (np.uint64(x), np.uint64(y), {0}, {1}))
try:
    rt.deviceSynchronize()
except rt.CUDARuntimeError as error:
    print("first:", error)
    try:
        rt.free(x)
    except rt.CUDARuntimeError as error:
        print("then:", error)
"""


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ((768, 0), "byte 3072 of an allocation of 3000"),
        ((0, 768), "byte 3072 of an allocation of 3000"),
        ((0, 750), "writes behind the end of an allocation of 3000 bytes"),
        ((0, -1), "writes before the start of an allocation of 3000 bytes"),
        ((-1 << 42, 0), "memory that is not the device's"),
    ],
)
def test_a_kernel_that_leaves_its_memory(indices, message, program):
    said, status = program(COPY.format(*indices))
    assert f"the kernel copy {message}" in said or f"the kernel copy reads or writes {message}" in said
    assert "first: cudaErrorIllegalAddress" in said
    assert "then: cudaErrorIllegalAddress" in said
    assert status == 0


def test_a_kernel_that_stays_in_it(program):
    said, status = program(COPY.format(749, 749))
    assert (said, status) == ("", 0)


def test_what_was_written_far_from_an_allocation_is_found_as_it_is_freed(program):
    said, status = program("""
x, y = rt.malloc(64), rt.malloc(64)
kernels.get_function("copy")((1,), (1,), (np.uint64(x), np.uint64(y), 0, -300))
rt.deviceSynchronize()
print("not found yet")
rt.free(y)
""")
    assert "not found yet" in said
    assert "something writes before the start of an allocation of 64 bytes, found as it was freed" in said
    assert "cudaErrorIllegalAddress" in said
    assert status == 1


def test_a_kernel_that_uses_freed_memory(program):
    said, _ = program("""
x = rt.malloc(64)
rt.free(x)
kernels.get_function("twice")((1,), (1,), (np.uint64(x),))
rt.deviceSynchronize()
""")
    assert "the kernel twice reads or writes freed memory" in said
    assert "cudaErrorIllegalAddress" in said


def test_a_kernel_that_uses_memory_of_the_host(program):
    said, _ = program("""
kernels.get_function("twice")((1,), (1,), (np.uint64(0),))
rt.deviceSynchronize()
""")
    assert "the kernel twice reads or writes what no pointer of the device names" in said


def test_a_barrier_that_not_all_reach(program):
    said, _ = program("""
kernels.get_function("some_wait")((1,), (8,), (np.uint64(rt.malloc(64)),))
rt.deviceSynchronize()
""")
    assert "the kernel some_wait: the barrier in line 8 is not reached by all" in said
    assert "cudaErrorLaunchFailure" in said


@pytest.mark.parametrize("access", ["ctypes.c_char.from_address(x).value", "ctypes.memset(x, 0, 1)"])
def test_the_host_cannot_touch_device_memory(access, program):
    said, status = program(f"x = rt.malloc(64)\nrt.deviceSynchronize()\n{access}\nprint('went on')")
    assert "the host reads or writes device memory, at byte 0 of an allocation of 64" in said
    assert "went on" not in said
    assert status == -11  # SIGSEGV


def test_the_host_can_if_protection_is_off(program):
    text = "x = rt.malloc(64)\nprint(ctypes.c_ubyte.from_address(x).value)"
    assert program(text, CUPY_ON_CPU_PROTECT="0") == ("255\n", 0)


def test_protection_without_keys_of_the_processor(program):
    said, status = program("x = rt.malloc(64)\nrt.deviceSynchronize()\nctypes.memset(x, 0, 1)", CUPY_ON_CPU_PROTECT="2")
    assert "the host reads or writes device memory" in said
    assert status == -11


def test_functions_that_are_not_provided_say_so(program):
    said, _ = program("rt.mallocManaged(64)")
    assert "cudaMallocManaged is not provided" in said
    assert "cudaErrorNotSupported" in said


def test_work_can_run_at_once(program):
    text = "x = rt.malloc(64)\nrt.free(x)\n"
    text += "kernels.get_function('twice')((1,), (1,), (np.uint64(x),))\nprint('went on')"
    assert "went on" in program(text)[0]
    assert "went on" not in program(text, CUPY_ON_CPU_AT_ONCE="1")[0]


def test_cupys_own_pool_can_be_left_out(program):
    text = "cupy.cuda.set_allocator(None)\nx = cupy.empty(3)\ny = cupy.empty(3)\n"
    said, _ = program(text + "kernels.get_function('copy')((1,), (1,), (x, y, 0, 6))\nrt.deviceSynchronize()")
    assert "behind the end" in said
