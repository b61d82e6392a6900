"""`minigan report`: write the page about a run."""

from dataclasses import dataclass

from ..report import report
from ..runs import Run
from .shared import RunFolder, parse


@dataclass(frozen=True)
class ReportOptions:
    """Write RUN/report.html again, and print its path.

    The page needs no other file and no network. It shows samples over time, curves, metrics beside the scores of real
    data, the diagnosis, settings, versions, and the command that trains the same run again. `minigan train` and
    `minigan evaluate` write it too.
    """

    run: RunFolder
    """The run folder."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    print(report(Run.open(parse(ReportOptions, "report", arguments).run)))
    return 0
