"""Going back to the newest checkpoint when a number is no longer one, and on from there in smaller steps."""

import dataclasses

from ..gan import Finding
from ..trainers.base import SLOWER
from .errors import RunError

MOST = 5  # rollbacks in a run: a training that diverges at 1/32 of its learning rates does so for another reason


class Diverged(Exception):
    """A number of the training is no longer one: the step, and the cause, in a sentence."""


def roll_back(trainer, run, failure, say):
    """Restore `trainer` from the newest whole checkpoint of `run`, slower than when `failure`, a Diverged, was raised.

    The log begins anew from there, and findings.jsonl says so.  RunError where there is nowhere to go back to, or it
    did not help `MOST` times.
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
