"""`minigan compare`: write one page about several runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..report import compare
from ..runs import Run
from .shared import parse


@dataclass(frozen=True)
class CompareOptions:
    """Put several runs on one page: samples, settings that differ, metrics, and curves in shared charts."""

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN RUN...", help_behavior_hint="")]
    """The run folders, two or more."""
    out: Path = Path("compare.html")
    """File to write: FILE.html."""


def main(arguments: list[str]) -> int:
    """Run the command and print the path of the page."""
    options = parse(CompareOptions, "compare", arguments)
    compare([Run.open(folder) for folder in options.runs], options.out)
    print(options.out)
    return 0
