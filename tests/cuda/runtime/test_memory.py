"""Memory of the device and pinned memory: CUDA Runtime API, "Memory Management"."""

import ctypes

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu


def test_new_memory_holds_nan(rt, host):
    """Stricter: NVIDIA writes that the memory is not cleared."""
    address = rt.malloc(400)
    assert np.isnan(host(address, 100)).all()
    rt.free(address)


def test_new_pinned_memory_holds_nan(rt):
    """Stricter, too."""
    address = rt.hostAlloc(400, 0)
    assert np.isnan(np.frombuffer((ctypes.c_char * 400).from_address(address), np.float32)).all()
    rt.freeHost(address)


def test_memory_is_aligned_to_256_bytes(rt):
    made = [rt.malloc(size) for size in (1, 255, 257, 5000)]
    assert all(address % 256 == 0 for address in made)
    for address in made:
        rt.free(address)


def test_an_address_is_never_used_twice(rt):
    """Stricter: CUDA gives addresses out again."""
    first = rt.malloc(512)
    rt.free(first)
    second = rt.malloc(512)
    assert first != second
    rt.free(second)


def test_out_of_memory(rt, refused):
    used = cupy_on_cpu.live()["used"]
    cupy_on_cpu.limit(used + 1000)
    with refused("cudaErrorMemoryAllocation"):
        rt.malloc(1001)
    address = rt.malloc(600)
    assert rt.memGetInfo() == (400, used + 1000)
    rt.free(address)
    rt.free(rt.malloc(1000))
    assert rt.memGetInfo() == (1000, used + 1000)


def test_out_of_memory_as_the_host_has_no_more(rt, refused):
    cupy_on_cpu.limit(1 << 60)
    with refused("cudaErrorMemoryAllocation"):
        rt.malloc(1 << 45)


def test_what_is_freed_cannot_be_freed_or_copied_again(rt, refused):
    address = rt.malloc(64)
    rt.free(address)
    with refused("cudaErrorInvalidValue"):
        rt.free(address)
    with refused("cudaErrorInvalidValue"):
        rt.memcpy(np.empty(4).ctypes.data, address, 32, rt.memcpyDeviceToHost)


def test_the_middle_of_an_allocation_cannot_be_freed(rt, refused):
    address = rt.malloc(1024)
    with refused("cudaErrorInvalidValue"):
        rt.free(address + 256)
    rt.free(address)


def test_the_null_pointer_can_be_freed(rt):
    rt.free(0)
    assert "frees" not in cupy_on_cpu.counts()


def test_freeing_waits_for_work(rt, kernel, stream, pinned):
    address, out = rt.malloc(4), pinned(np.zeros(1, np.float32))
    import cupy

    with cupy.cuda.ExternalStream(stream):
        kernel("set")((1,), (1,), (np.uint64(address), np.float32(3)))
        rt.memcpyAsync(out.ctypes.data, address, 4, rt.memcpyDeviceToHost, stream)
    rt.free(address)
    assert out == 3


def test_freeing_pinned_memory_waits_for_work(rt, device, stream, pinned):
    other, out = rt.hostAlloc(4, 0), pinned(np.zeros(1, np.float32))
    rt.memcpyAsync(out.ctypes.data, device(np.ones(1, np.float32)), 4, rt.memcpyDeviceToHost, stream)
    rt.freeHost(other)
    assert out == 1


def test_only_pinned_memory_is_freed_as_such(rt, refused, device):
    for address in (device(np.zeros(1)), np.zeros(1).ctypes.data):
        with refused("cudaErrorInvalidValue"):
            rt.freeHost(address)


def test_pointers_know_where_they_point(rt, device, pinned):
    kinds = {
        device(np.zeros(4)): rt.memoryTypeDevice,
        pinned(np.zeros(4)).ctypes.data: rt.memoryTypeHost,
        np.zeros(4).ctypes.data: 0,
    }
    for address, kind in kinds.items():
        assert rt.pointerGetAttributes(address).type == kind
