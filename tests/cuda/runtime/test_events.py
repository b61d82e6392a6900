"""Events: CUDA Runtime API, "Event Management"."""

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu


@pytest.fixture
def another(rt):
    handle = rt.eventCreate()
    yield handle
    rt.eventDestroy(handle)


def values(rt, address, stream):
    """Two bytes at the address, after waiting for the stream only."""
    target = np.empty(2, np.uint8)
    rt.memcpyAsync(target.ctypes.data, address, 2, rt.memcpyDeviceToHost, stream)
    return target.tolist()


def test_a_stream_waits_for_an_event(rt, stream, blocking, event, device):
    address = device(np.zeros(2, np.uint8))
    rt.memsetAsync(address, 1, 1, stream)
    rt.eventRecord(event, stream)
    rt.memsetAsync(address + 1, 1, 1, stream)  # behind the event
    rt.streamWaitEvent(blocking, event)
    assert values(rt, address, blocking) == [1, 0]


def test_without_the_event_it_does_not_wait(rt, stream, blocking, device):
    address = device(np.zeros(2, np.uint8))
    rt.memsetAsync(address, 1, 1, stream)
    assert values(rt, address, blocking) == [0, 0]


def test_waiting_means_the_record_before_it(rt, stream, blocking, event, device):
    address = device(np.zeros(2, np.uint8))
    rt.eventRecord(event, stream)
    rt.streamWaitEvent(blocking, event)
    rt.memsetAsync(address, 1, 1, stream)
    rt.eventRecord(event, stream)
    assert values(rt, address, blocking) == [0, 0]


def test_the_host_waits_for_an_event(rt, stream, event, device, pinned):
    target = pinned(np.zeros(1, np.uint8))
    rt.memcpyAsync(target.ctypes.data, device(np.ones(1, np.uint8)), 1, rt.memcpyDeviceToHost, stream)
    rt.eventRecord(event, stream)
    assert target == 0
    rt.eventSynchronize(event)
    assert target == 1


def test_an_event_is_not_ready_at_first(rt, stream, event, device):
    assert rt.eventQuery(event) == 0  # never recorded
    rt.memsetAsync(device(np.ones(1)), 0, 1, stream)
    rt.eventRecord(event, stream)
    assert rt.eventQuery(event) == 600  # cudaErrorNotReady
    assert rt.eventQuery(event) == 0


def test_the_time_between_events(rt, stream, event, another):
    rt.eventRecord(event, stream)
    rt.eventRecord(another, stream)
    rt.streamSynchronize(stream)
    assert rt.eventElapsedTime(event, another) >= 0
    assert rt.eventElapsedTime(another, event) <= 0


def test_no_time_before_the_events_are_reached(rt, stream, event, another, refused):
    rt.eventRecord(event, stream)
    rt.eventRecord(another, stream)
    with refused("cudaErrorNotReady"):
        rt.eventElapsedTime(event, another)


def test_no_time_without_a_record(rt, event, another, refused):
    with refused("cudaErrorInvalidResourceHandle"):
        rt.eventElapsedTime(event, another)


def test_no_time_if_it_was_disabled(rt, stream, event, refused):
    untimed = rt.eventCreateWithFlags(rt.eventDisableTiming)
    for handle in (event, untimed):
        rt.eventRecord(handle, stream)
    rt.streamSynchronize(stream)
    with refused("cudaErrorInvalidResourceHandle"):
        rt.eventElapsedTime(event, untimed)
    rt.eventDestroy(untimed)


def test_flags(rt, stream, event, refused):
    with refused("cudaErrorInvalidValue"):
        rt.eventCreateWithFlags(8)
    with refused("cudaErrorNotSupported"):  # cudaEventWaitExternal, which is not provided
        rt.streamWaitEvent(stream, event, 1)


def test_an_event_that_was_destroyed_is_refused(rt, stream, refused):
    """Stricter: in CUDA "use of the handle after this call is undefined behavior"."""
    handle = rt.eventCreate()
    rt.eventDestroy(handle)
    with refused("cudaErrorInvalidResourceHandle"):
        rt.eventRecord(handle, stream)
