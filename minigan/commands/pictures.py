"""`minigan pictures`: draw the pictures of a run."""

from dataclasses import dataclass

from ..runs import Run, gallery
from .shared import RunFolder, parse


@dataclass(frozen=True)
class PicturesOptions:
    """Draw pictures of a run into RUN/pictures, and print their paths.

    Every run gets its curves and an animation of its training. The other pictures come from the newest checkpoint. For
    a run on images they are a grid of samples, an interpolation, and samples beside the training images nearest to
    them; for a run on points, samples over the critic's surface; for a translation, held-out inputs beside their
    translations.
    """

    run: RunFolder
    """The run folder."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    print(*gallery(Run.open(parse(PicturesOptions, "pictures", arguments).run)), sep="\n")
    return 0
