"""What may be set anew when a run goes on, and what that means."""

import dataclasses

_FREE = ("keep_last", "keep_every", "on_nan", "summary_interval")  # no number of the training depends on them
_IN_SHARES = {"schedule": "constant", "first_phase": 0, "instance_noise": 0, "ema": 0, "burn_in": 0}  # of the run


def changes(old, new):
    """{name: (the value in Config `old`, in `new`)} where they differ."""
    pairs = {f.name: (getattr(old, f.name), getattr(new, f.name)) for f in dataclasses.fields(old)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def refused(old, new):
    """Why a run with the Config `old` cannot go on with `new`, in a clause; "" if it can."""
    changed = changes(old, new)
    if "steps" in changed and new.steps < old.steps:
        return f"steps can only grow from {old.steps}, got {new.steps}"
    others = [f"{name} from {was} to {is_}" for name, (was, is_) in changed.items() if name not in (*_FREE, "steps")]
    return f"it cannot change {', '.join(others)}" if others else ""


def consequence(old, new):
    """What more steps mean to a run that goes on, in a sentence; "" if there are none more."""
    if old.steps == new.steps:
        return ""
    affected = [name for name, none in _IN_SHARES.items() if getattr(new, name) != none]
    if not affected:
        return f"{new.steps} steps instead of {old.steps}: as if that had been asked for from the beginning"
    return (
        f"{new.steps} steps instead of {old.steps}: what is set in shares of the run ({', '.join(affected)}) follows "
        "the longer one from here on, so this is not the run that it would have been from the beginning"
    )
