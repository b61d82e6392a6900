"""The GPU of the tests of `gpu`: a real one, or its stand-in, on which the released CuPy computes on the CPU.

On the stand-in sizes are smaller, as g++ compiled its kernels, and whatever the device is asked to do is seen.
"""

import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

RUNTIME = sys.modules.get("cupy_on_cpu")  # None on a real GPU

CUTS = {  # {what: (on a GPU, on the stand-in)}
    "elements of an array": (1 << 20, 1 << 12),
    "rows of a tall matrix": (1 << 16, 1 << 9),
    "columns of a wide matrix": (1 << 12, 300),
    "images of a batch": (64, 2),
    "side of an image": (32, 6),
    "channels of a layer": (64, 6),
    "side of a product": (1024, 24),
    "examples of a property": (20, 6),
    "steps of two equal runs": (20, 3),
    "replays of a graph": (100, 5),
}


def cut(what):
    """Return the size of `what`: full on a GPU, and what g++'s kernels compute in reasonable time on the stand-in."""
    return CUTS[what][RUNTIME is not None]


def header():
    """Return what a run of the tests says at its head: the sizes that are cut, or nothing on a GPU."""
    if RUNTIME is None:
        return []
    return ["the GPU is its stand-in, with smaller sizes:", *(f"  {what}: {b}, not {a}" for what, (a, b) in CUTS.items())]


@dataclass
class Launch:
    """A kernel that was launched, with its numbers of blocks and of threads."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]


@dataclass
class Seen:
    """What the device was asked to do."""

    launches: list[Launch] = field(default_factory=list)
    products: list[int] = field(default_factory=list)  # of cuBLAS, each by its cublasComputeType_t
    graphs: int = 0  # that were launched

    @property
    def kernels(self):
        """The names of the kernels, in order."""
        return [launch.kernel for launch in self.launches]

    def doubles(self):
        """The kernels, and the products, that compute in double precision."""
        return [k for k in self.kernels if re.search("float64|double|complex128", k)] + [p for p in self.products if p == 70]


@contextmanager
def watched():
    """Return a context whose `Seen` is complete at its end, and empty on a real GPU, where nothing is seen."""
    seen = Seen()
    if RUNTIME is None:
        yield seen
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        RUNTIME.log(str(log))
        try:
            yield seen
        finally:
            RUNTIME.log("")
            _read(log.read_text(), seen)


def _read(log, seen):
    for kernel, *sizes in re.findall(r"launch (\w+) \((\d+),(\d+),(\d+)\)\((\d+),(\d+),(\d+)\)", log):
        numbers = tuple(map(int, sizes))
        seen.launches.append(Launch(kernel, numbers[:3], numbers[3:]))
    seen.products += map(int, re.findall(r"cublasGemmEx .*comp(\d+)", log))
    seen.graphs += len(re.findall("graphLaunch", log))


def program(script):
    """Return the command that runs a script, its arguments to follow, in a process of its own with the same GPU."""
    begin = f"import {RUNTIME.__name__}; " if RUNTIME else ""
    run = f"import runpy, sys; sys.argv = sys.argv[1:]; {begin}runpy.run_path(sys.argv[0], run_name='__main__')"
    return [sys.executable, "-c", run, str(script)]
