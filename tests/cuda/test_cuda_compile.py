"""Every kernel compiles for the oldest and the newest GPUs that matter, without a warning and without a spill.

By nvcc, where it is installed, and by NVRTC, which knows no header of the host and is what CuPy calls, where its wheel
is (nvidia-cuda-nvrtc).  The instructions are read where a disassembler is (nvidia-cuda-nvdisasm, or CUDA's own).
"""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minigan.backend import cuda

KERNELS = Path(cuda.__file__).parent
NAMES = sorted(path.stem for path in KERNELS.glob("*.cu"))
TARGETS = ("75", "90")
# Loads, operations on numbers, and as empty groups the labels and branches at which a basic block ends.
INSTRUCTION = re.compile(r"\b(LDG|[FD](?:ADD|MUL|FMA))\b|^\.L_x_\d+:|\bBRA\b", re.M)
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")


def by_nvcc(text, folder, *options):
    """What nvcc and its assembler say of this source; AssertionError where they refuse it."""
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not installed: the kernels were not compiled by it")
    (folder / "kernels.cu").write_text(text)
    command = [
        "nvcc",
        "-Werror=all-warnings",
        "-Xptxas=-v",
        "-ftz=true",
        f"-I{KERNELS}",
        *options,
        "kernels.cu",
        "-o",
        "kernels.out",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def spills(text, folder):
    targets = [f"-gencode=arch=compute_{t},code=sm_{t}" for t in TARGETS]
    return SPILLS.findall(by_nvcc(text, folder, "-fatbin", *targets))


def nvrtc():
    """The library, if its wheel is installed."""
    found = [path for folder in sys.path for path in Path(folder).glob("nvidia/*/lib/libnvrtc.so.*")]
    if not found:
        pytest.skip('NVRTC is not installed (pip install "minigan[kernels]"): the kernels were not compiled by it')
    return ctypes.CDLL(str(found[0]))


def by_nvrtc(text, *options):
    """Compile as CuPy does, from text alone, and return the binary; AssertionError with the words of a refusal."""
    library, program = nvrtc(), ctypes.c_void_p()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None) == 0
    flags = [option.encode() for option in (*options, "-std=c++17", "-ftz=true")]
    status = library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    found = _result(library, program, "CUBIN" if status == 0 else "ProgramLog")
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert status == 0, found.decode()
    return found


def _result(library, program, kind):
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{kind}Size")(program, ctypes.byref(size))
    content = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{kind}")(program, content)
    return content.raw


def disassembler():
    """The command, if it is installed."""
    wheels = [str(path) for folder in sys.path for path in Path(folder).glob("nvidia/*/bin/nvdisasm")]
    found = [*filter(None, [shutil.which("nvdisasm")]), *wheels]
    if not found:
        pytest.skip("nvdisasm is not installed (pip install nvidia-cuda-nvdisasm): no instructions were read")
    return found[0]


def blocks(binary, folder):
    """{kernel: its basic blocks, each a string with L for a load from memory and + for an operation on numbers}."""
    (folder / "kernels.cubin").write_bytes(binary)
    command = [disassembler(), "-c", "kernels.cubin"]
    listing = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    found = {}
    for name, body in re.findall(r"^\.text\.(\w+):$(.*?)(?=^\.text\.|\Z)", listing, re.M | re.S):
        marks = ["L" if op == "LDG" else "+" if op else " " for op in INSTRUCTION.findall(body)]
        found[name] = "".join(marks).split()
    return found


def batch(block):
    """The number of loads before the first operation: these do not wait for one another."""
    return len(block) - len(block.lstrip("L"))


@pytest.mark.parametrize("name", NAMES)
def test_compiles_without_a_warning_and_without_a_spill(name, translation_unit, tmp_path):
    found = spills(translation_unit([KERNELS / f"{name}.cu"]), tmp_path)
    assert len(found) >= len(TARGETS)
    assert set(found) == {("0", "0")}


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_loads_of_a_sum_do_not_wait_for_one_another(real, target, tmp_path):
    """A thread of column_sums sends all eight loads of a turn before the first addition."""
    found = blocks(by_nvrtc(cuda.source("reduce"), f"-DREAL={real}", f"-arch=sm_{target}"), tmp_path)
    assert max(map(batch, found[f"column_sums_{real}"])) == 8


def test_loads_that_wait_are_seen(tmp_path):
    """Each load needs the sum before it."""
    loop = "for (int i = 0; i < 8; ++i) sum += x[int(sum)];"
    text = f'extern "C" __global__ void chase(const float *x, float *out) {{ float sum = 0; {loop} *out = sum; }}'
    assert max(map(batch, blocks(by_nvrtc(text, "-arch=sm_90"), tmp_path)["chase"])) == 1


# The sum of the squares of gradients: one operation for each weight, and the square of a large float must not overflow.
IN_DOUBLE = {"square_parts_float", "array_sums_float", "total_float", "judge_float"}


def test_numbers_in_single_precision_stay_there(translation_unit, tmp_path):
    """Hardly a kernel for float computes in double: on most GPUs that is 32 to 64 times slower."""
    by_nvcc(translation_unit([KERNELS / f"{name}.cu" for name in NAMES]), tmp_path, "-ptx", "-arch=compute_75")
    text = re.sub(r"^\.func.*?^}", "", (tmp_path / "kernels.out").read_text(), flags=re.M | re.S)
    bodies = dict(re.findall(r"\.entry (\w+)(.*?)^}", text, re.M | re.S))
    doubles = {name for name, body in bodies.items() if re.search(r"\b(?:add|sub|mul|fma|div|sqrt)\S*f64", body)}
    assert {name for name in doubles if name.endswith("_float")} == IN_DOUBLE
    assert "adam_double" in doubles


def test_a_warning_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="never referenced"):
        spills('extern "C" __global__ void kernel() { int unused = 0; }', tmp_path)


def test_a_spill_is_seen(tmp_path):
    """64 numbers of 8 bytes in each of 1024 threads, where a multiprocessor has 64 registers of 4 bytes for each."""
    loop = "for (int k = 0; k < 64; ++k)"
    body = f"double a[64]; {loop} a[k] = x[k * k]; {loop} a[k] /= x[k]; {loop} x[k] = a[63 - k];"
    text = f'extern "C" __global__ void __launch_bounds__(1024) kernel(double *x) {{ {body} }}'
    assert ("0", "0") not in spills(text, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_source_of_a_kernel_is_one_text(name):
    text = cuda.source(name)
    assert "#include" not in text
    assert "#define EACH(" in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("real", ["float", "double"])
def test_compiles_from_text_alone(name, real):
    by_nvrtc(cuda.source(name), f"-DREAL={real}", "-arch=sm_75")


def test_a_header_of_the_host_is_refused():
    with pytest.raises(AssertionError, match="cmath"):
        by_nvrtc("#include <cmath>\n" + cuda.source("data"), "-arch=sm_75")
