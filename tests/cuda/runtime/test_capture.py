"""Stream capture.

CUDA Runtime API: cudaStreamBeginCapture, cudaStreamEndCapture, cudaThreadExchangeStreamCaptureMode, and the errors 900
to 908; Programming Guide, "CUDA Graphs": "Cross-stream Dependencies and Events", "Prohibited and Unhandled
Operations", "Invalidation".  A test without a docstring asks for what NVIDIA writes there.  Where the documents leave a
case open, its docstring says so: "observed" is what ROCm's tests of HIP, which also run on NVIDIA's runtime, or other
published reports expect of CUDA, and "stricter" is a refusal of this runtime where CUDA lets a program go on.
"""

import threading

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

GLOBAL, THREAD, RELAXED = 0, 1, 2
NONE, ACTIVE, INVALID = 0, 1, 2  # cudaStreamCaptureStatus


@pytest.fixture
def status():
    """status(stream): that of its capture; CuPy's own function says only whether there is one."""

    def get(stream):
        import ctypes

        found = ctypes.c_int(-1)
        error = cupy_on_cpu._runtime.cudaStreamIsCapturing(ctypes.c_void_p(stream), ctypes.byref(found))
        assert error == 0
        return found.value

    return get


@pytest.fixture
def elsewhere():
    """elsewhere(function): its result, or its error, in another thread."""

    def run(function):
        found = []

        def body():
            try:
                found.append(function())
            except Exception as error:
                found.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    return run


def launched(rt, graph, stream):
    """Launch a graph and wait for it."""
    executable = rt.graphInstantiate(graph)
    rt.graphLaunch(executable, stream)
    rt.streamSynchronize(stream)
    rt.graphExecDestroy(executable)
    rt.graphDestroy(graph)


def test_what_is_captured_is_not_done(rt, stream, device, host):
    address = device(np.zeros(1, np.uint8))
    rt.streamBeginCapture(stream, RELAXED)
    rt.memsetAsync(address, 1, 1, stream)
    graph = rt.streamEndCapture(stream)
    assert host(address, 1, np.uint8) == 0
    launched(rt, graph, stream)
    assert host(address, 1, np.uint8) == 1


def test_the_status_of_a_capture(rt, stream, capturing, status, refused):
    assert status(stream) == NONE
    with capturing(stream):
        assert status(stream) == ACTIVE
        with refused("cudaErrorStreamCaptureUnsupported"):
            rt.streamSynchronize(stream)
        assert status(stream) == INVALID
    assert status(stream) == NONE


WAITS = {
    "synchronize the stream": lambda rt, stream, query: rt.streamSynchronize(stream),
    "query the stream": lambda rt, stream, query: query(rt.streamQuery, stream),
    "synchronize the device": lambda rt, stream, query: rt.deviceSynchronize(),
}


@pytest.mark.parametrize("mode", [GLOBAL, THREAD, RELAXED])
@pytest.mark.parametrize("call", WAITS)
def test_waiting_for_a_captured_stream_is_refused_and_ends_it(call, mode, rt, stream, refused, device, query):
    address = device(np.zeros(1, np.uint8))
    rt.streamBeginCapture(stream, mode)
    with refused("cudaErrorStreamCaptureUnsupported"):
        WAITS[call](rt, stream, query)
    with refused("cudaErrorStreamCaptureInvalidated"):
        rt.memsetAsync(address, 0, 1, stream)
    with refused("cudaErrorStreamCaptureInvalidated"):
        rt.streamEndCapture(stream)
    rt.streamSynchronize(stream)  # it is an ordinary stream again


def test_an_invalid_capture_takes_no_events(rt, stream, event, refused, capturing):
    with capturing(stream, RELAXED):
        with refused("cudaErrorStreamCaptureUnsupported"):
            rt.streamSynchronize(stream)
        for use in (lambda: rt.eventRecord(event, stream), lambda: rt.streamWaitEvent(stream, event)):
            with refused("cudaErrorStreamCaptureInvalidated"):
                use()


