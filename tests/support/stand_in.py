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
    "elements of an array": (1 << 20, 1 << 18),
    "rows of a tall matrix": (1 << 16, 1 << 13),
    "columns of a wide matrix": (1 << 12, 1 << 10),
    "images of a batch": (64, 16),
    "side of an image": (32, 16),
    "channels of a layer": (64, 32),
    "side of a product": (1024, 256),
    "steps of two equal runs": (20, 10),
    "replays of a graph": (100, 20),
}


def cut(what):
    """Return the size of `what`: full on a GPU, and what g++'s kernels compute in reasonable time on the stand-in."""
    return CUTS[what][RUNTIME is not None]


def header():
    """Return what a run of the tests says at its head: the sizes that are cut, or nothing on a GPU."""
    if RUNTIME is None:
        return []
    sizes = [f"{what} {there}, not {on_a_gpu}" for what, (on_a_gpu, there) in CUTS.items()]
    return [f"cut on the stand-in for a GPU: {'; '.join(sizes)}"]


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
    products: int = 0  # of cuBLAS
    graphs: int = 0  # that were launched

    @property
    def kernels(self):
        """The names of the kernels, in order."""
        return [launch.kernel for launch in self.launches]

    def doubles(self):
        """The kernels that compute in double precision, or convert to it or from it."""
        return [kernel for kernel in self.kernels if re.search("float64|double|complex128", kernel)]


@contextmanager
def watched():
    """Return a context whose `Seen` is complete at its end, and empty on a real GPU, where nothing is seen."""
    seen = Seen()
    if RUNTIME is None:
        yield seen
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        RUNTIME.log(log)
        try:
            yield seen
        finally:
            RUNTIME.log(None)
            _read(log.read_text(), seen)


SIZES = r"(\d+)x(\d+)x(\d+)"


def _read(log, seen):
    for kernel, *sizes in re.findall(rf"^  (\w+) grid {SIZES} block {SIZES}$", log, re.M):
        numbers = tuple(map(int, sizes))
        seen.launches.append(Launch(kernel, numbers[:3], numbers[3:]))
    seen.products += len(re.findall(r"^  \d+x\d+x\d+ [NT][NT]$", log, re.M))
    seen.graphs += len(re.findall("^cudaGraphLaunch$", log, re.M))


def python(*arguments):
    """Return the command that runs Python with these arguments, `-m MODULE` or a file first, on the same GPU."""
    return [sys.executable, *(["-m", "cupy_on_cpu"] if RUNTIME else []), *map(str, arguments)]
