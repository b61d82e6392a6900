"""Benchmark of a GPU beside PyTorch: limits, products, convolutions, steps. It needs NumPy, CuPy and PyTorch alone.

`python -m benchmarks.gpu FOLDER`, or `python -m benchmarks --device cuda` with the options of the CPU's benchmark.

| module | subject |
|---|---|
| `gpu_cases` | the work |
| `gpu_minigan`, `gpu_torch` | the same work in each library |
| `gpu_worker` | the process of a library |
| `gpu_race` | all libraries on one case: comparison, then turns |
| `gpu_roofline` | the least time that the limits of the device permit |
| `gpu_report` | the tables |
| `gpu_first` | the first measurements, of minigan alone; a command of its own |
| `gpu_measurements`, `gpu_bandwidth`, `gpu_timing` | its measurements, the kernels among them, and the clock |
"""

import argparse
import platform
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from minigan.backend import DeviceError
from minigan.files import replacing, write_json
from minigan.protocols.clone import commit

from . import gpu_cases, gpu_report, gpu_roofline
from .gpu_race import PEERS, PRECISIONS, Race
from .gpu_worker import Process
from .peers import OURS

TURNS = 9
SECONDS = 400  # after which no further case is started


def main(folder, turns=TURNS, quick=False, seconds=SECONDS, connect=Process):
    """Run the benchmark; write results.json and table.txt into `folder` after every case, so that a kill loses one.

    Returns the exit status: 1 if minigan failed at a case or computed something else. Raises DeviceError if minigan
    finds no GPU.
    """
    connections = {name: connect(name) for name in PEERS}
    try:
        for results in run(connections, turns, quick, seconds):
            lines = _written(results, folder)
    finally:
        for connection in connections.values():
            connection.close()
    print(*lines, sep="\n")
    print(f"written: {folder / 'results.json'}")
    return int(bool(failures(results)))


def run(connections, turns=TURNS, quick=False, seconds=SECONDS):
    """Run all cases, the most informative first; after each yield the results so far, a dict that JSON can hold."""
    race = Race(connections, 1 if quick else turns, time.monotonic() + seconds)
    libraries = _begin(connections, race)
    results = {"about": _about(libraries, turns, quick), "libraries": libraries, "missing": race.missing}
    results |= {"limits": {"flops": {}, "bytes": 0.0}, "steps": [], "convolutions": [], "products": []}
    yield from _measured(results, "steps", gpu_cases.steps(quick), race)
    results["limits"] = _limits(race, quick)
    yield from _measured(results, "convolutions", gpu_cases.convolutions(quick), race)
    yield from _measured(results, "products", gpu_cases.multiplications(quick), race)


def failures(results):
    """Return one sentence for each case that minigan could not run, or whose result differed."""
    return [
        f"{found['name']}, {found['precision']}: {PEERS[peer]}: {record['failed']}"
        for found in [*results["steps"], *results["convolutions"], *results["products"]]
        for peer, record in found["peers"].items()
        if peer.startswith("minigan") and not record.get("failed", "skipped").startswith("skipped")
    ]


def _begin(connections, race):
    """Return {peer: its versions and device}; DeviceError if minigan, which is asked first, has no GPU."""
    nobody = {name: {} for name in connections}
    libraries = race.ask([OURS], nobody, "begin")
    if OURS not in libraries:
        raise DeviceError(race.missing[OURS].removeprefix("DeviceError: "))
    return libraries | race.ask([name for name in connections if name != OURS], nobody, "begin")


def _limits(race, quick):
    """Return the limits per second, {"flops": {precision: of the fastest product}, "bytes": of the fastest copy}."""
    *large, copy = gpu_cases.limits(quick)
    flops = {precision: _fastest(race, large, precision, gpu_cases.flops) for precision in PRECISIONS}
    found = {precision: rate for precision, rate in flops.items() if rate}
    return {"flops": found, "bytes": _fastest(race, [copy], "fp32", gpu_roofline.moved)}


def _fastest(race, cases, precision, count):
    speeds = [
        count(case) / record["seconds"]["median"]
        for case in cases
        for record in race.run(case, precision).values()
        if "seconds" in record
    ]
    return max(speeds, default=0.0)


def _measured(results, part, cases, race):
    """Run these cases in both precisions, append their records to the part, and yield the results after each."""
    for case, precision in product(cases, PRECISIONS):
        print(f"{case.name}, {precision} ...", file=sys.stderr)
        about = {"name": case.name, "about": getattr(case, "about", case.name), "precision": precision}
        counts = {"flops": gpu_cases.flops(case), "bytes": gpu_roofline.moved(case)}
        results[part].append(about | counts | {"peers": race.run(case, precision)})
        yield results


def _written(results, folder):
    """Write the results and their tables, and return the lines of the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results)
    lines = gpu_report.table(results)
    with replacing(folder / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    return lines


def _about(libraries, turns, quick):
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "device": libraries[OURS]["device"],
        "driver": _driver(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "turns": turns,
        "quick": quick,
    }


def _driver():
    """Return the version of the driver, or "unknown"."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.split("\n")[0].strip()


def command(arguments=None):
    """Run `python -m benchmarks.gpu` and return the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description="Time a GPU's work beside PyTorch.")
    parser.add_argument("folder", type=Path, help="folder for results.json and table.txt, which are there at once")
    parser.add_argument("--quick", action="store_true", help="tiny cases for one turn, with times that mean nothing")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of each library at each step (%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="when to begin no further case (%(default)s)")
    options = parser.parse_args(arguments)
    if options.turns < 1:
        parser.error(f"--turns must be at least 1, got {options.turns}")
    try:
        return main(**vars(options))
    except DeviceError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    sys.exit(command())
