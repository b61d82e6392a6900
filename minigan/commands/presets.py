"""`minigan presets`: list the presets."""

from __future__ import annotations

from ..presets import PRESETS

_HELP = """usage: minigan presets

List what can be trained: the name of each preset, one line about it, and its source.

minigan train NAME trains it, and minigan train NAME --help shows its settings."""


def main(arguments: list[str]) -> int:
    """Print the name of each preset, one line about it, and its source; or an explanation after `--help`."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(_HELP)
        return 0
    if arguments:
        raise ValueError(f"presets takes no arguments, got {' '.join(arguments)}")
    for name, entry in PRESETS.items():
        print(f"{name:18} {entry.about} ({entry.source})")
    return 0