def test_a_capture_may_wait_for_an_event_that_was_never_recorded(rt, stream, event):
    rt.streamBeginCapture(stream, RELAXED)
    rt.streamWaitEvent(stream, event)
    rt.graphDestroy(rt.streamEndCapture(stream))


UNSAFE = {
    "malloc": lambda rt, other: other["memory"].append(rt.malloc(8)),
    "free": lambda rt, other: rt.free(other["memory"].pop()),
    "hostAlloc": lambda rt, other: other["pinned"].append(rt.hostAlloc(8, 0)),
    "freeHost": lambda rt, other: rt.freeHost(other["pinned"].pop()),
    "memcpy": lambda rt, other: rt.memcpy(other["array"].ctypes.data, other["kept"], 8, rt.memcpyDeviceToHost),
    "memset": lambda rt, other: rt.memset(other["kept"], 0, 8),
    "synchronize another stream": lambda rt, other: rt.streamSynchronize(other["stream"]),
    "wait for an event": lambda rt, other: rt.eventSynchronize(other["event"]),
    "query an event": lambda rt, other: other["query"](rt.eventQuery, other["event"]),
}


@pytest.fixture
def other(rt, query):
    """Things that have nothing to do with a capture."""
    things = {
        "memory": [rt.malloc(8)], "pinned": [rt.hostAlloc(8, 0)], "kept": rt.malloc(8), "array": np.empty(1),
        "event": rt.eventCreate(), "stream": rt.streamCreateWithFlags(rt.streamNonBlocking), "query": query,
    }  # fmt: skip
    yield things
    rt.eventDestroy(things["event"])
    rt.streamDestroy(things["stream"])
    for address in [things["kept"], *things["memory"]]:
        rt.free(address)
    for address in things["pinned"]:
        rt.freeHost(address)


@pytest.mark.parametrize("mode", [GLOBAL, THREAD])
@pytest.mark.parametrize("call", UNSAFE)
def test_what_a_capture_does_not_see_is_refused_in_its_thread(call, mode, rt, stream, other, refused, capturing):
    """NVIDIA names cudaMalloc as an example of what is unsafe; the rest of the list, and the error, are observed."""
    with capturing(stream, mode):
        with refused("cudaErrorStreamCaptureUnsupported"):
            UNSAFE[call](rt, other)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


@pytest.mark.parametrize("call", UNSAFE)
def test_a_relaxed_capture_lets_it_pass(call, rt, stream, other):
    rt.streamBeginCapture(stream, RELAXED)
    UNSAFE[call](rt, other)
    rt.graphDestroy(rt.streamEndCapture(stream))


@pytest.mark.parametrize("mode", [GLOBAL, THREAD, RELAXED])
def test_only_a_global_capture_binds_other_threads(mode, rt, stream, other, refused, capturing, elsewhere):
    with capturing(stream, mode):
        if mode == GLOBAL:
            with refused("cudaErrorStreamCaptureUnsupported"):
                elsewhere(lambda: rt.malloc(8))
        else:
            rt.free(elsewhere(lambda: rt.malloc(8))) if mode == RELAXED else elsewhere(lambda: rt.free(rt.malloc(8)))


def exchange(mode):
    """Set the mode of this thread and return the one before."""
    import ctypes

    held = ctypes.c_int(mode)
    assert cupy_on_cpu._runtime.cudaThreadExchangeStreamCaptureMode(ctypes.byref(held)) == 0
    return held.value


def test_a_thread_may_relax_its_own_mode(rt, stream, capturing):
    assert exchange(RELAXED) == GLOBAL
    with capturing(stream, GLOBAL):
        rt.free(rt.malloc(8))
    assert exchange(GLOBAL) == RELAXED


