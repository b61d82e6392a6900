"""Race of all libraries on one case on a GPU: their results are compared first, then they take turns."""

import time

import numpy as np

from . import agreement, gpu_cases
from .peers import OURS
from .worker import Unable
from .workloads import GanStep

PEERS = {
    "minigan_eager": "minigan",
    "minigan_captured": "minigan captured",
    "torch_eager": "PyTorch eager",
    "torch_graph": "PyTorch graph",
    "torch_compiled": "PyTorch compiled",
}
PARTS = ("minigan_eager", "torch_eager")  # libraries that run single products and convolutions
PRECISIONS = ("fp32", "tf32")
TOLERANCE = {"fp32": 1e-4, "tf32": 1e-2}  # of a single product or convolution; `agreement` has that of steps
AS_TIMED = 5e-2  # of a compiled step, which is compared with its kinks, as any variant would have to be compiled too
TURN = {"step": 0.025, "part": 0.004}  # seconds


class Race:
    """Races by the same libraries.

    Args:
        connections: {peer: a `gpu_worker.Process`}.
        turns: Number of turns of each library at a step; single products and convolutions get a third of them.
        deadline: Value of `time.monotonic` after which no case is started.

    Attributes:
        missing: {peer: the reason why it cannot be used at all}.
    """

    def __init__(self, connections, turns, deadline):
        self.connections, self.turns, self.deadline = connections, turns, deadline
        self.missing, self.judgements = {}, {}

    def run(self, case, precision="fp32"):
        """Return {peer: record} of the libraries that take part in a case.

        A record is a dict with seconds {median, low, high, turns} of a step or call, where low and high are quartiles;
        memory, in bytes; and disagreement with minigan. If the library cannot run the case, it has failed, the reason.
        """
        records = {name: {} for name in self._participants(case, precision)}
        if time.monotonic() > self.deadline:
            return {name: {"failed": "skipped: the time was up"} for name in records}
        self._compare(case, precision, records)
        self._take_turns(case, precision, records)
        return records

    def _participants(self, case, precision):
        named = PEERS if isinstance(case, GanStep) else PARTS
        left_out = {"torch_compiled"} if (case.name, precision) not in gpu_cases.COMPILED else set()
        return [name for name in named if name in self.connections and name not in {*self.missing, *left_out}]

    def _compare(self, case, precision, records):
        """Add "disagreement" to the records, and "failed" where it is above the tolerance."""
        compiled = [name for name in records if name == "torch_compiled"]
        for variant, at in gpu_cases.judged(case, precision):
            self._judge(variant, at, [name for name in records if name not in compiled], records)
        if compiled:
            self._judge(case, precision, [OURS, *compiled], records, AS_TIMED)

    def _judge(self, variant, precision, names, records, tolerance=None):
        is_step = isinstance(variant, GanStep)
        tolerance = tolerance or (agreement.TOLERANCE[variant.dtype] if is_step else TOLERANCE[precision])
        key = variant, precision
        if key not in self.judgements:
            self.judgements[key] = self._disagreements(variant, precision, names, tolerance)
        for name, verdict in self.judgements[key].items():
            if name in records and "failed" not in records[name]:
                records[name] |= {k: v for k, v in verdict.items() if k == "failed"}
                at = "float64" if variant.dtype == "float64" else precision
                records[name].setdefault("disagreement", {})[at] = verdict.get("relative")

    def _disagreements(self, variant, precision, names, tolerance):
        """Return {peer: {"relative": its error, "failed": the reason}}, of which either may be missing."""
        verdicts = {name: {} for name in names}
        found = self.ask(names, verdicts, "outcome", variant, precision)  # all at once, as nothing is timed
        for name in found:
            if OURS not in found:
                verdicts[name]["failed"] = "there is nothing to compare it with"
                continue
            error, where = agreement.disagreement(found[name], found[OURS])
            verdicts[name]["relative"] = error
            if error > tolerance:
                differs = f"in {variant.dtype} {where} differs by {error:.1e}, above {tolerance:.0e}"
                verdicts[name]["failed"] = f"computes something else: {differs}"
        return verdicts

    def _take_turns(self, case, precision, records):
        """Add "memory" and "seconds" to the records; the order is reversed in every second round."""
        measured = {}
        for name in [name for name in records if "failed" not in records[name]]:
            for about in self.ask([name], records, "prepare", case, precision).values():
                records[name] |= about
                measured[name] = []
        is_step = isinstance(case, GanStep)
        for i in range(self.turns if is_step else max(1, self.turns // 3)):
            for name in list(measured)[:: 1 if i % 2 == 0 else -1]:
                if "failed" not in records[name]:
                    measured[name] += self.ask([name], records, "turn", TURN["step" if is_step else "part"]).values()
        for name in [name for name in measured if "failed" not in records[name]]:
            low, median, high = np.quantile(measured[name], (0.25, 0.5, 0.75)).tolist()
            records[name]["seconds"] = {"median": median, "low": low, "high": high, "turns": measured[name]}

    def ask(self, names, records, question, *arguments):
        """Ask all libraries at once and return {name: answer}; the reason for a missing answer goes into the record."""
        answers = {}
        for name in names:
            self.connections[name].send(question, *arguments)
        for name in names:
            try:
                answers[name] = self.connections[name].answer()
            except Unable as error:
                records[name]["failed"] = str(error)
                if error.unusable:
                    self.missing[name] = str(error)
        return answers
