"""The released CuPy on the CPU: `pytest -p cupy_on_cpu ...`, `python -m cupy_on_cpu -m MODULE ...`, or an import.

It must be imported before cupy, in an environment that `prepare.py` made.  Kernels are compiled by g++ at first use and
kept in a folder: CUPY_ON_CPU_KERNELS, or one in the environment.  `counts`, `reset`, `log`, `limit` and `live` observe
the runtime; CUPY_ON_CPU_AT_ONCE=1 runs work as it is
submitted, CUPY_ON_CPU_ORDER=0 or 1 runs threads forward or backward instead of shuffled, and CUPY_ON_CPU_PROTECT=0 lets
the host read and write device memory.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

BUILD = Path(sys.prefix) / "share" / "cupy-on-cpu"
KERNELS = Path(os.environ.get("CUPY_ON_CPU_KERNELS") or BUILD / "kernels")
INCLUDE = BUILD / "include"
FLAGS = [
    "-std=c++17", "-O1", "-w", "-fPIC", "-fno-strict-aliasing", "-fno-semantic-interposition", "-ffp-contract=off",
    f"-I{INCLUDE}",
]  # fmt: skip
PRECOMPILED = '#include "kernel_language.h"\n#include <cupy/complex.cuh>\n#include <cupy/carray.cuh>\n'
KERNEL = re.compile(r"THIS_IS_A_KERNEL\s+void\s+(?:__launch_bounds__\s*\(\s*(\d+)[^)]*\)\s*)?(\w+)\s*\(")
DYNAMIC = re.compile(r"extern\s+__shared__\s+([\w<> ]+?)\s+(\w+)\[\];")
# CUPY_FOR is a loop over the whole grid that takes any number of threads, if its body does not look at its own.
BLOCKWISE = re.compile(r"threadIdx|blockIdx|__shared__|__sync|__shfl")


def counts() -> dict[str, int]:
    """Return how often the program asked the runtime for each thing since the start or `reset`; 0 is left out."""
    numbers = range(_runtime.cupy_on_cpu_counters())
    found = {_runtime.cupy_on_cpu_counter(i).decode(): _runtime.cupy_on_cpu_count(i) for i in numbers}
    return {name: number for name, number in found.items() if number}


def reset() -> None:
    """Begin to count from 0."""
    _runtime.cupy_on_cpu_reset()


def log(path: str | os.PathLike[str] | None) -> None:
    """Write a line for every call of the runtime to a new file, until `log(None)`."""
    if not _runtime.cupy_on_cpu_log(os.fsencode(path or "")):
        raise OSError(f"the log {path} cannot be written")


def limit(size: int) -> None:
    """Let the device have `size` bytes; it has 16 GiB at first."""
    _runtime.cupy_on_cpu_limit(size)


def live() -> dict[str, int]:
    """Return how many objects of each kind exist in the runtime, and how many bytes are allocated."""
    kinds = ("used", "allocations", "streams", "events", "graphs", "executables", "modules")
    return {kind: getattr(_runtime, f"cupy_on_cpu_{kind}")() for kind in kinds}


def _load() -> ctypes.CDLL:
    """Load the libraries under NVIDIA's names, so that CuPy finds them in the process."""
    if not (BUILD / "ready").exists():
        raise ImportError(
            f"CuPy on the CPU is not in this environment: run `python tests/cuda/runtime/prepare.py {sys.prefix}`"
        )
    if "cupy" in sys.modules:
        raise ImportError("cupy_on_cpu must be imported before cupy")
    runtime = ctypes.CDLL(str(BUILD / "libcuda.so.1"))
    for name in ("libcublas.so.13", "libcublasLt.so.13"):
        ctypes.CDLL(str(BUILD / name))
    sizes = ["count", "counters", "used", "allocations", "streams", "events", "graphs", "executables", "modules"]
    for name in sizes:
        getattr(runtime, f"cupy_on_cpu_{name}").restype = ctypes.c_size_t
    for name in ("count", "counter", "limit"):
        getattr(runtime, f"cupy_on_cpu_{name}").argtypes = [ctypes.c_size_t]
    runtime.cupy_on_cpu_counter.restype = ctypes.c_char_p
    runtime.cupy_on_cpu_log.restype = ctypes.c_bool
    runtime.cupy_on_cpu_sort.argtypes = runtime.cupy_on_cpu_lexsort.argtypes = [
        ctypes.c_char, *[ctypes.c_void_p] * 2, *[ctypes.c_size_t] * 2, ctypes.c_void_p,
    ]  # fmt: skip
    return runtime


_runtime = _load()

import cupy  # noqa: E402
from cupy.cuda import compiler, function, thrust  # noqa: E402

