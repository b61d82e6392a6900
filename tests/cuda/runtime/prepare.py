"""Put a CuPy that computes on the CPU into a virtual environment: `python prepare.py VENV`.

The environment gets the released wheel of CuPy.  The wheel's module `runtime` contains NVIDIA's runtime, so it is
compiled anew, from CuPy's source distribution, and linked to the runtime of this folder; the driver and cuBLAS, which
CuPy looks for as it starts, are libraries of this folder, too.  All else in the environment is CuPy as released.

Needs g++, and the headers of CUDA 13: those of CUDA_HOME, which is /usr/local/cuda if it is not set, or, where there
are none, those of NVIDIA's wheels in the package index.  What is up to date is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

VERSION, CUDA = "14.2.0", 13000
HERE = Path(__file__).resolve().parent
SOURCES, HEADERS = sorted(HERE.glob("*.cpp")), sorted([*HERE.glob("*.h"), *HERE.parent.glob("*_on_cpu.h")])
KERNEL_HEADERS = [HERE.parent / "kernel_on_cpu.h", HERE.parent / "cuda_on_cpu.h", HERE / "kernel_language.h"]
MODULE = HERE / "cupy_on_cpu.py"
HEADER_WHEELS = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-crt==13.0.*", "nvidia-cuda-profiler-api==13.0.*"]
HEADERS_IN_WHEELS = Path("nvidia", "cu13", "include")
WHEELS = ["setuptools>=77,<81", "wheel", "cython>=3.1,<3.3", f"cupy-cuda13x=={VERSION}"]
RUNTIME = "cupy_backends.cuda.api.runtime"
DRIVER, CUBLAS = "libcuda.so.1", "libcublas.so.13"
NOT_SUPPORTED = {DRIVER: 801, CUBLAS: 15}  # the status of functions that are not provided
FLAGS = ["-std=c++17", "-fPIC", "-O1", "-Wall", "-Wextra"]
FLAGS_OF = {"cublas": ["-O3", "-march=native"], "threads": ["-O2"]}
CYTHON = {
    "language_level": 3,
    "cplus": True,
    "compiler_directives": {"freethreading_compatible": True, "binding": False, "c_api_binop_methods": True},
    "compile_time_env": {
        "CUPY_USE_CUDA_PYTHON": False, "CUPY_CUFFT_STATIC": False, "CUPY_CYTHON_VERSION": "3.2",
        "CUPY_CUDA_VERSION": CUDA, "CUPY_HIP_VERSION": 0,
    },
}  # fmt: skip
TRANSLATE = """
import json, sys
from Cython.Compiler.Main import compile
from Cython.Compiler.Options import CompilationOptions
source, target, name, options = sys.argv[1:]
options = CompilationOptions(output_file=target, include_path=["."], **json.loads(options))
sys.exit(compile(source, options, full_module_name=name).num_errors)
"""


class Failure(Exception):
    """The error for what is missing here, in one sentence."""


def run(*command: Any, **options: Any) -> str:
    """Run a command and return its output; raise Failure if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Environment:
    """A virtual environment, and the folder in it for what is built here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.build = folder / "share" / "cupy-on-cpu"
        self.source = self.build / f"cupy-{VERSION}"
        if not self.python.exists():
            venv.create(folder, with_pip=True)
        self.build.mkdir(parents=True, exist_ok=True)
        script = "import json, sysconfig as s; print(json.dumps([*map(s.get_path, ['platlib', 'include'])] + "
        paths = run(self.python, "-c", script + "[s.get_config_var('EXT_SUFFIX')]))")
        site, include, self.suffix = json.loads(paths)
        self.site, self.include = Path(site), Path(include)

    def pip(self, *arguments: Any, **options: Any) -> None:
        """Run pip in the environment."""
        run(self.python, "-m", "pip", "--disable-pip-version-check", "-q", *arguments, **options)

    def module(self, name: str) -> Path:
        """Return the file of a compiled module, like a.b.c."""
        return self.site / (name.replace(".", "/") + self.suffix)


def has_headers(folder: Path) -> bool:
    """Return whether a folder has CUDA's headers, of the major version for which CuPy was built."""
    header = folder / "cuda_runtime_api.h"
    found = re.search(r"#define CUDART_VERSION\s+(\d+)", header.read_text()) if header.exists() else None
    return found is not None and int(found[1]) // 1000 == CUDA // 1000


