"""Rollback: on NaN or infinity, restore the newest checkpoint and continue with lower learning rates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..gan import Finding
from ..trainers.base import SLOWER
from .errors import RunError

if TYPE_CHECKING:
    from ..trainers import BaseTrainer
    from .folder import Run

__all__ = ["MOST", "Diverged", "roll_back"]

MOST = 5
"""The most rollbacks in a run: if training diverges even at 1/32 of the learning rates, they are not the reason."""


class Diverged(Exception):
    """The training produced NaN or infinity; the message names the step and the cause."""


def roll_back(trainer: BaseTrainer, run: Run, failure: Diverged, say: Callable[[str], object]) -> None:
    """Restore a trainer from the newest undamaged checkpoint of its run, and lower its learning rates.

    The logs are cut back to that step, and findings.jsonl gets a line about the rollback.

    Args:
        trainer: The trainer.
        run: Its run.
        failure: The reason.
        say: Called with a line about the rollback.

    Raises:
        RunError: If there is no checkpoint, or there were already `MOST` rollbacks.
    """
    times = trainer.rollbacks + 1
    if times > MOST:
        raise RunError(f"{failure} It did so after {MOST} rollbacks too")
    found = run.resume(say)
    if found is None:
        raise RunError(f"{failure} There is no checkpoint to go back to")
    trainer.load_state(*found)
    trainer.slow_down(times)
    run.rewind(trainer.step_count)
    remedy = f"Back at step {trainer.step_count}, with {SLOWER**times:g} of the learning rates"
    finding = Finding("rollback", str(failure).rstrip("."), remedy, trainer.step_count)
    run.note(dataclasses.asdict(finding))
    say(str(finding))
