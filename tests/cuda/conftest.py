"""Compiles the CUDA kernels for the CPU, once a session, and launches them on NumPy arrays.

The kernels are the `.cu` files of the package as they are; `cuda_on_cpu.h` and `threads_on_cpu.h` stand in for the GPU.
"""

import ctypes
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "minigan" / "backend" / "cuda"
BLOCK = int(re.search(r"#define BLOCK (\d+)", (KERNELS / "kernels.cuh").read_text())[1])
FLAGS = ["-x", "c++", "-std=c++17", "-O2", "-shared", "-fPIC", "-fno-strict-aliasing", "-fsanitize=undefined"]
OWN_NAMES = ["-Wl,-Bsymbolic"]  # or a kernel whose name the C library knows, too, would be the library's
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-Wno-clobbered"]
GUARD = 4096  # bytes on both sides of every array
ORDERS = (0, 1, 2)  # forward, backward, shuffled
# What the guards hold in each order.  0xFF is NaN as a float, -1 as an int, invalid as a bool; 0x3F is about 0.7, which
# an update in place changes, as it does not change NaN.
GUARDS = (0xFF, 0x3F, 0xFF)


def _reals(path):
    """The types that stand for REAL in a file: pairs and fours of numbers too where they are only copied and added."""
    if not re.search(r"^KERNEL\(", path.read_text(), re.M):
        return ["float"]
    return ["float", "double", "float4", "double2"] if path.stem == "conv" else ["float", "double"]


def _names(path):
    """The kernels of a file, by the names that they have after compilation."""
    kernels = re.findall(r"^(PLAIN_|)KERNEL\((\w+)\)", path.read_text(), re.M)
    plain = [name for prefix, name in kernels if prefix]
    return plain + [f"{name}_{real}" for prefix, name in kernels if not prefix for real in _reals(path)]


def _unit(paths):
    """One translation unit of all these files, each once for every REAL."""
    text = '#define REAL float\n#include "kernels.cuh"\n#undef REAL\n'
    for path in paths:
        for real in _reals(path):
            text += f'#define REAL {real}\nnamespace {path.stem}_{real} {{\n#include "{path}"\n}}\n#undef REAL\n'
    return text


def _contraction():
    """Flags that fuse products and sums, as nvcc does by default, where the processor can."""
    cpu = Path("/proc/cpuinfo")
    fused = cpu.exists() and " fma " in cpu.read_text()
    return ["-mfma", "-ffp-contract=fast"] if fused else ["-ffp-contract=off"]