CUPY_INCLUDE = Path(cupy.__file__).parent / "_core" / "include"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _gpp(*arguments: Any, text: str = "") -> str:
    """Run g++, with `text` as its standard input, and return its output; raise CuPy's own error if it fails."""
    done = subprocess.run(["g++", *map(str, arguments)], input=text, capture_output=True, text=True)
    if done.returncode:
        raise compiler.CompileException(done.stderr, "", "", arguments, "g++")
    return done.stdout


def _written(target: Path, write: Callable[[str], Any]) -> Path:
    """Let `write` make a file under another name first, as other processes may make and read the same."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, suffix=".part", delete=False) as part:
        try:
            write(part.name)
            os.replace(part.name, target)
        except BaseException:
            os.unlink(part.name)
            raise
    return target


def _compile(source: str, options: Sequence[str]) -> Path:
    """Return the library of these kernels."""
    headers = [path.read_text() for path in sorted(INCLUDE.glob("*.h"))]
    folder = KERNELS / _digest(cupy.__version__, *FLAGS, PRECOMPILED, *headers)
    defines = [option for option in options if option.startswith("-D")]
    library = folder / f"{_digest(source, *defines)}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    flags = [*FLAGS, f"-I{CUPY_INCLUDE}"]
    header = folder / "kernels.h"
    if not (folder / "kernels.h.gch").exists():
        _written(header, lambda part: Path(part).write_text(PRECOMPILED))
        _written(folder / "kernels.h.gch", lambda part: _gpp(*flags, "-x", "c++-header", header, "-o", part))
    source = DYNAMIC.sub(r"\1 *\2 = static_cast<\1 *>(emulator::dynamic_shared());", source)
    expanded = _gpp(*flags, *defines, "-E", "-P", "-D__global__=THIS_IS_A_KERNEL", "-x", "c++", "-", text=source)
    strides = "true" if "CUPY_FOR(" in source and not BLOCKWISE.search(source) else "false"
    kernels = {name: int(bound or 1024) for bound, name in KERNEL.findall(expanded)}
    described = [
        f'emulator::described<{name}>("{name}", {bound}, {strides}, {str(name.startswith("cupy_")).lower()}),'
        for name, bound in kernels.items()
    ]
    listed = ['extern "C" emulator::Kernel kernels[];', "emulator::Kernel kernels[] = {", *described, "{}};"]
    whole = "\n".join([source, *listed, ""])
    text = _written(library.with_suffix(".cpp"), lambda part: Path(part).write_text(whole))
    link = ["-shared", "-Wl,-Bsymbolic-functions", f"-L{BUILD}", "-l:libcuda.so.1"]
    return _written(library, lambda part: _gpp(*flags, *defines, "-include", header, text, *link, "-o", part))


def _module(source: str, options: Sequence[str], arch: Any = None, *others: Any, **more: Any) -> Any:
    """Stand in for CuPy's function that compiles a module by NVRTC."""
    module = function.Module()
    module.load(b"cupy-on-cpu:" + os.fsencode(_compile(source, options)) + b"\0")
    return module


def _check(status: int) -> None:
    if status:
        raise cupy.cuda.runtime.CUDARuntimeError(status)


def _sort(dtype: Any, data: int, keys: int, shape: Sequence[int]) -> None:
    _argsort(dtype, 0, data, keys, shape)


def _argsort(dtype: Any, indices: int, data: int, keys: int, shape: Sequence[int]) -> None:
    stream, rows = cupy.cuda.get_current_stream().ptr, prod(shape[:-1])
    _check(_runtime.cupy_on_cpu_sort(dtype.char.encode(), data, indices, rows, shape[-1], stream))


def _lexsort(dtype: Any, indices: int, keys: int, k: int, n: int) -> None:
    stream = cupy.cuda.get_current_stream().ptr
    _check(_runtime.cupy_on_cpu_lexsort(dtype.char.encode(), keys, indices, k, n, stream))


def _install() -> None:
    """Replace what a CPU cannot run: NVRTC, and the compiled kernels of Thrust and CUB."""
    compiler._compile_with_cache_cuda = _module
    thrust.sort, thrust.argsort, thrust.lexsort, thrust.available = _sort, _argsort, _lexsort, True
    cupy._core.set_reduction_accelerators([])
    cupy._core.set_routine_accelerators([])


_install()


def _main(arguments: list[str]) -> None:
    """Run `-m MODULE ...` or `FILE ...` as Python would."""
    if not arguments or arguments == ["-m"]:
        sys.exit("usage: python -m cupy_on_cpu (-m MODULE | FILE) [ARGUMENT ...]")
    sys.modules["cupy_on_cpu"] = sys.modules[__name__]
    sys.path.insert(0, "" if arguments[0] == "-m" else str(Path(arguments[0]).parent))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    _main(sys.argv[1:])
