"""Copies and fills: CUDA Runtime API, "API synchronization behavior"."""

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

X = np.arange(8, dtype=np.float32)


def test_there_and_back(device, host):
    np.testing.assert_array_equal(host(device(X), 8), X)


def test_a_copy_from_pinned_memory_reads_it_when_it_runs(rt, device, host, pinned, stream):
    to, source = device(0 * X), pinned(X)
    rt.memcpyAsync(to, source.ctypes.data, X.nbytes, rt.memcpyHostToDevice, stream)
    source[:] = 7  # the error that this finds
    np.testing.assert_array_equal(host(to, 8), 7)


def test_a_copy_from_pageable_memory_is_staged(rt, device, host, stream):
    to, source = device(0 * X), X.copy()
    rt.memcpyAsync(to, source.ctypes.data, X.nbytes, rt.memcpyHostToDevice, stream)
    source[:] = 7
    np.testing.assert_array_equal(host(to, 8), X)


def test_a_copy_of_pageable_memory_to_the_device_need_not_be_done_at_once(rt, device, stream):
    """NVIDIA: it may return before the device has the data."""
    to, target = device(0 * X), X.copy()
    rt.memcpyAsync(to, X.ctypes.data, X.nbytes, rt.memcpyHostToDevice, stream)
    rt.memcpy(target.ctypes.data, to, X.nbytes, rt.memcpyDeviceToHost)  # which does not wait for the stream
    np.testing.assert_array_equal(target, 0)


def test_a_copy_to_pinned_memory_is_there_after_waiting(rt, device, pinned, stream):
    target = pinned(0 * X)
    rt.memcpyAsync(target.ctypes.data, device(X), X.nbytes, rt.memcpyDeviceToHost, stream)
    np.testing.assert_array_equal(target, 0)
    rt.streamSynchronize(stream)
    np.testing.assert_array_equal(target, X)


def test_a_copy_to_pageable_memory_is_there_at_once(rt, device, stream):
    target = 0 * X
    rt.memcpyAsync(target.ctypes.data, device(X), X.nbytes, rt.memcpyDeviceToHost, stream)
    np.testing.assert_array_equal(target, X)


def test_a_blocking_copy_does_not_wait_for_a_stream_that_does_not_block(rt, device, stream):
    to, target = device(X), 0 * X
    rt.memsetAsync(to, 0, X.nbytes, stream)
    rt.memcpy(target.ctypes.data, to, X.nbytes, rt.memcpyDeviceToHost)
    np.testing.assert_array_equal(target, X)  # the error that this finds: a missing wait


def test_a_blocking_copy_waits_for_a_blocking_stream(rt, device, blocking):
    to, target = device(X), X.copy()
    rt.memsetAsync(to, 0, X.nbytes, blocking)
    rt.memcpy(target.ctypes.data, to, X.nbytes, rt.memcpyDeviceToHost)
    np.testing.assert_array_equal(target, 0)


def test_copies_on_the_device_do_not_wait(rt, device, host, stream):
    a, b, target = device(X), device(0 * X), X.copy()
    rt.memcpyAsync(b, a, X.nbytes, rt.memcpyDeviceToDevice, stream)
    rt.memcpy(target.ctypes.data, b, X.nbytes, rt.memcpyDeviceToHost)
    np.testing.assert_array_equal(target, 0)
    np.testing.assert_array_equal(host(b, 8), X)
    assert cupy_on_cpu.counts()["copies_on_device"] == 1


@pytest.mark.parametrize("size", [33, 1 << 20])
def test_a_copy_past_the_end_is_refused(size, rt, device, refused):
    """Stricter: CUDA notices it only where no other allocation follows."""
    source = np.zeros(size, np.uint8)
    with refused("cudaErrorInvalidValue"):
        rt.memcpy(device(X), source.ctypes.data, size, rt.memcpyHostToDevice)


def test_a_fill_past_the_end_is_refused(rt, device, refused):
    """Stricter: CUDA notices it only where no other allocation follows."""
    with refused("cudaErrorInvalidValue"):
        rt.memset(device(X) + 4, 0, X.nbytes)


def test_a_copy_in_another_direction_than_said_is_refused(rt, device, refused):
    """Stricter: NVIDIA writes that such a copy is undefined."""
    with refused("cudaErrorInvalidValue"):
        rt.memcpy(device(X), X.ctypes.data, X.nbytes, rt.memcpyDeviceToHost)


def test_the_default_direction_is_that_of_the_pointers(rt, device):
    target = 0 * X
    rt.memcpy(target.ctypes.data, device(X), X.nbytes, rt.memcpyDefault)
    np.testing.assert_array_equal(target, X)


def test_fills(rt, device, host):
    to = device(X)
    rt.memset(to + 4, 0xFF, 8)
    found = host(to, 8)
    assert np.isnan(found[1:3]).all()
    np.testing.assert_array_equal(found[3:], X[3:])
