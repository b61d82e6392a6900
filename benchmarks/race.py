"""Race of all libraries on one workload: their results are compared first, then they take turns."""

from contextlib import ExitStack, closing

import numpy as np

from . import agreement, arithmetic, peers, workloads
from .worker import Unable, Worker


def run(workload, names, *, turns=15, patience=1.0, cores=None):
    """Return {peer: record} of the peers `names`, and of the bound, each on `cores` cores.

    A record is a dict with

        version, threads    of the library
        seconds             {median, low, high, turns} of a step; low and high are quartiles
        memory              {library, peak} in bytes
        disagreement        {dtype: {relative, where}}: the largest difference from minigan's result

    or, of a peer that cannot take part, with failed, the reason, and unusable, whether this holds for every workload.
    """
    records = {name: {} for name in [*names, peers.BOUND]}
    with ExitStack() as stack:
        workers = _each(records, lambda name: stack.enter_context(closing(Worker(name, workload, cores))))
        for name, worker in workers.items():
            records[name] |= worker.about
        _compare(workload, workers, records)
        workers = {name: worker for name, worker in workers.items() if "failed" not in records[name]}
        _take_turns(workers, records, turns, patience)
    return {name: record | _memory(name, workload, record, cores) for name, record in records.items()}


def summary(workload, records):
    """Return the records of a workload with its description, as a dict that JSON can hold."""
    about = {"name": workload.name, "about": workload.about, "unit": workload.unit, "scale": workload.scale}
    return about | {"dtype": workload.dtype, "flops": arithmetic.flops(workload), "peers": records}


def _compare(workload, workers, records):
    """Add "disagreement" to the records, and "failed" where it is above the tolerance."""
    for variant in workloads.judged(workload):
        _compare_on(variant, workers, records)


def _compare_on(workload, workers, records):
    computing = [name for name in workers if name != peers.BOUND and "failed" not in records[name]]
    found = _each(records, lambda name: workers[name].gradients(workload), computing)
    dtype, tolerance = workload.dtype, agreement.TOLERANCE[workload.dtype]
    for name, gradients in found.items():
        if peers.OURS not in found:
            records[name]["failed"] = "there is nothing to compare it with"
            continue
        error, where = agreement.disagreement(gradients, found[peers.OURS])
        records[name].setdefault("disagreement", {})[dtype] = {"relative": error, "where": where}
        if error > tolerance:
            differs = f"in {dtype} {where} differs by {error:.1e}, above {tolerance:.0e}"
            records[name]["failed"] = f"computes something else: {differs}"


def _take_turns(workers, records, turns, patience):
    """Add "seconds" to the records; the order is reversed in every second round."""
    measured = {name: [] for name in _each(records, lambda name: workers[name].warm_up(), workers)}
    for i in range(turns):
        order = [name for name in measured if "failed" not in records[name]][:: 1 if i % 2 == 0 else -1]
        for name, seconds in _each(records, lambda name: workers[name].turn(patience), order).items():
            measured[name].append(seconds)
    for name in [name for name in measured if "failed" not in records[name]]:
        low, median, high = np.quantile(measured[name], (0.25, 0.5, 0.75)).tolist()
        records[name]["seconds"] = {"median": median, "low": low, "high": high, "turns": measured[name]}


def _memory(name, workload, record, cores):
    """Return the memory of a new process that only runs a few steps, as a part of a record."""
    if name == peers.BOUND or "failed" in record:
        return {}
    try:
        with closing(Worker(name, workload, cores)) as worker:
            return {"memory": worker.warm_up()}
    except Unable as error:
        return {"failed": str(error)}


def _each(records, function, names=None):
    """Return {name: function(name)}; if it raises `Unable`, the reason goes into the record of that name instead."""
    found = {}
    for name in records if names is None else names:
        try:
            found[name] = function(name)
        except Unable as error:
            records[name] |= {"failed": str(error), "unusable": error.unusable}
    return found