def headers(environment: Environment) -> Path:
    """Return the folder of CUDA's headers, which are downloaded from the package index if there are none."""
    own = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "include"
    wheels = environment.build / "cuda"
    if has_headers(own):
        return own
    if not has_headers(wheels / HEADERS_IN_WHEELS):
        try:  # apart from the environment, where CuPy would find the libraries of these wheels
            environment.pip("install", "--no-compile", "--no-deps", "--upgrade", "--target", wheels, *HEADER_WHEELS)
        except Failure as error:
            raise Failure(
                f"{own} has no headers of CUDA {CUDA // 1000}, and pip cannot install them: let CUDA_HOME name a CUDA "
                f"toolkit, or make {', '.join(HEADER_WHEELS)} installable\n{error}"
            ) from error
        if not has_headers(wheels / HEADERS_IN_WHEELS):
            raise Failure(f"NVIDIA's wheels have no cuda_runtime_api.h of CUDA {CUDA // 1000} in {HEADERS_IN_WHEELS}")
    return wheels / HEADERS_IN_WHEELS


def get_source(environment: Environment) -> None:
    """Unpack CuPy's source distribution."""
    environment.pip(
        "download", "--no-build-isolation", "--no-deps", "--no-binary", ":all:", f"cupy=={VERSION}",
        "-d", environment.build, env={**os.environ, "CUPY_INSTALL_USE_STUB": "1"},
    )  # fmt: skip
    archive = environment.build / f"cupy-{VERSION}.tar.gz"
    with tarfile.open(archive) as packed:
        packed.extractall(environment.build, filter="data")
    archive.unlink()


def translate(environment: Environment, name: str) -> Path:
    """Return the C++ text of a Cython module, beside its source, as it includes headers from there."""
    source = Path(name.replace(".", "/") + ".pyx")
    target = (environment.source / source).with_suffix(".cpp")
    if target.exists():
        return target
    run(environment.python, "-c", TRANSLATE, source, target, name, json.dumps(CYTHON), cwd=environment.source)
    return target


def digest(*parts: Any) -> str:
    """Return a digest of texts, and of the contents of files."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
    return found.hexdigest()[:16]


def compiled(source: Path, build: Path, flags: list[str], headers: list[Path]) -> Path:
    """Return a C++ file, or a header, as it is compiled, which is done if it, the headers or the flags have changed."""
    suffix = ".h.gch" if source.suffix == ".h" else ".o"
    target = build / f"{source.stem}-{digest(source, *headers, *flags)}{suffix}"
    if not target.exists():
        for old in build.glob(f"{source.stem}-*{suffix}"):
            old.unlink()
        part = target.with_suffix(f".{os.getpid()}.part")  # as another process may prepare the same environment
        run("g++", *flags, "-c", source, "-o", part)
        part.rename(target)
    return target


def symbols(*command: Any) -> set[str]:
    """Return the names that nm prints, without their versions."""
    return {line.split()[-1].partition("@")[0] for line in run("nm", *command).splitlines() if line}


def wanted_of_driver(environment: Environment) -> set[str]:
    """Return the functions of the driver that CuPy looks up by name."""
    text = (environment.source / "cupy_backends/cuda/api/_driver_extern.pxi").read_text()
    names = re.findall(r"_L\.get\(f?'(\w+(?:\{version\})?)'\)", text)
    return {"cu" + name.replace("{version}", "_v2") for name in names}


def wanted_of_cublas(environment: Environment) -> set[str]:
    """Return the functions of cuBLAS with which CuPy is linked."""
    names = symbols("-D", "--undefined-only", environment.module("cupy_backends.cuda.libs.cublas"))
    return {name for name in names if name.startswith("cublas")}


def link(name: str, objects: list[Path], wanted: set[str], build: Path, include: Path) -> None:
    """Link a library; each function that is wanted and not provided answers that it is not."""
    missing = sorted(wanted - symbols("--defined-only", *objects))
    lines = [f"ABSENT({function}, {NOT_SUPPORTED[name]})" for function in missing]
    text = build / f"absent_{name.partition('.')[0]}.cpp"
    text.write_text('#include "absent.h"\n' + "\n".join(lines) + "\n")
    others = [] if name == DRIVER else [f"-l:{DRIVER}"]
    options = [f"-Wl,-soname,{name}", f"-L{build}", "-Wl,-rpath,$ORIGIN", *others, "-ldl"]
    run("g++", "-shared", *objects, compiled(text, build, [*FLAGS, f"-I{HERE}"], HEADERS), "-o", build / name, *options)


def binding_flags(environment: Environment, include: Path) -> list[str]:
    """Return the flags with which CuPy's module `runtime` is compiled."""
    backends = environment.source / "cupy_backends"
    paths = [environment.include, backends / "cupy_backend_headers", backends, environment.source, include]
    return ["-std=c++17", "-fPIC", "-O1", "-w", f"-DCUPY_CUDA_VERSION={CUDA}", *[f"-I{path}" for path in paths]]


