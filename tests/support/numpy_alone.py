"""Programs that run where only NumPy, and the packages of this clone, can be imported."""

import os
import subprocess
import sys
from pathlib import Path

import minigan

ALONE = """
import sys

class OnlyNumPy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {"numpy", "minigan", "benchmarks"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyNumPy())
"""


def run_alone(code, folder):
    """Run a program in a folder, and return the finished process with what it printed."""
    package = Path(minigan.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-c", ALONE + code], capture_output=True, text=True, env=environment, cwd=folder
    )


def works_alone(code, folder):
    """Return what a program prints; AssertionError, with the end of its errors, if it fails."""
    done = run_alone(code, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
