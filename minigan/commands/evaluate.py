"""`minigan evaluate`: measure the samples of a run."""

import dataclasses
import sys
from dataclasses import dataclass

from ..data.mixtures import POINTS
from ..files import write_json
from ..report import report
from ..runs import Run
from ..runs import evaluate as measure
from ..runs.evaluation import keep, samples_of
from ..scale import results
from .shared import OptionalCount, OptionalPath, RunFolder, parse, try_to_write


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure samples of a run's newest checkpoint: every metric beside the score of real data.

    Real data, or a perfect sampler, are measured under the same protocol, and their score has its 5 % and 95 %
    quantiles. The numbers are also written to RUN/evaluation.json and RUN/report.html; docs/metrics.md says what each
    metric means.
    """

    run: RunFolder
    """The run folder."""
    n: OptionalCount = None
    """Number of samples; by default 2,500 points, 10,000 images or 26,000 stacked digits."""
    seed: int = 0
    """Seed of the noise, and of everything random in the metrics."""
    out: OptionalPath = None
    """Also write the numbers to this JSON file."""


def main(arguments: list[str]) -> int:
    """Run the command and print the metrics."""
    options = parse(EvaluateOptions, "evaluate", arguments)
    if options.n is not None and options.n < 1:
        raise ValueError(f"--n must be at least 1, got {options.n}")
    run = Run.open(options.run)
    print(_announced(run, options.n), file=sys.stderr)
    found = measure(run, options.n, options.seed)
    print(*results.measurements(found), sep="\n")
    try_to_write(keep, run, found, options.seed)
    try_to_write(report, run)
    if options.out is not None:
        write_json(options.out, {name: dataclasses.asdict(measured) for name, measured in found.items()})
    print(f"report: {run.folder / 'report.html'}", file=sys.stderr)
    return 0


def _announced(run, n):
    _, config = run.read_config()
    judge = "" if config.data in POINTS else "; labelled images need a classifier, which is trained once and kept"
    return f"measuring {n or samples_of(config):,} samples of {run.folder}{judge}"
