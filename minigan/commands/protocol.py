"""`minigan protocol`: repeat a published evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..protocols import command
from .shared import parse


@dataclass(frozen=True)
class ProtocolOptions:
    """Run a published evaluation protocol, every seed in a process of its own, and print its table.

    A protocol that was stopped continues when the same command is given again: finished seeds are kept in --out and
    are not computed twice.
    """

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """dirac, ring, grid, same-harness, official-toys, digits, mnist or stacked-mnist."""
    out: Path | None = None
    """Folder of the results, by default runs/protocol-NAME; for dirac a JSON file, by default none."""
    processes: int | None = None
    """Number of seeds at a time; by default the number of cores."""
    seeds: tuple[int, ...] | None = None
    """Seeds instead of the protocol's own."""
    steps: int | None = None
    """Generator updates instead of the protocol's: a rehearsal, and the table says so."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return command.main(**vars(parse(ProtocolOptions, "protocol", arguments)))
