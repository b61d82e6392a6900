"""Changes to the configuration when a run is continued: which are allowed, and their effects."""

from __future__ import annotations

import dataclasses
from typing import Any

from .config import Config
from .fields import Mark, metadata

__all__ = ["changes", "consequence", "refused"]

_MARKS = metadata(Config, Mark)


def changes(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Return {name: (old value, new value)} of the settings that differ."""
    pairs = {f.name: (getattr(old, f.name), getattr(new, f.name)) for f in dataclasses.fields(Config)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def refused(old: Config, new: Config) -> str:
    """Return, as a clause, why a run with the configuration `old` cannot be continued with `new`; "" if it can."""
    changed = changes(old, new)
    if "steps" in changed and new.steps < old.steps:
        return f"steps can only grow from {old.steps}, got {new.steps}"
    fixed = {name: pair for name, pair in changed.items() if _MARKS.get(name) != Mark.CHANGEABLE and name != "steps"}
    return f"it cannot change {', '.join(f'{n} from {a} to {b}' for n, (a, b) in fixed.items())}" if fixed else ""


def consequence(old: Config, new: Config) -> str:
    """Return, as a sentence, the effect of more steps on a continued run; "" if the number of steps is the same."""
    if old.steps == new.steps:
        return ""
    begun = f"{new.steps} steps instead of {old.steps}"
    affected = [
        name for name, mark in _MARKS.items() if mark == Mark.RELATIVE and getattr(new, name) != getattr(Config, name)
    ]
    if not affected:
        return f"{begun}: as if that had been asked for from the beginning"
    return (
        f"{begun}: settings in fractions of the run ({', '.join(affected)}) follow the longer run from here on, so the "
        "result differs from that of a run that was this long from the beginning"
    )
