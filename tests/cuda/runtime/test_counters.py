"""Tests of the counters and of the log."""

import numpy as np
import pytest

cupy_on_cpu = pytest.importorskip("cupy_on_cpu", exc_type=ImportError)
pytestmark = pytest.mark.gpu

import cupy  # noqa: E402


def test_what_a_few_lines_ask_for(rt):
    x = cupy.arange(4, dtype="float32")
    x + x
    rt.deviceSynchronize()
    cupy_on_cpu.reset()
    (x + x).get()
    assert cupy_on_cpu.counts() == {"launches": 1, "copies_to_host": 1, "stream_synchronisations": 1}


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("copies_to_device", lambda rt, at: rt.memcpy(at, np.zeros(1).ctypes.data, 8, rt.memcpyHostToDevice)),
        ("copies_on_device", lambda rt, at: rt.memcpy(at, at + 8, 8, rt.memcpyDeviceToDevice)),
        ("memsets", lambda rt, at: rt.memset(at, 0, 8)),
        ("allocations", lambda rt, at: rt.malloc(8)),
        ("frees", lambda rt, at: rt.free(at)),
        ("pinned_allocations", lambda rt, at: rt.hostAlloc(8, 0)),
        ("stream_synchronisations", lambda rt, at: rt.streamSynchronize(0)),
        ("device_synchronisations", lambda rt, at: rt.deviceSynchronize()),
        ("event_records", lambda rt, at: rt.eventRecord(rt.eventCreate(), 0)),
        ("event_waits", lambda rt, at: rt.streamWaitEvent(0, rt.eventCreate())),
        ("event_synchronisations", lambda rt, at: rt.eventSynchronize(rt.eventCreate())),
    ],
)
def test_each_call_is_counted_once(name, use, rt):
    address = rt.malloc(64)
    cupy_on_cpu.reset()
    use(rt, address)
    assert cupy_on_cpu.counts() == {name: 1}


def test_modules_are_counted_as_they_are_loaded(kernel):
    module = cupy.RawModule(code='extern "C" __global__ void counted() {}')
    cupy_on_cpu.reset()
    module.get_function("counted")
    module.get_function("counted")
    assert cupy_on_cpu.counts() == {"module_loads": 1}


def test_what_is_captured_is_counted_apart(rt, stream, kernel, pinned):
    x, y = cupy.ones((2, 2), "float32"), cupy.ones((2, 2), "float32")
    target, twice = pinned(np.zeros(1, np.float32)), kernel("twice")
    rt.deviceSynchronize()
    cupy_on_cpu.reset()
    with cupy.cuda.ExternalStream(stream):
        rt.streamBeginCapture(stream, 2)
        twice((1,), (1,), (x,))
        rt.memsetAsync(x.data.ptr, 0, 4, stream)
        rt.memcpyAsync(target.ctypes.data, x.data.ptr, 4, rt.memcpyDeviceToHost, stream)
        rt.memcpyAsync(y.data.ptr, x.data.ptr, 4, rt.memcpyDeviceToDevice, stream)
        x.sort()
        rt.graphDestroy(rt.streamEndCapture(stream))
    found = cupy_on_cpu.counts()
    found.pop("allocations", None)  # of CuPy's pool
    assert found == {"captured_launches": 1, "captured_memsets": 1, "captured_copies": 2, "captured_sorts": 1}


def test_sorts_are_counted():
    x = cupy.arange(4)
    cupy_on_cpu.reset()
    cupy.argsort(x)
    assert cupy_on_cpu.counts()["sorts"] == 1


def test_the_log(tmp_path, kernel, device):
    address, path = device(np.zeros(4, np.float32)), tmp_path / "log"
    cupy_on_cpu.log(path)
    kernel("twice")((2,), (4,), (np.uint64(address),))
    cupy_on_cpu.log(None)
    kernel("twice")((3,), (4,), (np.uint64(address),))
    text = path.read_text()
    assert "cuLaunchKernel\n  twice grid 2x1x1 block 4x1x1" in text
    assert "3x1x1" not in text


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="cannot be written"):
        cupy_on_cpu.log(tmp_path / "missing" / "log")


def test_live_objects(rt):
    before = cupy_on_cpu.live()
    address, stream, event = rt.malloc(100), rt.streamCreate(), rt.eventCreate()
    now = cupy_on_cpu.live()
    assert {key: now[key] - before[key] for key in now} == {
        "used": 100, "allocations": 1, "streams": 1, "events": 1, "graphs": 0, "executables": 0, "modules": 0,
    }  # fmt: skip
    rt.free(address)
    rt.streamDestroy(stream)
    rt.eventDestroy(event)
    assert cupy_on_cpu.live() == before
