"""`python -m benchmarks --device cuda`: a GPU's limits, products, convolutions and whole steps, beside PyTorch's.

| module | subject |
|---|---|
| `gpu_cases` | what is measured |
| `gpu_minigan`, `gpu_torch` | how each library computes it |
| `gpu_worker` | a library in its process |
| `gpu_race` | all libraries on one case: agreement, then turns |
| `gpu_roofline` | what the device's limits leave as the least time |
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

SECONDS = 230  # after which nothing more is begun
PRECISIONS = ("fp32", "tf32")


def main(out, turns=9, quick=False, connect=Process):
    """Run the benchmark and write results.json and table.txt into the folder `out`/DATE-DEVICE.

    Returns the exit status: 1 if something of minigan's failed.  DeviceError where minigan has no GPU to work on.
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
    """All results and what they rest on, as a JSON-able dict."""
    race = Race(connections, 1 if quick else turns, time.monotonic() + SECONDS)
    libraries = _begin(connections, race)
    limits = _limits(race, quick)
    parts = {"products": gpu_cases.multiplications(quick), "convolutions": gpu_cases.convolutions(quick)}
    results = {"about": _about(libraries, turns, quick), "libraries": libraries, "limits": limits}
    results |= {name: _measured(cases, race, limits) for name, cases in parts.items()}
    results["steps"] = _measured(gpu_cases.steps(quick), race, limits)
    return results | {"missing": race.missing}


def failures(results):
    """What minigan could not do, or did differently, as sentences."""
    return [
        f"{found['name']}, {found['precision']}: {PEERS[peer]}: {record['failed']}"
        for found in [*results["products"], *results["convolutions"], *results["steps"]]
        for peer, record in found["peers"].items()
        if peer.startswith("minigan") and not record.get("failed", "skipped").startswith("skipped")
    ]


def _begin(connections, race):
    """{peer: what it says of itself}; minigan first, then all others at once.  DeviceError where minigan cannot."""
    nobody = {name: {} for name in connections}
    libraries = race.ask([OURS], nobody, "begin")
    if OURS not in libraries:
        raise DeviceError(race.missing[OURS].removeprefix("DeviceError: "))
    return libraries | race.ask([name for name in connections if name != OURS], nobody, "begin")


def _limits(race, quick):
    """{"flops": {precision: the fastest product of large matrices}, "bytes": those of the fastest copy}, a second."""
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
    """The summaries of these cases in both precisions."""
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
    """The version of the driver, as far as it says."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.split("\n")[0].strip()


def _slug(device):
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
