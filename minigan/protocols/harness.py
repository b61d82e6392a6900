"""Running a pre-registered protocol: every method with every seed, in parallel processes; no result is left out.

A job is one method with one seed. It trains, is judged, and writes its record at once. The record's name contains a
hash of everything on which the result depends. So an interrupted protocol continues where it was, and results of other
settings are never mixed in.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .. import __version__
from ..files import replacing, write_json
from ..presets import Config
from ..random import Generator
from ..scale import jobs
from ..scale.protocol import Protocol
from .clone import commit


def run(
    protocol: Protocol,
    out: str | Path,
    *,
    processes: int | None = None,
    seeds: Sequence[int] | None = None,
    output: TextIO | None = None,
) -> list[dict[str, Any]]:
    """Run all jobs of a protocol that the folder `out` does not hold yet.

    Args:
        protocol: The protocol.
        out: The folder that gets results.json, and jobs/*.json, *.npy (samples) and *.png (their pictures).
        processes: The number of jobs at a time; by default one for each core.
        seeds: The seeds to run; None takes the protocol's own.
        output: The stream of the progress bar; by default stderr.

    Returns:
        The record of every job, in order. Its keys are "method", "seed", "config", "seconds", and either "metrics"
        with {name: {"value": ..., "floor": ..., ...}} or "failed" with a sentence. A failed job is tried again at the
        next call.

    Raises:
        ValueError: If processes or seeds are out of range, or a seed is given twice.
    """
    processes = jobs.processes_for(processes)
    planned = [Job(protocol, method, config, Path(out)) for method, config in protocol.jobs(seeds)]
    if not planned:
        raise ValueError(f"{protocol.name}: there is no seed to run")
    for job in planned:
        job.config.check()
    (Path(out) / "jobs").mkdir(parents=True, exist_ok=True)
    if todo := [job for job in planned if not job.is_finished()]:
        jobs.run(todo, processes, name=protocol.name, output=output)
    records = [json.loads(job.path.read_text()) for job in planned]
    write_json(Path(out) / "results.json", summary(protocol, records))
    return records


@dataclass(frozen=True)
class Job:
    """One method of a protocol with one seed."""

    protocol: Protocol
    method: str
    config: Config
    out: Path

    @property
    def path(self) -> Path:
        """File of the record; samples and their picture are beside it."""
        words = "".join(c if c.isalnum() else "-" for c in self.method)
        fingerprint = self.protocol.fingerprint(self.method, self.config)
        return self.out / "jobs" / f"{words}-seed-{self.config.seed}-{fingerprint}.json"

    def is_finished(self) -> bool:
        """Return whether there is a result already."""
        try:
            return "metrics" in json.loads(self.path.read_text())
        except (OSError, ValueError):
            return False

    def __call__(self) -> None:
        """Train and judge, and write the record, some samples and their picture."""
        record, started, cpu = self._record(), time.perf_counter(), time.process_time()
        try:
            draw = self.protocol.train(self.config)
            record["training_seconds"] = round(time.perf_counter() - started, 2)
            measured, samples = self.protocol.judge(draw, _judging_rng(self.config), **self.protocol.judging)
            record["metrics"] = {name: dataclasses.asdict(m) for name, m in measured.items()}
            self._keep(samples)
        except Exception as error:  # of any kind: the seed is listed with the reason
            record["failed"] = f"{type(error).__name__}: {error}"
        record["seconds"] = round(time.perf_counter() - started, 2)
        record["cpu_seconds"] = round(time.process_time() - cpu, 2)
        write_json(self.path, record)

    def lost(self, reason: str) -> None:
        """Write a record of a job whose process was killed."""
        write_json(self.path, self._record() | {"failed": reason})

    def _record(self) -> dict[str, Any]:
        config = dataclasses.asdict(self.config)
        return {"protocol": self.protocol.name, "method": self.method, "seed": self.config.seed, "config": config}

    def _keep(self, samples: np.ndarray) -> None:
        with replacing(self.path.with_suffix(".npy")) as file:
            np.save(file, samples, allow_pickle=False)
        if self.protocol.picture:
            self.protocol.picture(self.path.with_suffix(".png"), samples, **self.protocol.judging)


def summary(protocol: Protocol, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return all results of a protocol with the versions and settings that led to them, ready for JSON."""
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


def _judging_rng(config: Config) -> Generator:
    # A stream that training does not use: its streams are the first ones.
    return Generator(config.seed).spawn(100)[-1]
