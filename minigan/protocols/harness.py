"""Running a pre-registered protocol: every method, every seed, in processes of their own; no result is left out.

Each job, a method with a seed, trains, is judged, and is written at once under a name that carries a hash of all that
decides its result: an interrupted protocol goes on where it was, and results of other settings are never mixed in.  A
job that fails is a row like any other.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import __version__
from ..files import replacing, write_json
from ..random import Generator

# Read by the BLAS of a child as it is loaded: a second thread would only get in the way of the next process.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)  # fmt: skip


def run(protocol, out, *, processes=None, seeds=None, output=None):
    """Run all jobs of a `Protocol` that the folder `out` does not hold yet.  Returns the record of every job, in order.

    processes: by default as many as there are cores.  seeds: instead of the protocol's.
    A record has method, seed, config, seconds and either metrics, {name: {value, floor, ...}}, or failed, a sentence; a
    failed job is tried again at the next call.  ValueError if processes or seeds are out of range, or seeds repeat.
    output: where the progress bar goes, stderr by default.
    `out` gets results.json, and jobs/*.json, *.npy (samples) and *.png.
    """
    processes = os.cpu_count() or 1 if processes is None else processes
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    jobs, out = protocol.jobs(seeds), Path(out)
    if not jobs:
        raise ValueError(f"{protocol.name}: there is no seed to run")
    for _, config in jobs:
        config.check()
    (out / "jobs").mkdir(parents=True, exist_ok=True)
    todo = [(method, config) for method, config in jobs if not _finished(_path(out, protocol, method, config))]
    if todo:
        _run_all(protocol, todo, out, min(processes, len(todo)), output)
    records = [json.loads(_path(out, protocol, method, config).read_text()) for method, config in jobs]
    write_json(out / "results.json", summary(protocol, records))
    return records


def summary(protocol, records):
    """All results of a protocol and what they rest on, as a JSON-able dict."""
    return {
        "protocol": protocol.name,
        "about": protocol.about,
        "source": protocol.source,
        "versions": {"minigan": __version__, "numpy": np.__version__, "python": sys.version.split()[0]},
        "commit": commit(),
        "judging": protocol.judging,
        "published": [dataclasses.asdict(row) for row in protocol.published],
        "targets": {
            what: {metric: str(target) for metric, target in targets.items()}
            for what, targets in protocol.targets.items()
        },
        "jobs": records,
    }


def job(protocol, method, config, path):
    """Train and judge one seed; write its record to `path`, and beside it some samples and their picture."""
    record, started, cpu = _record(protocol, method, config), time.perf_counter(), time.process_time()
    try:
        draw = protocol.train(config)
        record["training_seconds"] = round(time.perf_counter() - started, 2)
        measured, samples = protocol.judge(draw, _judging_rng(config), **protocol.judging)
        record["metrics"] = {name: dataclasses.asdict(m) for name, m in measured.items()}
        _keep(samples, protocol, path)
    except Exception as error:  # whatever it is, the seed is listed with its reason
        record["failed"] = f"{type(error).__name__}: {error}"
    record["seconds"] = round(time.perf_counter() - started, 2)
    record["cpu_seconds"] = round(time.process_time() - cpu, 2)
    write_json(path, record)


def _keep(samples, protocol, path):
    with replacing(path.with_suffix(".npy")) as file:
        np.save(file, samples, allow_pickle=False)
    if protocol.picture:
        protocol.picture(path.with_suffix(".png"), samples, **protocol.judging)


def _run_all(protocol, todo, out, processes, output):
    bar = tqdm(total=len(todo), unit="job", file=output, desc=protocol.name, dynamic_ncols=True)
    with bar, _environment(ONE_THREAD), _pool(processes) as pool:
        paths = {(m, c): _path(out, protocol, m, c) for m, c in todo}
        waiting = {pool.submit(job, protocol, m, c, path): (m, c) for (m, c), path in paths.items()}
        try:
            for done in as_completed(waiting):
                _collect(done, protocol, *waiting[done], paths[waiting[done]])
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _collect(done, protocol, method, config, path):
    """A process that was killed could not write its own record."""
    try:
        done.result()
    except BrokenProcessPool:
        reason = "a process of the pool was killed, which ended all the others: was there too little memory?"
        write_json(path, _record(protocol, method, config) | {"failed": reason})


def _pool(processes):
    # Spawned: a forked child would share the parent's loaded BLAS, whose number of threads is settled.
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_stop_with_the_parent)


def _stop_with_the_parent():
    """At Ctrl-C at once and without a word, and when the parent was killed, which would leave this process waiting."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()


@contextmanager
def _environment(settings):
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _record(protocol, method, config):
    return {"protocol": protocol.name, "method": method, "seed": config.seed, "config": dataclasses.asdict(config)}


def _path(out, protocol, method, config):
    words = "".join(c if c.isalnum() else "-" for c in method)
    return out / "jobs" / f"{words}-seed-{config.seed}-{protocol.fingerprint(method, config)}.json"


def _finished(path):
    try:
        return "metrics" in json.loads(path.read_text())
    except (OSError, ValueError):
        return False


def _judging_rng(config):
    # Apart from the streams of training, which are the first ones.
    return Generator(config.seed).spawn(100)[-1]


def commit():
    """The commit of the checkout that the package runs from, or None."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
