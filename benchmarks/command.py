"""Options of `python -m benchmarks`, and the run that compares, measures, prints and writes."""

import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import FlagCreatePairsOff

from minigan.files import replacing, write_json
from minigan.protocols.clone import commit

from . import figures, gpu, peers, race, scaling, tables, workloads

ALL = tuple(workloads.ALL), tuple(peers.NAMES)


@dataclass(frozen=True)
class Options:
    """Time minigan on this machine beside the other libraries that are installed; all do the same work.

    Run it from a clone; `pip install ".[bench]"` installs the other libraries. Before anything is timed, losses and
    gradients are compared with minigan's. The libraries use all cores that the process may use, or --cores
    of them. results.json, table.txt, ratios.png and, with --growth, growth.png are written to --out.
    """

    workloads: tuple[str, ...] = ALL[0]
    """Workloads to run."""
    peers: tuple[str, ...] = ALL[1]
    """Libraries to measure, in addition to minigan."""
    cores: int | None = None
    """Number of cores, and so of threads, that each library may use; all if it is not given. Linux only."""
    turns: int = 15
    """Number of turns of each library at each workload."""
    growth: FlagCreatePairsOff[bool] = False
    """Also measure how the time of the DCGAN critic step grows with the batch and with the number of pixels."""
    device: Literal["cpu", "cuda"] = "cpu"
    """cpu, or cuda: time a GPU's whole steps, convolutions and products beside PyTorch."""
    quick: FlagCreatePairsOff[bool] = False
    """Run tiny workloads for one short turn: a test that everything works and agrees, with times that mean nothing."""
    out: Path = Path("runs/bench")
    """Folder for the results."""

    def check(self):
        """Check the options; ValueError if one is unknown or out of range."""
        for name, given, known in (
            ("workloads", self.workloads, workloads.ALL),
            ("peers", self.peers, peers.NAMES),
        ):
            if unknown := [one for one in given if one not in known]:
                raise ValueError(f"--{name}: unknown {unknown[0]!r}; there are {', '.join(known)}")
        if self.device == "cuda" and (self.workloads, self.peers, self.growth, self.cores) != (*ALL, False, None):
            raise ValueError(
                "--workloads, --peers, --growth and --cores are for --device cpu; on a GPU everything is run"
            )
        if self.cores is not None and not (hasattr(os, "sched_setaffinity") and 1 <= self.cores <= _cores()):
            raise ValueError(f"--cores must be from 1 to {_cores()}, and needs Linux, got {self.cores}")
        if self.turns < 1:
            raise ValueError(f"--turns must be at least 1, got {self.turns}")


def main(options):
    """Run the benchmark and return the exit status; ValueError for an option out of range."""
    options.check()
    if options.device == "cuda":
        return gpu.main(options.out, options.turns, options.quick)
    options.out.mkdir(parents=True, exist_ok=True)
    results = run(options)
    lines = tables.table(results)
    print(*lines, sep="\n")
    write_json(options.out / "results.json", results)
    with replacing(options.out / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    figures.bars(options.out / "ratios.png", results)
    if results["scaling"]:
        figures.growth(options.out / "growth.png", results)
    print(f"written: {options.out}")
    return 0


def run(options):
    """Run all workloads and return the results, with machine, versions and commit, as a dict that JSON can hold."""
    names = [name for name in peers.NAMES if name in options.peers or name == peers.OURS]
    results = {"about": _about(options), "libraries": {}, "missing": {}, "workloads": [], "scaling": {}}
    for name in options.workloads:
        workload = workloads.tiny(workloads.ALL[name]) if options.quick else workloads.ALL[name]
        results["workloads"].append(_race(workload, names, options, results))
    if options.growth:
        for axis, series in scaling.series(options.quick).items():
            results["scaling"][axis] = _growth(series, names, options, results)
    return results


def _race(workload, names, options, results):
    """Run one workload, note the libraries that it found or missed in `results`, and return its summary."""
    print(f"{workload.about} ...", file=sys.stderr)
    usable = [name for name in names if name not in results["missing"]]
    length = {"turns": 1, "patience": 0} if options.quick else {"turns": options.turns}
    records = race.run(workload, usable, cores=options.cores, **length)
    for name, record in records.items():
        if record.get("unusable"):
            results["missing"][name] = record["failed"]
        elif "version" in record:
            results["libraries"][name] = {key: record[key] for key in ("version", "threads")}
    return race.summary(workload, records)


def _growth(series, names, options, results):
    """Return {peer: {size: median seconds}} of minigan and the reference."""
    names = [name for name in names if name in (peers.OURS, peers.REFERENCE)]
    found = {name: {} for name in names}
    for size, workload in series.items():
        for name, record in _race(workload, names, options, results)["peers"].items():
            if name in found and "seconds" in record:
                found[name][size] = record["seconds"]["median"]
    return {name: seconds for name, seconds in found.items() if seconds}


def _about(options):
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "processor": _processor(),
        "cores": options.cores or _cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "turns": options.turns,
        "quick": options.quick,
    }


def _cores():
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor():
    """Return the name of the processor, as far as the system gives one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
