"""sessions.jsonl: with what a run was trained, one line for each time that its training began or went on.

Equal settings give equal bits with equal versions on an equal machine; so these belong to a run as its settings do.
"""

import json
import platform
import sys
import time

import numpy as np
from threadpoolctl import threadpool_info

from .. import __version__


def begin(run, trainer):
    """Append a line: from which step `trainer` goes on and to which, the date, the device and the versions."""
    line = {
        "step": trainer.step_count,
        "steps": trainer.config.steps,
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "device": trainer.device,
        "versions": versions(trainer.device),
    }
    with open(run.folder / "sessions.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def versions(device="cpu"):
    """{name: version} of all that decides the bits of a result, and of the machine."""
    found = {
        "minigan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS": "; ".join(_library(pool) for pool in threadpool_info() if pool["user_api"] == "blas"),
        "system": platform.platform(),
    }
    cupy = sys.modules.get("cupy")  # which only `backend` imports
    return found | ({"cupy": cupy.__version__} if device == "cuda" and cupy else {})


def _library(pool):
    """As in "openblas 0.3.29 for Haswell, threads: 2": the processor, for each kind has products of its own."""
    words = [pool["internal_api"], pool.get("version"), f"for {pool['architecture']}" if "architecture" in pool else ""]
    return f"{' '.join(filter(None, words))}, threads: {pool['num_threads']}"