def build_runtime(environment: Environment, include: Path) -> None:
    """Compile the runtime, the driver, cuBLAS, and CuPy's module that is linked to them."""
    build, flags = environment.build, [*FLAGS, f"-I{include}", f"-I{HERE}", f"-I{HERE.parent}"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bound = pool.submit(
            lambda: compiled(translate(environment, RUNTIME), build, binding_flags(environment, include), [])
        )
        shared = compiled(HERE / "runtime.h", build, flags, HEADERS).with_suffix("")  # g++ adds the suffix itself
        own = {path.stem: FLAGS_OF.get(path.stem, ["-include", str(shared)]) for path in SOURCES}
        objects = {
            path.stem: pool.submit(compiled, path, build, [*flags, *own[path.stem]], HEADERS) for path in SOURCES
        }
    binding, done = bound.result(), {stem: future.result() for stem, future in objects.items()}
    wanted = {name for name in symbols("--undefined-only", binding) if re.match("cuda[A-Z]", name)}
    core = [path for stem, path in done.items() if stem != "cublas"]
    link(DRIVER, core, wanted | wanted_of_driver(environment), build, include)
    link(CUBLAS, [done["cublas"]], wanted_of_cublas(environment), build, include)
    run("g++", "-shared", "-x", "c++", os.devnull, "-o", build / "libcublasLt.so.13", "-Wl,-soname,libcublasLt.so.13")
    options = ["-o", environment.module(RUNTIME), f"-L{build}", f"-l:{DRIVER}", f"-Wl,-rpath,{build}"]
    run("g++", "-shared", binding, *options)


def install(environment: Environment) -> None:
    """Copy the Python module, and the headers with which it compiles kernels, so that they fit what was built."""
    shutil.copy(MODULE, environment.site)
    target = environment.build / "include"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HERE / "thrust", target / "thrust")
    for header in KERNEL_HEADERS:
        shutil.copy(header, target)


def changed(note: Path, state: str) -> bool:
    """Return whether a note of what was done last is missing, or says something else."""
    return not note.exists() or note.read_text() != state


def prepare(folder: Path, packages: list[str]) -> None:
    """Make the environment, or bring it up to date, and install `packages` in it, too."""
    if shutil.which("g++") is None:
        raise Failure("g++ was not found: CuPy on the CPU needs it for its runtime and for every kernel")
    build = folder / "share" / "cupy-on-cpu"
    ready, installed = build / "ready", build / "installed"
    wanted = " ".join([*WHEELS, *packages])
    state = digest(wanted, *SOURCES, *HEADERS, MODULE, Path(__file__))
    if not changed(ready, state):
        return
    environment = Environment(folder)
    ready.unlink(missing_ok=True)
    if changed(installed, wanted):
        environment.pip("install", "--no-compile", *WHEELS, *packages)
        installed.write_text(wanted)
    if not environment.source.exists():
        get_source(environment)
    build_runtime(environment, headers(environment))
    install(environment)
    ready.write_text(state)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python prepare.py VENV [PACKAGE ...]")
    try:
        prepare(Path(sys.argv[1]).absolute(), sys.argv[2:])
    except Failure as error:
        sys.exit(f"prepare.py: {error}")