def _compile(paths, folder):
    """The kernels of `paths` as a shared library for the CPU."""
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    described = "".join(f'emulator::described<{name}>("{name}"),\n' for p in paths for name in _names(p))
    spaces = "".join(f"using namespace {p.stem}_{real};\n" for p in paths for real in _reals(p))
    kernels = f"const emulator::Kernel kernels[] = {{\n{described}{{}}}};\n"
    source.write_text(f'#include "cuda_on_cpu.h"\n{_unit(paths)}{spaces}{kernels}#include "emulator.cpp"\n')
    includes = [f"-I{HERE}", f"-I{KERNELS}"]
    command = ["g++", *FLAGS, *OWN_NAMES, *STRICT, *_contraction(), *includes, str(source), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


class Struct:
    """A struct among the arguments of a kernel, some of whose members are addresses of arrays.

    record: an array of shape () of a structured dtype.  columns: for each member that holds addresses, the arrays by
    their positions in it.
    """

    def __init__(self, record, **columns):
        self.record, self.columns, self.nbytes = record, columns, record.nbytes

    def arrays(self):
        return [a for column in self.columns.values() for a in column.values()]

    def with_addresses(self, address):
        record = self.record.copy()
        for name, column in self.columns.items():
            for where, array in column.items():
                record[name][where] = address(array)
        return record


class _Emulator:
    """Launches kernels by name: emulator(name, grid, block, *arguments) changes the arrays among the arguments.

    Arguments are what CuPy would be given: arrays or None for pointers, int for long long, float for double, and
    scalars of a structured dtype for structs.  An array that is not contiguous points into its base.
    Raises AssertionError where the kernel misbehaves: see `cuda_on_cpu.h`, and `_check_guards`.
    """

    def __init__(self, library):
        self.library = ctypes.CDLL(str(library))
        self.library.launch.restype = self.library.signature.restype = ctypes.c_char_p

    def __call__(self, name, grid, block, *arguments):
        expected, given = self.library.signature(name.encode()).decode(), "".join(map(_code, arguments))
        assert given == expected, f"{name} was given {given}, expects {expected}"
        assert math.prod(block) <= BLOCK, f"{name}: a block of {block} has more than {BLOCK} threads"
        given = [a for x in arguments for a in (x.arrays() if isinstance(x, Struct) else [x])]
        owners = {id(_owner(a)): _owner(a) for a in given if isinstance(a, np.ndarray)}
        results = [self._run(name, grid, block, arguments, owners, order) for order in ORDERS]
        for result in results[1:]:
            same = all(result[key].tobytes() == results[0][key].tobytes() for key in owners)
            assert same, (
                f"{name} depends on the order of threads or blocks, as two of them touch one address, or on what lies "
                "outside its arrays"
            )
        for key, owner in owners.items():
            owner[...] = results[0][key]

    def _run(self, name, grid, block, arguments, owners, order):
        """Copies of the arrays after a launch in this order."""
        guard = GUARDS[order]
        guarded = {key: _guarded(owner, guard) for key, owner in owners.items()}
        values = [_value(a, guarded) for a in arguments]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
        error = self.library.launch(name.encode(), _three(grid), _three(block), pointers, order).decode()
        assert not error, f"{name}: {error}"
        for memory, _ in guarded.values():
            _check_guards(name, memory, guard)
        return {key: array for key, (_, array) in guarded.items()}


def _code(argument):
    if argument is None or isinstance(argument, np.ndarray):
        return "p"
    return {int: "q", float: "d"}.get(type(argument)) or f"s{argument.nbytes}"


def _owner(array):
    return array if array.flags.c_contiguous else array.base


def _guarded(array, guard):
    """Memory with guards, and a copy of the array in the middle of it."""
    memory = np.full(array.nbytes + 2 * GUARD, guard, np.uint8)
    copy = memory[GUARD : GUARD + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return memory, copy


def _check_guards(name, memory, guard):
    assert (memory[:GUARD] == guard).all(), f"{name} writes before the start of an array"
    assert (memory[-GUARD:] == guard).all(), f"{name} writes behind the end of an array"


def _address(array, guarded):
    """The address of an array in the guarded copy of its owner."""
    owner = _owner(array)
    return guarded[id(owner)][1].ctypes.data + array.ctypes.data - owner.ctypes.data


def _value(argument, guarded):
    """The argument as ctypes passes it; for an array, the address of its guarded copy."""
    if isinstance(argument, np.ndarray):
        return ctypes.c_void_p(_address(argument, guarded))
    if isinstance(argument, Struct):
        record = argument.with_addresses(lambda array: _address(array, guarded))
        return ctypes.create_string_buffer(record.tobytes(), record.nbytes)
    if isinstance(argument, np.void):
        return ctypes.create_string_buffer(argument.tobytes(), argument.nbytes)
    return {type(None): ctypes.c_void_p, int: ctypes.c_longlong, float: ctypes.c_double}[type(argument)](argument)


def _three(sizes):
    return (ctypes.c_uint * 3)(*sizes, *[1] * (3 - len(sizes)))


def _emulator(paths, folder):
    if shutil.which("g++") is None or not sys.platform.startswith("linux"):
        pytest.skip("the kernels run on the CPU only where g++ is, on Linux")
    return _Emulator(_compile(paths, folder))


@pytest.fixture(scope="session")
def struct():
    """struct(record, member={position: array}): see `Struct`."""
    return Struct


@pytest.fixture(scope="session")
def kernel_files():
    """Every `.cu` file of the package."""
    return sorted(KERNELS.glob("*.cu"))


@pytest.fixture(scope="session")
def translation_unit():
    """translation_unit(paths): the text that compiles these files for every type of number."""
    return _unit


@pytest.fixture(scope="session")
def emulator(kernel_files, tmp_path_factory):
    """The kernels of the package, and those of the tests."""
    return _emulator([*kernel_files, *sorted(HERE.glob("*.cu"))], tmp_path_factory.mktemp("kernels"))
