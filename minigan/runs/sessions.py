"""sessions.jsonl: the versions and the machine of a run, one line for each time that its training began or continued.

Equal settings give equal bits only with the same versions on the same kind of machine, so a run records these too.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_info

from .. import __version__

if TYPE_CHECKING:
    from ..trainers import BaseTrainer
    from .folder import Run

__all__ = ["begin", "versions"]


def begin(run: Run, trainer: BaseTrainer) -> None:
    """Append a line: the first and the last step of this session, the date, the device and the versions."""
    line = {
        "step": trainer.step_count,
        "steps": trainer.config.steps,
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "device": trainer.device,
        "versions": versions(trainer.device),
    }
    with open(run.folder / "sessions.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def versions(device: str = "cpu") -> dict[str, str]:
    """Return {name: version} of the software and the machine on which the bits of a result depend.

    Args:
        device: "cuda" adds the version of CuPy.
    """
    found = {
        "minigan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS": "; ".join(_library(pool) for pool in threadpool_info() if pool["user_api"] == "blas"),
        "system": platform.platform(),
    }
    cupy = sys.modules.get("cupy")  # only `backend` imports it
    return found | ({"cupy": cupy.__version__} if device == "cuda" and cupy else {})


def _library(pool):
    """Describe a BLAS, as in "openblas 0.3.29 for Haswell, threads: 2": its kernels depend on the processor."""
    words = [pool["internal_api"], pool.get("version"), f"for {pool['architecture']}" if "architecture" in pool else ""]
    return f"{' '.join(filter(None, words))}, threads: {pool['num_threads']}"
