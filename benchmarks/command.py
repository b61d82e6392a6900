"""`python -m benchmarks`: compare, measure, print, write."""

import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import FlagCreatePairsOff

from minigan.files import replacing, write_json
from minigan.protocols.harness import commit

from . import figures, gpu, peers, race, scaling, tables, workloads

ALL = tuple(workloads.ALL), tuple(peers.NAMES)


@dataclass(frozen=True)
class Options:
    """Time this machine's minigan beside the libraries that are installed, on the same work with the same result.

    `pip install minigan[bench]` installs them.  All threads are used that the process may use: `taskset` or
    OMP_NUM_THREADS limit them.  --out gets results.json, table.txt, ratios.png and growth.png.
    """

    workloads: tuple[str, ...] = ALL[0]
    """What to run."""
    peers: tuple[str, ...] = ALL[1]
    """Beside what; minigan itself is always measured."""
    turns: int = 15
    """How often each library takes its turn at each workload."""
    growth: FlagCreatePairsOff[bool] = False
    """Also measure how the cost of the DCGAN critic step grows with the batch and with the pixels."""
    device: Literal["cpu", "cuda"] = "cpu"
    """cuda: a GPU beside PyTorch on it: products, convolutions, whole steps; the results are in --out/DATE-DEVICE."""
    quick: FlagCreatePairsOff[bool] = False
    """Tiny workloads and one short turn: shows that all works and agrees, the times mean nothing."""
    out: Path = Path("runs/bench")
    """The folder of the results."""

    def check(self):
        """ValueError if a setting is out of range."""
        for name, given, known in (
            ("workloads", self.workloads, workloads.ALL),
            ("peers", self.peers, peers.NAMES),
        ):
            if unknown := [one for one in given if one not in known]:
                raise ValueError(f"--{name}: unknown {unknown[0]!r}; there are {', '.join(known)}")
        if self.device == "cuda" and (self.workloads, self.peers, self.growth) != (*ALL, False):
            raise ValueError("--workloads, --peers and --growth are for --device cpu; on a GPU everything is run")
        if self.turns < 1:
            raise ValueError(f"--turns must be at least 1, got {self.turns}")


def main(options):
    """Run the benchmark.  Returns the exit status; ValueError for a setting out of range."""
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
    """All results and what they rest on, as a JSON-able dict."""
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
    """One workload's summary; "libraries" and "missing" learn what it shows of them."""
    print(f"{workload.about} ...", file=sys.stderr)
    usable = [name for name in names if name not in results["missing"]]
    length = {"turns": 1, "patience": 0} if options.quick else {"turns": options.turns}
    records = race.run(workload, usable, **length)
    for name, record in records.items():
        if record.get("unusable"):
            results["missing"][name] = record["failed"]
        elif "version" in record:
            results["libraries"][name] = {key: record[key] for key in ("version", "threads")}
    return race.summary(workload, records)


def _growth(series, names, options, results):
    """{peer: {size: median seconds}} of minigan and the reference."""
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
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "turns": options.turns,
        "quick": options.quick,
    }


def _processor():
    """Its name, as far as the system says."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