def test_a_thread_may_ignore_the_captures_of_others(rt, stream, elsewhere):
    def allocate():
        exchange(THREAD)
        rt.free(rt.malloc(8))

    rt.streamBeginCapture(stream, GLOBAL)
    elsewhere(allocate)
    rt.graphDestroy(rt.streamEndCapture(stream))


def test_a_thread_that_ignores_others_does_not_ignore_its_own_capture(rt, stream, elsewhere, refused):
    def allocate():
        exchange(THREAD)
        rt.streamBeginCapture(stream, GLOBAL)
        try:
            rt.malloc(8)
        finally:
            with pytest.raises(rt.CUDARuntimeError):
                rt.streamEndCapture(stream)

    with refused("cudaErrorStreamCaptureUnsupported"):
        elsewhere(allocate)


@pytest.mark.parametrize("mode", [GLOBAL, THREAD, RELAXED])
@pytest.mark.parametrize("use", ["memset", "synchronize", "query", "blocking copy", "blocking fill", "wait", "launch"])
def test_the_legacy_stream_beside_a_blocking_capture(
    use, mode, rt, blocking, device, capturing, refused, kernel, query, event
):
    address = device(np.zeros(1))
    rt.eventRecord(event, 0)
    uses = {
        "memset": lambda: rt.memsetAsync(address, 0, 8, 0),
        "synchronize": lambda: rt.streamSynchronize(0),
        "query": lambda: query(rt.streamQuery, 0),
        "blocking copy": lambda: rt.memcpy(np.zeros(1).ctypes.data, address, 8, rt.memcpyDeviceToHost),
        "blocking fill": lambda: rt.memset(address, 0, 8),
        "wait": lambda: rt.streamWaitEvent(0, event),
        "launch": lambda: kernel("set")((1,), (1,), (np.uint64(address), np.float32(0))),
    }
    kernel("set")  # compiled and loaded before
    with capturing(blocking, mode):
        with refused("(cudaErrorStreamCaptureImplicit|CUDA_ERROR_STREAM_CAPTURE_IMPLICIT)"):
            uses[use]()
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(blocking)


def test_asking_for_the_legacy_streams_status_does_not_end_the_capture(rt, blocking, capturing, refused, status):
    with capturing(blocking, RELAXED):
        with refused("cudaErrorStreamCaptureImplicit"):
            rt.streamIsCapturing(0)
        assert status(blocking) == ACTIVE


def test_the_legacy_stream_beside_another_capture(rt, stream, device, capturing, status):
    address = device(np.zeros(1))
    with capturing(stream, RELAXED):
        rt.memsetAsync(address, 0, 8, 0)
        rt.streamSynchronize(0)
        assert status(stream) == ACTIVE


def test_the_legacy_stream_cannot_be_captured(rt, refused):
    """The error is observed."""
    with refused("cudaErrorStreamCaptureUnsupported"):
        rt.streamBeginCapture(0, RELAXED)


def test_a_capture_begins_once(rt, stream, refused):
    """The error, and that the capture goes on, are observed."""
    rt.streamBeginCapture(stream, GLOBAL)
    with refused("cudaErrorIllegalState"):
        rt.streamBeginCapture(stream, GLOBAL)
    rt.graphDestroy(rt.streamEndCapture(stream))


def test_a_stream_can_be_captured_again(rt, stream, device, host):
    address = device(np.zeros(2, np.uint8))
    for i in range(2):
        rt.streamBeginCapture(stream, RELAXED)
        rt.memsetAsync(address + i, 1, 1, stream)
        launched(rt, rt.streamEndCapture(stream), stream)
    assert host(address, 2, np.uint8).tolist() == [1, 1]


@pytest.mark.parametrize("mode", [-1, 3])
def test_a_capture_has_one_of_three_modes(mode, rt, stream, refused):
    with refused("cudaErrorInvalidValue"):
        rt.streamBeginCapture(stream, mode)


