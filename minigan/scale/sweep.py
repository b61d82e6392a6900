"""Sweeps: every run of a grid in a run folder of its own, several at a time, with one table and one figure.

Finished runs are kept, and stopped runs continue from their newest checkpoint. A run that fails has a row in the table
like any other.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import replacing, write_json
from ..presets.changes import refused
from ..runs import Run, RunError, train
from ..runs.evaluation import evaluate, keep
from ..trainers import load_data, trainer_for
from . import jobs, results
from .grid import Grid, Point
from .protocol import Protocol

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

    from ..types import PathLike

COLUMNS = 6  # metrics in the printed table, the first ones; table.csv has all


@dataclass(frozen=True)
class Job:
    """One run of a sweep: trained, judged, and recorded in a run folder."""

    point: Point
    folder: Path
    samples: int | None

    def __call__(self) -> None:
        """Train, or resume, and evaluate; write record.json into the run folder, with the reason if anything failed."""
        record, started = self._record(), time.perf_counter()
        try:
            record["metrics"] = self._metrics(self._trained())
        except Exception as error:  # of any kind: the run is listed with the reason
            record["failed"] = f"{type(error).__name__}: {error}"
        record["seconds"] = round(time.perf_counter() - started, 2)
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "record.json", record)

    def checkpoint(self) -> DelayedSubmission:
        """Return the job that submitit submits again after Slurm has preempted this one."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def lost(self, reason: str) -> None:
        """Write a record of a job whose process was killed."""
        self._write(self._record() | {"failed": f"{reason} Give the same command again to continue it"})

    def record(self) -> dict[str, Any]:
        """Return the record that `__call__` wrote, or a record of a failure if there is none."""
        try:
            return json.loads((self.folder / "record.json").read_text())
        except (OSError, ValueError):
            return self._record() | {"failed": "it ended without a result; give the same command again to continue it"}

    def is_finished(self) -> bool:
        """Return whether there is a result of a job with exactly these settings."""
        record = self.record()
        return "metrics" in record and record | self._record() == record

    def refuse(self) -> None:
        """Raise RunError if the folder holds a run with other settings."""
        if not (self.folder / "config.json").exists():
            return
        if clause := refused(Run.open(self.folder).read_config()[1], self.point.config):
            raise RunError(f"{self.folder} holds a run of other settings: {clause}; give another --out")

    def _record(self) -> dict[str, Any]:
        config = json.loads(json.dumps(dataclasses.asdict(self.point.config)))
        return {"method": self.point.method, "seed": self.point.config.seed, "samples": self.samples, "config": config}

    def _trained(self) -> Run:
        begun = (self.folder / "config.json").exists()
        run = Run.open(self.folder) if begun else Run.create(self.folder, self.point.preset, self.point.config)
        with open(self.folder / "train.log", "a", encoding="utf-8") as output:
            train(trainer_for(self.point.config, load_data(self.point.config)), run, resume=begun, output=output)
        return run

    def _metrics(self, run: Run) -> dict[str, dict[str, Any]]:
        if self.samples == 0 or self.point.config.model == "unet":  # a translation has targets: its error is in the log
            numbers = run.read_log()[-1].items()
            return {name: {"value": x} for name, x in numbers if name.startswith("test_") or name.endswith("loss")}
        found = evaluate(run, self.samples)
        keep(run, found, 0)
        return {name: dataclasses.asdict(measured) for name, measured in found.items()}


def jobs_of(grid: Grid, out: PathLike) -> list[Job]:
    """Return a `Job` for every point of `grid`, below the folder `out`."""
    return [Job(point, Path(out) / "runs" / _folder(point), grid.samples) for point in grid.points()]


def _folder(point: Point) -> str:
    words = point.method.replace(", ", "-")
    return "".join(c if c.isalnum() or c in ".-_" else "-" for c in words) + f"-seed-{point.config.seed}"


def run(grid: Grid, out: PathLike, *, processes: int | None = None, slurm: bool = False) -> list[str]:
    """Run all points of a grid that the folder `out` does not hold yet, and return the lines of the table.

    Args:
        grid: The settings and seeds to run.
        out: Folder for table.csv, table.txt, figure.png and runs/.
        processes: Number of runs at a time on this machine; by default one for each core.
        slurm: Whether to submit the runs to Slurm instead.

    Raises:
        ValueError: If settings do not fit, before anything is run.
        RunError: If the folder holds a run of other settings, before anything is run.
    """
    processes = jobs.processes_for(processes)
    planned = jobs_of(grid, out)
    for job in planned:
        job.refuse()
    Path(out).mkdir(parents=True, exist_ok=True)
    todo = [job for job in planned if not job.is_finished()]
    if todo and slurm:
        jobs.run_on_slurm(todo, grid.slurm, Path(out) / "slurm", name=grid.name)
    elif todo:
        jobs.run(todo, processes, name=grid.name, unit="run")
    return _summary(grid, planned, out)


def _summary(grid: Grid, planned: list[Job], out: PathLike) -> list[str]:
    records = [job.record() for job in planned]
    write_table(Path(out) / "table.csv", grid, planned, records)
    # The first metric of each run, then the second of each, because presets on different data have different metrics.
    ranks = itertools.zip_longest(*(record.get("metrics", {}) for record in records))
    names = dict.fromkeys(name for rank in ranks for name in rank if name)
    shown = {name: name.replace("_", " ") for name in itertools.islice(names, COLUMNS)}
    about = f"{grid.name}: {len(planned)} runs, {len(grid.seeds)} seeds each"
    # A sweep is treated as a protocol without published rows, so that the same code draws its table and figure.
    protocol = Protocol(grid.name, about, f"{grid.name}.toml", grid.seeds, {}, _never, _never, shown)
    lines = results.table(protocol, records)
    with replacing(Path(out) / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    results.figure(Path(out) / "figure.png", protocol, records)
    return lines


def _never(*given: object, **named: object) -> Any:
    raise NotImplementedError("the runs of a sweep train and judge themselves")


def write_table(path: Path, grid: Grid, planned: list[Job], records: list[dict[str, Any]]) -> None:
    """Write a CSV file with a line for each run: preset, values tried, seed, seconds, metrics, reason of a failure."""
    metrics = dict.fromkeys(name for record in records for name in record.get("metrics", {}))
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["preset", *grid.settings, "seed", "seconds", *metrics, "failed"])
    for job, record in zip(planned, records, strict=True):
        values = [record.get("metrics", {}).get(name, {}).get("value", "") for name in metrics]
        about = [job.point.preset, *job.point.settings.values(), job.point.config.seed, record.get("seconds", "")]
        lines.writerow([*about, *values, record.get("failed", "")])
    with replacing(path) as file:
        file.write(text.getvalue().encode())
