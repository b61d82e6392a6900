"""One case on a GPU, all libraries: what they compute is compared first, then they take turns."""

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
PARTS = ("minigan_eager", "torch_eager")  # who multiplies and convolves by itself
TOLERANCE = {"fp32": 1e-4, "tf32": 1e-2}  # of a product by itself; that of steps is `agreement`'s
AS_TIMED = 5e-2  # for a compiled step, which is judged as it is timed, kinks and all: another would be compiled anew
TURN = {"step": 0.025, "part": 0.004}  # seconds


class Race:
    """Races by the same libraries.

    connections: {peer: a `gpu_worker.Process`}, ready to be asked.  turns: how often each has its turn.
    deadline: a time of `time.monotonic`, after which nothing is begun.
    """

    def __init__(self, connections, turns, deadline):
        self.connections, self.turns, self.deadline = connections, turns, deadline
        self.missing, self.judgements = {}, {}

    def run(self, case, precision="fp32"):
        """{peer: record} of those that take part.

        A record has seconds {median, low, high, turns} of a step or call, with its quartiles; memory, in bytes;
        disagreement with minigan.  Or failed, the reason.
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
        """Leave "disagreement" in the records, and "failed" where it is above the tolerance."""
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
        """{peer: {"relative": the error} and "failed" if it is too large, or the reason why there is none}."""
        verdicts = {name: {} for name in names}
        found = self.ask(names, verdicts, "outcome", variant, precision)  # together: nothing is timed
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
        """Leave "memory" and "seconds".  Every other round goes backwards: each follows each other one."""
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
        """{name: the answer} of all at once; the records of those who have none get the reason."""
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