def test_a_capture_that_never_began_cannot_end(rt, stream, refused):
    """The error is observed, also for the legacy stream."""
    for handle in (stream, 0):
        with refused("cudaErrorIllegalState"):
            rt.streamEndCapture(handle)


@pytest.mark.parametrize("mode", [GLOBAL, THREAD])
def test_another_thread_cannot_end_a_capture(mode, rt, stream, elsewhere, refused, capturing):
    """That it spoils the capture follows from "Invalidation"; NVIDIA does not write it of this call."""
    with capturing(stream, mode):
        with refused("cudaErrorStreamCaptureWrongThread"):
            elsewhere(lambda: rt.streamEndCapture(stream))
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


def test_another_thread_can_end_a_relaxed_capture(rt, stream, elsewhere):
    rt.streamBeginCapture(stream, RELAXED)
    rt.graphDestroy(elsewhere(lambda: rt.streamEndCapture(stream)))


def fork(rt, stream, event, other):
    """Let `other` join the capture of `stream`."""
    rt.eventRecord(event, stream)
    rt.streamWaitEvent(other, event)


def test_a_stream_joins_a_capture_by_an_event(rt, stream, blocking, event, device, host, status):
    address = device(np.zeros(2, np.uint8))
    rt.streamBeginCapture(stream, RELAXED)
    fork(rt, stream, event, blocking)
    assert status(blocking) == ACTIVE
    rt.memsetAsync(address, 1, 1, blocking)
    rt.memsetAsync(address + 1, 1, 1, stream)
    fork(rt, blocking, event, stream)
    graph = rt.streamEndCapture(stream)
    assert status(blocking) == NONE
    assert cupy_on_cpu.counts()["captured_memsets"] == 2
    launched(rt, graph, stream)
    assert host(address, 2, np.uint8).tolist() == [1, 1]


def test_work_that_is_not_joined_is_refused(rt, stream, blocking, event, device, refused, status):
    address = device(np.zeros(1))
    rt.streamBeginCapture(stream, RELAXED)
    fork(rt, stream, event, blocking)
    rt.memsetAsync(address, 0, 8, blocking)
    with refused("cudaErrorStreamCaptureUnjoined"):
        rt.streamEndCapture(stream)
    assert status(stream) == status(blocking) == NONE


def test_a_capture_ends_in_the_stream_where_it_began(rt, stream, blocking, event, refused, capturing):
    """That it spoils the capture follows from "Invalidation"; NVIDIA does not write it of this call."""
    with capturing(stream, RELAXED):
        fork(rt, stream, event, blocking)
        with refused("cudaErrorStreamCaptureUnmatched"):
            rt.streamEndCapture(blocking)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


def test_two_captures_cannot_merge(rt, stream, blocking, event, refused, capturing):
    with capturing(stream, RELAXED), capturing(blocking, RELAXED):
        rt.eventRecord(event, stream)
        with refused("cudaErrorStreamCaptureMerge"):
            rt.streamWaitEvent(blocking, event)
        for handle in (stream, blocking):
            with refused("cudaErrorStreamCaptureInvalidated"):
                rt.streamEndCapture(handle)


def test_a_capture_cannot_wait_for_what_is_not_in_it(rt, stream, blocking, event, refused, capturing):
    rt.eventRecord(event, blocking)
    with capturing(stream, RELAXED):
        with refused("cudaErrorStreamCaptureIsolation"):
            rt.streamWaitEvent(stream, event)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


def test_the_legacy_stream_cannot_join_a_capture(rt, stream, event, refused, capturing):
    with capturing(stream, RELAXED):
        rt.eventRecord(event, stream)
        with refused("cudaErrorStreamCaptureImplicit"):
            rt.streamWaitEvent(0, event)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


def test_no_stream_joins_a_capture_that_is_invalid(rt, stream, blocking, event, refused, capturing):
    """The error is observed."""
    with capturing(stream, RELAXED):
        rt.eventRecord(event, stream)
        with refused("cudaErrorStreamCaptureUnsupported"):
            rt.streamSynchronize(stream)
        with refused("cudaErrorInvalidValue"):
            rt.streamWaitEvent(blocking, event)


