"""CuPy on the CPU, as far as the backend uses it: strict arrays, and kernels that run on the emulator.

A launch is checked as CuPy and the device would: what is passed by value and how, what the compiled file has, that no
launch is empty.  New arrays hold NaN, so that what a kernel forgets is seen.  A stream that is captured computes
nothing until its graph is launched.
"""

import re
import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import fake_cublas
import numpy as np
from strict_device import Graph, StrictArray, changed, keep, lend, made, recording, synchronises

from minigan import backend
from minigan.backend.cuda import cublas


class FakeCupy(ModuleType):
    """The module `cupy`."""

    ndarray = StrictArray
    __version__ = "14.0 (fake)"

    def __init__(self, emulator):
        super().__init__("cupy")
        self.emulator, self.launches, self.free = emulator, [], 1 << 30
        self.allocator = self.malloc
        self.cuda = SimpleNamespace(
            alloc=lambda size: SimpleNamespace(ptr=fake_cublas.WORKSPACE),
            get_allocator=lambda: self.allocator,
            get_current_stream=lambda: SimpleNamespace(ptr=self.stream),
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError, _malloc=self.malloc),
            runtime=SimpleNamespace(
                CUDARuntimeError=CUDARuntimeError, errorMemoryAllocation=2, getDevice=lambda: 0,
                getDeviceCount=lambda: device_count(), memGetInfo=lambda: (self.free, 80 << 30),
            ),
            set_allocator=lambda allocator: setattr(self, "allocator", allocator),
            MemoryPool=FakePool,
            Stream=lambda non_blocking: FakeStream(self),
            using_allocator=self.using_allocator,
        )  # fmt: skip
        self.stream = fake_cublas.STREAM

    @contextmanager
    def using_allocator(self, allocator):
        before, self.allocator = self.allocator, allocator
        try:
            yield
        finally:
            self.allocator = before

    def malloc(self, size):
        if size > self.free:
            raise OutOfMemoryError(size)

    def get_default_memory_pool(self):
        used = lambda: (80 << 30) - self.free
        return SimpleNamespace(used_bytes=used, free_all_blocks=lambda: None, malloc=self.malloc)

    def _new(self, array):
        self.allocator(array.nbytes)
        if isinstance(getattr(self.allocator, "__self__", None), FakePool):
            lend(array)
        return StrictArray(keep(array))

    def empty(self, shape, dtype=float):
        memory = np.empty(shape, dtype)
        memory.reshape(-1).view(np.uint8)[...] = 0xFF
        return self._new(memory)

    def zeros(self, shape, dtype=float):
        return self._full(shape, dtype, 0)

    def ones(self, shape, dtype=float):
        return self._full(shape, dtype, 1)

    def _full(self, shape, dtype, value):
        array = self.empty(shape, dtype)
        array.fill(value)
        return array

    def array(self, data, dtype=None, order="K"):
        if isinstance(data, StrictArray):
            return data.astype(dtype or data.dtype, order=order)
        synchronises("a copy from the host")
        return self._new(np.array(data, dtype, order=order))

    def arange(self, size):
        return StrictArray(made(lambda: np.arange(size)))

    def asarray(self, data):
        return data if isinstance(data, StrictArray) else self.array(data)

    def ascontiguousarray(self, a):
        return a if a.flags.c_contiguous else a.copy()

    def asnumpy(self, a):
        return a.get()

    def RawModule(self, code, options):
        return FakeModule(self, code, options)


def device_count():
    return 1


class OutOfMemoryError(MemoryError):
    """CuPy's."""


class CUDARuntimeError(RuntimeError):
    """CuPy's."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


class FakePool:
    """A pool of a graph's own."""

    def __init__(self, allocator):
        self.allocator = allocator

    def malloc(self, size):
        return self.allocator(size)

    def set_limit(self, size):
        assert size == 0, "a pool with a limit frees what a graph needs"

    def free_all_blocks(self):
        pass


class FakeModule:
    """A compiled file: its kernels, by the names that the options give them."""

    def __init__(self, cupy, code, options):
        (real,) = [option.removeprefix("-DREAL=") for option in options]
        found = re.findall(r"^(PLAIN_|)KERNEL\((\w+)\)", code, re.M)
        self.cupy, self.names = cupy, {name if plain else f"{name}_{real}" for plain, name in found}

    def get_function(self, name):
        assert name in self.names, f"{name} is not among {self.names}"

        def launch(grid, block, arguments):
            assert min(grid) > 0, "an empty launch"
            assert grid[0] < 2**31, grid
            assert max(grid[1:], default=0) < 2**16, grid
            self.cupy.launches.append((name, grid, block))
            passed = [_passed(a) for a in arguments]
            arrays = [a for a in passed if isinstance(a, np.ndarray) and a.flags.writeable]
            # Of its arrays a kernel may only read some: to refuse what it reads would be wrong, to restore it is not.
            changed(lambda: self.cupy.emulator(name, grid, block, *passed), *(arrays if recording() else ()))

        return launch


class FakeStream:
    """A stream of CUDA, while it is being captured."""

    ptr = fake_cublas.STREAM + 64

    def __init__(self, cupy):
        self.cupy = cupy

    def __enter__(self):
        self.before, self.cupy.stream = self.cupy.stream, self.ptr

    def __exit__(self, *error):
        self.cupy.stream = self.before

    def begin_capture(self):
        self.graph = Graph()
        self.recording = self.graph.recording()
        self.recording.__enter__()

    def end_capture(self):
        self.recording.__exit__(None, None, None)
        return self.graph


def _passed(argument):
    """An argument of a kernel as the emulator takes it, if CuPy takes it."""
    if isinstance(argument, StrictArray):
        assert argument.size, "a pointer to nothing"
        return argument._array
    if isinstance(argument, np.ndarray):
        assert argument.size == 1, "CuPy passes an array of the host by value, but of size 1 only"
        assert argument.dtype.names, "numbers are passed as Python's"
        return argument[()]
    assert type(argument) in (int, float, type(None)), f"{argument!r} of {type(argument)}"
    assert type(argument) is not int or -(2**63) <= argument < 2**64
    return argument


@contextmanager
def installed(emulator, patch):
    """Within, `cupy` is a FakeCupy, cuBLAS a FakeLibrary, and the device "cuda" is there; gives both fakes."""
    cupy, library = FakeCupy(emulator), fake_cublas.FakeLibrary()
    _forget()
    patch.setitem(sys.modules, "cupy", cupy)
    patch.setattr(cublas, "load", lambda: library)
    patch.setattr(cublas, "address", lambda array: array._array.ctypes.data)
    for table in ("_BY_TYPE", "_BY_NAME"):
        patch.setattr(backend, table, dict(getattr(backend, table)))
    try:
        backend.named("cuda")
        yield SimpleNamespace(cupy=cupy, library=library)
    finally:
        _forget()


def _forget():
    """As if nothing had ever imported CuPy."""
    for name in [n for n in sys.modules if n.startswith("minigan.backend.cupy")]:
        del sys.modules[name]
    vars(backend).pop("cupy", None)
