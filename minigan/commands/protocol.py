"""`minigan protocol`: repeat a published evaluation."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from ..protocols import command
from .shared import OptionalCount, OptionalPath, parse


@dataclass(frozen=True)
class ProtocolOptions:
    """Run a published evaluation protocol, every seed in a process of its own, and print its table.

    A protocol that was stopped continues when the same command is given again: finished seeds are kept in --out and
    are not computed twice.
    """

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """dirac, ring, grid, same-harness, official-toys, digits, mnist or stacked-mnist."""
    out: OptionalPath = None
    """Folder of the results; by default runs/protocol-NAME. For dirac: a JSON file; by default none is written."""
    processes: OptionalCount = None
    """Number of seeds at a time; by default the number of cores."""
    seeds: Annotated[tuple[int, ...] | None, arg(metavar="INT...", help_behavior_hint="")] = None
    """Seeds to run; by default those that the protocol names."""
    steps: OptionalCount = None
    """Number of generator updates, for a rehearsal; by default the protocol's own. The table says if it was changed."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return command.main(**vars(parse(ProtocolOptions, "protocol", arguments)))
