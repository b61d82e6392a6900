"""The training loop: train, show progress, draw samples, save checkpoints."""

from __future__ import annotations

import dataclasses
import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TextIO

import numpy as np
from threadpoolctl import threadpool_limits

from ..cores import threads
from ..presets.changes import consequence
from ..trainers.device import precision_of
from ..trainers.summaries import summaries
from . import sessions
from .errors import RunError, Stopped
from .progress import progress
from .rollback import Diverged, roll_back

if TYPE_CHECKING:
    from pathlib import Path

    from ..trainers import BaseTrainer
    from .folder import Run

__all__ = ["train"]

# Numbers for every run, evenly spaced over its steps:
PICTURES = 25  # frames of the animation
CHECKPOINTS = 10
LOG_LINES = 500  # lines of metrics.jsonl
EXAMINATIONS = 20  # diagnoses; each costs about as much as four steps


def train(trainer: BaseTrainer, run: Run, *, resume: bool = False, output: TextIO | None = None) -> Path:
    """Train until `trainer.config.steps` steps are taken.

    Problems that do not stop the training are printed and written to findings.jsonl.

    Args:
        trainer: The trainer, new or at any step.
        run: The run whose folder gets checkpoints, logs and pictures.
        resume: Continue from the newest undamaged checkpoint of the run.
        output: Where the progress is printed; by default stderr.

    Returns:
        The path of the last picture.

    Raises:
        Stopped: Ctrl-C or SIGTERM asked for it; the step in progress was finished and a checkpoint saved.
        RunError: If the training produced NaN or infinity and `config.on_nan` did not help, if the folder cannot be
            written, if another process is training in it, or if the run cannot be resumed with its settings or
            checkpoints.
    """
    output = sys.stderr if output is None else output
    number = trainer.config.threads or None
    with run.held(), threadpool_limits(number, "blas"), threads(number), precision_of(trainer):
        say = partial(print, file=output)
        restored = resume and _go_on(trainer, run, say)
        if trainer.config.on_nan == "rollback" and not restored:
            _save(run, trainer)
        sessions.begin(run, trainer)
        with _interruption() as asked:
            while True:
                try:
                    return _train(trainer, run, output, asked)
                except Diverged as failure:
                    if trainer.config.on_nan == "stop":
                        raise RunError(str(failure)) from failure
                    roll_back(trainer, run, failure, say)


def _go_on(trainer, run, say):
    """Restore the trainer from the newest checkpoint of the run. Return whether there was a checkpoint."""
    run.refuse(trainer.config)
    if said := consequence(run.read_config()[1], trainer.config):
        say(said)
    found = run.resume(say)
    run.adopt(trainer.config)
    if found:
        trainer.load_state(*found)
    run.rewind(trainer.step_count)
    return bool(found)


def _train(trainer, run, output, asked):
    """Train until all steps are taken, or until the list `asked` has a signal that asks to stop."""
    config, picture, saved = trainer.config, None, trainer.step_count
    started = time.perf_counter() - run.seconds()
    with (
        progress(trainer, output) as shown,
        summaries(run.summaries, config.summary_interval, trainer.step_count) as summarise,
    ):
        while trainer.step_count < config.steps and not asked:
            report, step = _step(trainer), trainer.step_count
            logged = _every(LOG_LINES, step, config.steps)
            if logged:
                _checked(trainer, trainer.settle)
            tested = trainer.test() if _due(config.test_interval, step, config.steps) else {}
            shown.show(report)
            record = report | trainer.gradient_norms() | tested
            summarise(step, record)
            if tested or logged:
                run.log({"step": step, "seconds": round(time.perf_counter() - started, 3)} | record)
            if step == 1 or _every(EXAMINATIONS, step, config.steps):
                _tell(trainer.diagnose(), run, shown)
            if _every(PICTURES, step, config.steps):
                picture = _draw(run, trainer)
            if _every(CHECKPOINTS, step, config.steps) or (config.keep_every and step % config.keep_every == 0):
                saved = _save(run, trainer)
        if trainer.step_count > saved:
            _save(run, trainer)
    if asked:
        raise Stopped(asked[0])
    return picture or _draw(run, trainer)


def _save(run, trainer):
    """Save a checkpoint, after a check that all its numbers are finite. Return its step."""
    _checked(trainer, trainer.settle)
    arrays, state = trainer.state()
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise Diverged(f"training has diverged. step {trainer.step_count}: {name} is no longer finite.")
    run.save_checkpoint(trainer.step_count, arrays, state)
    return trainer.step_count


@contextmanager
def _interruption():
    """Return a context whose value is a list; a signal that asks to stop is appended to it.

    The training looks at the list between steps, as an interrupted step could not be resumed exactly. A second signal
    interrupts at once. Outside the main thread signals cannot be caught, and the list stays empty.
    """
    asked: list[int] = []

    def ask(signum, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {signum: signal.signal(signum, ask) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _draw(run, trainer):
    path = run.samples / f"step-{trainer.step_count:07d}.png"
    trainer.picture(path)
    return path


def _every(times, step, steps):
    """Return whether `step` is among `times` evenly spaced steps, the last of which is the last step of the run."""
    return _due(max(math.ceil(steps / times), 1), step, steps)


def _due(interval, step, steps):
    """Return whether `step` is a multiple of `interval`, or the last step."""
    return step == steps or step % interval == 0


def _checked(trainer, call):
    """Return call(); raise Diverged, with the cause, if a step was not finite."""
    try:
        return call()
    except FloatingPointError as error:
        cause = trainer.cause() or f"step {trainer.step_count + 1}: {error}"
        raise Diverged(f"training has diverged. {cause}") from error


def _step(trainer):
    try:
        return _checked(trainer, trainer.step)
    except MemoryError as error:
        halvings = getattr(error, "halvings", None) or getattr(error.__cause__, "halvings", 1)
        smaller = max(trainer.config.batch_size >> halvings, 1)
        raise RunError(f"{error}: here that is --batch-size {smaller}, in a new run") from error


def _tell(findings, run, shown):
    for finding in findings:
        run.note(dataclasses.asdict(finding))
        shown.say(str(finding))
