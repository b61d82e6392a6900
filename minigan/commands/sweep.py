"""`minigan sweep`: train and measure every run of a grid."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ..scale import grid, sweep
from .shared import OptionalCount, OptionalPath, parse


@dataclass(frozen=True)
class SweepOptions:
    """Train every run of a grid, several at a time, evaluate them, and print one table.

    FILE is TOML: presets, seeds, and under [settings] one value or a list of values for any option of `minigan train`.
    A sweep that was stopped continues when the same command is given again.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """The grid; docs/scale.md shows an example."""
    out: OptionalPath = None
    """Folder of the results; by default runs/sweep-NAME for NAME.toml."""
    processes: OptionalCount = None
    """Number of runs at a time; by default the number of cores."""
    slurm: FlagCreatePairsOff[bool] = False
    """Submit the runs to Slurm, with the settings under [slurm] in the file, instead of running them here."""


def main(arguments: list[str]) -> int:
    """Run the command and print the table."""
    options = parse(SweepOptions, "sweep", arguments)
    asked = grid.read(options.file)
    out = options.out or Path("runs") / f"sweep-{asked.name}"
    try:
        lines = sweep.run(asked, out, processes=options.processes, slurm=options.slurm)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with what is not finished", file=sys.stderr)
        return 130
    print(*lines, f"written: {out}", sep="\n")
    return 0
