"""Many runs, or one run in many processes: sweeps over settings and seeds, and data parallel training by MPI."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import grid, jobs, mpi, protocol, results, sweep

__all__ = ["grid", "jobs", "mpi", "protocol", "results", "sweep"]

if not TYPE_CHECKING:  # imported on first use: MPI and sweeps need other libraries

    def __getattr__(name):
        if name in __all__:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module 'minigan.scale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