def test_an_event_of_a_capture_that_has_ended_cannot_be_waited_for(rt, stream, blocking, event, refused, query):
    """NVIDIA: not on an event which was last recorded in a capturing stream.  Stricter: for good, not until the end."""
    rt.streamBeginCapture(stream, RELAXED)
    rt.eventRecord(event, stream)
    rt.graphDestroy(rt.streamEndCapture(stream))
    for use in (
        lambda: rt.streamWaitEvent(blocking, event),
        lambda: rt.eventSynchronize(event),
        lambda: query(rt.eventQuery, event),
    ):
        with refused("cudaErrorCapturedEvent"):
            use()


@pytest.mark.parametrize("use", ["eventSynchronize", "eventQuery"])
def test_an_event_of_a_capture_cannot_be_waited_for(use, rt, stream, event, refused, capturing, query):
    with capturing(stream, RELAXED):
        rt.eventRecord(event, stream)
        with refused("cudaErrorCapturedEvent"):
            rt.eventSynchronize(event) if use == "eventSynchronize" else query(rt.eventQuery, event)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


@pytest.mark.parametrize("kind", ["to the device", "to the host"])
def test_a_copy_of_pageable_memory_cannot_be_captured(kind, rt, stream, device, refused, capturing):
    """Stricter: CUDA captures it (its sample simpleCudaGraphs copies to a local variable).

    Each launch would then use memory of the host that a Python program has long given back.
    """
    address, array = device(np.zeros(1)), np.zeros(1)
    with capturing(stream, RELAXED):
        with refused("cudaErrorStreamCaptureUnsupported"):
            if kind == "to the device":
                rt.memcpyAsync(address, array.ctypes.data, 8, rt.memcpyHostToDevice, stream)
            else:
                rt.memcpyAsync(array.ctypes.data, address, 8, rt.memcpyDeviceToHost, stream)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)


def test_a_copy_of_pinned_memory_reads_it_in_every_launch(rt, stream, device, host, pinned):
    address, source = device(np.zeros(1)), pinned(np.ones(1))
    rt.streamBeginCapture(stream, RELAXED)
    rt.memcpyAsync(address, source.ctypes.data, 8, rt.memcpyHostToDevice, stream)
    graph = rt.streamEndCapture(stream)
    source[:] = 5
    launched(rt, graph, stream)
    assert host(address, 1, np.float64) == 5


def test_a_module_cannot_be_loaded_in_a_global_capture(rt, stream, capturing, refused):
    """Stricter: since CUDA 12.3 drivers load modules during a capture; before, they refused it like this."""
    import cupy

    module = cupy.RawModule(code='extern "C" __global__ void loaded_while_captured() {}')
    with capturing(stream, GLOBAL), refused("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"):
        module.get_function("loaded_while_captured")


def test_a_module_cannot_be_unloaded_in_a_global_capture(rt, stream, capturing, refused):
    """Observed."""
    import cupy
    from cupy_backends.cuda.api import driver

    module = cupy.RawModule(code='extern "C" __global__ void unloaded_while_captured() {}')
    handle = module.module.ptr  # loaded before the capture
    with capturing(stream, GLOBAL), refused("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"):
        driver.moduleUnload(handle)


def test_a_captured_stream_that_is_destroyed_ends_its_capture(rt, stream, blocking, event, refused, capturing):
    """Stricter: NVIDIA does not say what becomes of the capture."""
    with capturing(stream, RELAXED):
        fork(rt, stream, event, blocking)
        with refused("cudaErrorStreamCaptureUnsupported"):
            rt.streamDestroy(blocking)
        with refused("cudaErrorStreamCaptureInvalidated"):
            rt.streamEndCapture(stream)
