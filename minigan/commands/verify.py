"""`minigan verify`: compute the claims of the tutorials again."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from .. import verify
from .shared import OptionalPath, parse


@dataclass(frozen=True)
class VerifyOptions:
    """Run the tutorials and compute both sides of every claim, and its wrong variants, which must differ.

    Each claim is printed with its number, the distance of its sides and the tolerance. The exit status is 1 if any
    claim does not hold.
    """

    chapters: Annotated[Positional[tuple[str, ...]], arg(metavar="[CHAPTER...]", help_behavior_hint="")] = ()
    """Chapters to verify, such as 4 or errata; by default all."""
    folder: OptionalPath = None
    """Folder of the tutorials; by default ./tutorials, or the clone that minigan runs from."""
    json: FlagCreatePairsOff[bool] = False
    """Print the results as JSON."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = parse(VerifyOptions, "verify", arguments)
    return verify.main(options.chapters, options.folder, options.json)
