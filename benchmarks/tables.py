"""Text of the results, which are the dict that results.json holds; see `command`."""

import math

from minigan.scale.results import aligned

from . import peers, scaling
from .workloads import ASIDE, PENALISED, UPDATES

_MIB = 1 << 20
_NAMES = peers.NAMES | {peers.BOUND: "sgemm bound"}


def table(results):
    """Return the lines to print: the table of every workload, then means and ratios."""
    lines = [_header(results), ""]
    lines += [line for found in results["workloads"] for line in [*_workload(found), ""]]
    for part in (_means, _penalties, _updates, _growth):
        lines += part(results)
    return lines + [f"not usable: {_NAMES[peer]}: {reason}" for peer, reason in results["missing"].items()]


def ratios(found):
    """Return {peer: its median divided by the reference's} of one workload's summary; empty without the reference."""
    medians = _medians(found)
    reference = medians.get(peers.REFERENCE)
    return {p: m / reference for p, m in medians.items() if p != peers.BOUND} if reference else {}


def mean_ratio(results, ours):
    """Return (the geometric mean of one peer's ratios, the number of workloads); workloads in ASIDE do not count."""
    counted = [ratios(found) for found in results["workloads"] if found["name"] not in ASIDE]
    logs = [math.log(of[ours]) for of in counted if ours in of]
    return math.exp(math.fsum(logs) / len(logs)) if logs else math.nan, len(logs)


def _header(results):
    about = results["about"]
    names = _NAMES | {peers.BOUND: "NumPy"}
    versions = [f"{names[p]} {library['version']}" for p, library in results["libraries"].items()]
    quick = "  QUICK: the times mean nothing." * about["quick"]
    return f"{about['processor']}, {about['cores']} cores; {', '.join(versions)}.{quick}"


def _workload(found):
    rows = [[f"{found['about']}, {found['unit']}", "median", "quartiles", "ratio", "of sgemm", "step MiB", "peak MiB"]]
    rows += [_row(found, peer, record) for peer, record in found["peers"].items() if "seconds" in record]
    failed = [(p, r) for p, r in found["peers"].items() if "failed" in r and not r.get("unusable") and p != peers.BOUND]
    return aligned(rows) + [f"  {_NAMES[p]}: {r['failed']}" for p, r in failed]


def _row(found, peer, record):
    seconds, medians = record["seconds"], _medians(found)
    low, median, high = (f"{seconds[key] * found['scale']:.4g}" for key in ("low", "median", "high"))
    ratio = ratios(found).get(peer)
    bound = medians.get(peers.BOUND)
    memory = record.get("memory")
    sizes = [memory["peak"] - memory["library"], memory["peak"]] if memory else []
    return [
        f"  {_NAMES[peer]}", median, f"{low} to {high}", f"{ratio:.2f}" if ratio else "",
        f"{bound / seconds['median']:.0%}" if bound and peer != peers.BOUND else "",
        *(f"{size / _MIB:.0f}" for size in sizes), *[""] * (2 - len(sizes)),
    ]  # fmt: skip


def _means(results):
    """Yield the mean ratio of minigan, and of minigan captured, over all workloads."""
    for ours in (p for p in peers.NAMES if p.startswith("minigan")):
        mean, n = mean_ratio(results, ours)
        if n:
            yield f"{_NAMES[ours]}: geometric mean of {n} ratios to {_NAMES[peers.REFERENCE]} {mean:.2f}"


def _penalties(results):
    """Yield the time of a step with a penalty, divided by that of the step without."""
    named = {found["name"]: found for found in results["workloads"]}
    for penalised, plain in PENALISED.items():
        if penalised in named and plain in named:
            with_, without = _medians(named[penalised]), _medians(named[plain])
            shared = {p: with_[p] / without[p] for p in with_ if p in without and p != peers.BOUND}
            yield f"{penalised} / {plain}: " + _listed({p: f"{r:.2f}" for p, r in shared.items()})


def _updates(results):
    for found in results["workloads"]:
        if found["name"] in UPDATES:
            rates = {p: f"{1 / m:.0f}" for p, m in _medians(found).items() if p != peers.BOUND}
            yield f"{found['name']}, updates per second: " + _listed(rates)


def _growth(results):
    for axis, found in results["scaling"].items():
        exponents = {p: f"{scaling.exponent(seconds):.2f}" for p, seconds in found.items() if len(seconds) > 1}
        yield f"cost grows with the {axis} to the power of: " + _listed(exponents)


def _listed(values):
    return ", ".join(f"{_NAMES[p]} {value}" for p, value in values.items())


def _medians(found):
    """Return {peer: median seconds} of the peers that were measured."""
    return {p: r["seconds"]["median"] for p, r in found["peers"].items() if "seconds" in r}
