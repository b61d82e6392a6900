"""`minigan presets`: list the presets."""

from __future__ import annotations

from ..presets import PRESETS


def main(arguments: list[str]) -> int:
    """Print the name of each preset, one line about it, and its source."""
    if arguments and arguments[0] not in ("-h", "--help"):
        raise ValueError(f"presets takes no arguments, got {' '.join(arguments)}")
    for name, entry in PRESETS.items():
        print(f"{name:18} {entry.about} ({entry.source})")
    return 0
