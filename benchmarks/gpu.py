"""Benchmark of a GPU beside PyTorch, `python -m benchmarks --device cuda`: limits, products, convolutions, steps.

| module | subject |
|---|---|
| `gpu_cases` | the work |
| `gpu_minigan`, `gpu_torch` | the same work in each library |
| `gpu_worker` | the process of a library |
| `gpu_race` | all libraries on one case: comparison, then turns |
| `gpu_roofline` | the least time that the limits of the device permit |
| `gpu_report` | the tables |
"""

import platform
import re
import subprocess
import sys
import time

from minigan.backend import DeviceError
from minigan.files import replacing, write_json
from minigan.protocols.harness import commit

from . import gpu_cases, gpu_report, gpu_roofline
from .gpu_race import PEERS, Race
from .gpu_worker import Process
from .peers import OURS

SECONDS = 230  # after which no further case is started
PRECISIONS = ("fp32", "tf32")


def main(out, turns=9, quick=False, connect=Process):
    """Run the benchmark and write results.json and table.txt into the folder `out`/DATE-DEVICE.

    Returns the exit status: 1 if minigan failed at a case or computed something else. Raises DeviceError if minigan
    finds no GPU.
    """
    connections = {name: connect(name) for name in PEERS}
    try:
        results = run(connections, turns, quick)
    finally:
        for connection in connections.values():
            connection.close()
    lines = gpu_report.table(results)
    print(*lines, sep="\n")
    folder = out / f"{results['about']['date']}-{_slug(results['about']['device'])}"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results)
    with replacing(folder / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    print(f"written: {folder / 'results.json'}")
    return int(bool(failures(results)))


def run(connections, turns, quick=False):
    """Run all cases and return the results, with device, versions and commit, as a dict that JSON can hold."""
    race = Race(connections, 1 if quick else turns, time.monotonic() + SECONDS)
    libraries = _begin(connections, race)
    limits = _limits(race, quick)
    parts = {"products": gpu_cases.multiplications(quick), "convolutions": gpu_cases.convolutions(quick)}
    results = {"about": _about(libraries, turns, quick), "libraries": libraries, "limits": limits}
    results |= {name: _measured(cases, race, limits) for name, cases in parts.items()}
    results["steps"] = _measured(gpu_cases.steps(quick), race, limits)
    return results | {"missing": race.missing}


def failures(results):
    """Return one sentence for each case that minigan could not run, or whose result differed."""
    return [
        f"{found['name']}, {found['precision']}: {PEERS[peer]}: {record['failed']}"
        for found in [*results["products"], *results["convolutions"], *results["steps"]]
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


def _measured(cases, race, limits):
    """Run these cases in both precisions and return their summaries."""
    found = []
    for case in cases:
        for precision in PRECISIONS:
            print(f"{case.name}, {precision} ...", file=sys.stderr)
            least = {"flops": limits["flops"].get(precision), "bytes": limits["bytes"]}
            counts = {"flops": gpu_cases.flops(case), "bytes": gpu_roofline.moved(case)}
            about = {"name": case.name, "about": getattr(case, "about", case.name), "precision": precision}
            seconds = {"least_seconds": gpu_roofline.least_seconds(case, least)}
            found.append(about | counts | seconds | {"peers": race.run(case, precision)})
    return found


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


def _slug(device):
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
