"""Jobs in parallel, in processes of this machine or on Slurm; every job writes a record of its own.

Only the records are kept. An interrupted series continues with the jobs that have no result yet, and a job that failed
has a row in the table like any other.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol, TextIO

from tqdm import tqdm

from ..runs import RunError

# BLAS reads these as a child process loads it: a second thread would only slow down the other processes.
ONE_THREAD: dict[str, str] = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)  # fmt: skip
KILLED = "a process of the pool was killed, which ended all the others: was there too little memory?"


class Job(Protocol):
    """A function without arguments that can be pickled, and that writes its own record, failures included."""

    def __call__(self) -> None: ...

    def lost(self, reason: str) -> None:
        """Write a record in place of a job whose process was killed."""


def processes_for(asked: int | None) -> int:
    """Return the number of processes to use.

    Args:
        asked: The number that the user asked for; None takes one for each core.

    Raises:
        ValueError: If the number is less than 1.
    """
    processes = os.cpu_count() or 1 if asked is None else asked
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    return processes


def run(jobs: Sequence[Job], processes: int, *, name: str, unit: str = "job", output: TextIO | None = None) -> None:
    """Run jobs in parallel, each process with BLAS in one thread.

    Args:
        jobs: The jobs; each is pickled and called in a process of the pool.
        processes: Number of jobs that run at a time.
        name: Title of the progress bar.
        unit: Word for a job in the progress bar.
        output: File for the progress bar; stderr by default.
    """
    bar = tqdm(total=len(jobs), unit=unit, file=output, desc=name, dynamic_ncols=True)
    with bar, _environment(ONE_THREAD), _pool(min(processes, len(jobs))) as pool:
        waiting = {pool.submit(job): job for job in jobs}
        try:
            for done in as_completed(waiting):
                _collect(done, waiting[done])
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_on_slurm(jobs: Sequence[Job], settings: Mapping[str, Any], folder: Path, *, name: str) -> None:
    """Submit jobs to Slurm with submitit, and wait for them.

    Args:
        jobs: The jobs; each is pickled and called in a job of Slurm.
        settings: Parameters of submitit's AutoExecutor, and `cluster`, which may be "debug" or "local".
        folder: Folder for Slurm's scripts and logs.
        name: Name of the jobs, and title of the progress bar.

    Raises:
        RunError: If submitit is not installed.
        ValueError: If submitit refuses the settings.
    """
    try:
        import submitit
    except ImportError as error:
        raise RunError("--slurm needs submitit, which is not installed: pip install submitit") from error
    settings = dict(settings)
    executor = submitit.AutoExecutor(folder, cluster=settings.pop("cluster", None))
    try:
        executor.update_parameters(name=name, **settings)
    except (NameError, TypeError, ValueError) as error:
        raise ValueError(f"sweep {name}: [slurm]: {error}") from error
    with executor.batch():
        submitted = [executor.submit(job) for job in jobs]
    done = submitit.helpers.as_completed(submitted)
    for _ in tqdm(done, name, total=len(jobs), unit="run", dynamic_ncols=True):
        pass


def _collect(done: Future[None], job: Job) -> None:
    try:
        done.result()
    except BrokenProcessPool:
        job.lost(KILLED)


def _pool(processes: int) -> ProcessPoolExecutor:
    # Not forked: a forked child would share the parent's loaded BLAS, whose number of threads is already fixed.
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_stop_with_the_parent)


def _stop_with_the_parent() -> None:
    """End this process silently at Ctrl-C, and when its parent is killed: it would wait for work forever."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    parent = parent_process()
    assert parent is not None  # a child has one

    def follow():
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
