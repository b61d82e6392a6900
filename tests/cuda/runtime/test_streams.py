"""Streams: CUDA Runtime API, "Stream Management" and "Stream synchronization behavior"."""

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu


@pytest.fixture
def flag(rt, pinned):
    """flag(stream): a number of the host that work of the stream changes from 0 to 1 when it runs."""
    made = []

    def put(stream):
        made.append(rt.malloc(1))
        number = pinned(np.zeros(1, np.uint8))
        rt.memsetAsync(made[-1], 1, 1, stream)
        rt.memcpyAsync(number.ctypes.data, made[-1], 1, rt.memcpyDeviceToHost, stream)
        return number

    yield put
    for address in made:
        rt.free(address)


def test_work_waits_until_the_stream_is_waited_for(rt, stream, flag):
    number = flag(stream)
    assert number == 0
    rt.streamSynchronize(stream)
    assert number == 1


def test_waiting_for_one_stream_does_not_run_another(rt, stream, blocking, flag):
    number = flag(stream)
    rt.streamSynchronize(blocking)
    assert number == 0


@pytest.mark.parametrize("wait", ["device", "destroy"])
def test_what_else_runs_a_stream(wait, rt, flag):
    handle = rt.streamCreateWithFlags(rt.streamNonBlocking)
    number = flag(handle)
    if wait == "device":
        rt.deviceSynchronize()
        assert number == 1
    rt.streamDestroy(handle)
    assert number == 1


def test_the_legacy_stream_waits_for_blocking_streams(rt, blocking, flag):
    number = flag(blocking)
    rt.streamSynchronize(0)
    assert number == 1


def test_the_legacy_stream_does_not_wait_for_others(rt, stream, flag):
    number = flag(stream)
    rt.streamSynchronize(0)
    assert number == 0


def test_blocking_streams_wait_for_the_legacy_stream(rt, blocking, flag):
    first, second = flag(0), flag(blocking)
    rt.streamSynchronize(blocking)
    assert first == second == 1


def test_blocking_streams_do_not_wait_for_what_the_legacy_stream_gets_later(rt, blocking, flag):
    first, second = flag(blocking), flag(0)
    rt.streamSynchronize(blocking)
    assert (first, second) == (1, 0)


def test_other_streams_do_not_wait_for_the_legacy_stream(rt, stream, flag):
    first, second = flag(0), flag(stream)
    rt.streamSynchronize(stream)
    assert (first, second) == (0, 1)


PER_THREAD = 2  # cudaStreamPerThread


def test_the_stream_of_a_thread_is_a_blocking_one(rt, flag):
    first, second, third = flag(0), flag(PER_THREAD), flag(0)
    rt.streamSynchronize(PER_THREAD)
    assert (first, second, third) == (1, 1, 0)
    number = flag(PER_THREAD)
    rt.streamSynchronize(0)
    assert number == 1


def test_the_stream_of_a_thread_is_part_of_the_device(rt, flag):
    number = flag(PER_THREAD)
    rt.deviceSynchronize()
    assert number == 1


def test_a_query_is_not_ready_at_first(rt, stream, flag):
    """Work that was asked for is done at the next question: NVIDIA leaves open when."""
    number = flag(stream)
    assert rt.streamQuery(stream) == 600  # cudaErrorNotReady
    assert rt.streamQuery(stream) == 0
    assert number == 1


def test_a_queue_of_a_thousand_tasks_makes_the_host_wait(rt, stream, flag, device):
    """NVIDIA: launches return at once, within limits that it does not state."""
    number, address = flag(stream), device(np.zeros(1))
    for _ in range(1025):
        rt.memsetAsync(address, 0, 1, stream)
    assert number == 1


def test_a_stream_that_was_destroyed_is_refused(rt, refused):
    """Stricter: in CUDA "use of the handle after this call is undefined behavior"."""
    handle = rt.streamCreate()
    rt.streamDestroy(handle)
    for use in (rt.streamSynchronize, rt.streamDestroy):
        with refused("cudaErrorInvalidResourceHandle"):
            use(handle)
    assert rt.streamQuery(handle) == 400  # cudaErrorInvalidResourceHandle


def test_flags_and_priorities(rt, refused):
    handle = rt.streamCreateWithPriority(rt.streamNonBlocking, -1)
    assert (rt.streamGetFlags(handle), rt.streamGetPriority(handle)) == (rt.streamNonBlocking, -1)
    rt.streamDestroy(handle)
    with refused("cudaErrorInvalidValue"):
        rt.streamCreateWithFlags(8)
