"""`minigan download`: fetch data sets that do not ship with minigan."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from ..data import download
from .shared import parse


@dataclass(frozen=True)
class DownloadOptions:
    """Download data sets that do not ship with minigan, and print their folders.

    They are stored in $MINIGAN_DATA/NAME or in the platform's cache folder, and are verified by their sha256.
    """

    names: Annotated[Positional[tuple[str, ...]], arg(metavar="NAME...", help_behavior_hint="")]
    """mnist (12 MB), fashion-mnist (31 MB), kmnist (21 MB) or cifar-10 (170 MB)."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    names = parse(DownloadOptions, "download", arguments).names
    if not names:
        raise ValueError("download: give at least one NAME; minigan download --help lists them")
    for name in names:
        print(download(name))
    return 0
