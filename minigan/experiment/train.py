"""The main job: train, show progress, draw samples, save."""

import dataclasses
import math
import signal
import sys
import threading
import time
from contextlib import contextmanager

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .device import precision_of
from .run import RunError
from .summaries import summaries

PICTURES = 25  # over a run: the frames of its animation
CHECKPOINTS = 10
LOG_LINES = 500  # lines of metrics over a run
EXAMINATIONS = 20  # for what may be going wrong, over a run: each costs some four steps
_SHORT = {"critic_loss": "D", "generator_loss": "G", "penalty": "P"}  # the bar must fit 80 columns


def train(trainer, run, *, resume=False, output=sys.stderr):
    """Train to `trainer.config.steps`, or go on from the newest checkpoint of `run`.  trainer: a `BaseTrainer`.

    Returns the path of the last picture.
    What goes wrong without stopping it is said on `output` and written to findings.jsonl.
    Ctrl-C ends the step in hand, saves a checkpoint and raises KeyboardInterrupt.  RunError, with the cause, if a loss
    is no longer a number.
    """
    config = trainer.config
    if resume:
        trainer.load_state(*run.load_checkpoint())
        run.truncate_log(trainer.step_count)
    picture = None
    started = time.perf_counter() - run.seconds()
    with (
        threadpool_limits(config.threads or None, "blas"),
        precision_of(trainer),
        _interruption() as asked,
        _bar(trainer, output) as bar,
        summaries(run.summaries, config.summary_interval, trainer.step_count) as summarise,
    ):
        while trainer.step_count < config.steps and not asked:
            report, step = _step(trainer), trainer.step_count
            tested = trainer.test() if _due(config.test_interval, step, config.steps) else {}
            _show(bar, trainer, report)
            record = report | trainer.gradient_norms() | tested
            summarise(step, record)
            if tested or _every(LOG_LINES, step, config.steps):
                run.log({"step": step, "seconds": round(time.perf_counter() - started, 3)} | record)
            if step == 1 or _every(EXAMINATIONS, step, config.steps):
                _tell(trainer.diagnose(), run, bar)
            if _every(PICTURES, step, config.steps):
                picture = _draw(run, trainer)
            if _every(CHECKPOINTS, step, config.steps):
                run.save_checkpoint(step, *trainer.state())
    if asked:
        run.save_checkpoint(trainer.step_count, *trainer.state())
        raise KeyboardInterrupt
    return picture or _draw(run, trainer)


@contextmanager
def _interruption():
    """A list that is no longer empty once Ctrl-C was pressed: a step cut in two could not be resumed exactly.

    A second Ctrl-C interrupts at once.  Outside the main thread, where signals cannot be caught, it stays empty.
    """
    asked = []

    def ask(signum, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _draw(run, trainer):
    path = run.samples / f"step-{trainer.step_count:07d}.png"
    trainer.picture(path)
    return path


def _every(times, step, steps):
    """Is `step` one of `times` evenly spaced ones, the last included?"""
    return _due(max(math.ceil(steps / times), 1), step, steps)


def _due(interval, step, steps):
    """Is `step` a multiple of `interval`, or the last?"""
    return step == steps or step % interval == 0


def _bar(trainer, output):
    return tqdm(
        total=trainer.config.steps * trainer.config.batch_size,
        initial=trainer.step_count * trainer.config.batch_size,
        unit=trainer.unit,
        unit_scale=True,
        file=output,
        dynamic_ncols=True,
        mininterval=0.5 if output.isatty() else 10,
        bar_format="{desc} {percentage:3.0f}%|{bar:10}| {rate_fmt}, {remaining} left{postfix}",
    )


def _show(bar, trainer, report):
    bar.set_description_str(f"step {trainer.step_count}/{trainer.config.steps}", refresh=False)
    bar.set_postfix({_SHORT.get(name, name): f"{value:.3f}" for name, value in report.items()}, refresh=False)
    bar.update(trainer.config.batch_size)


def _step(trainer):
    try:
        return trainer.step()
    except FloatingPointError as error:
        cause = trainer.cause() or f"step {trainer.step_count + 1}: {error}"
        raise RunError(f"training has diverged. {cause}") from error
    except MemoryError as error:
        halvings = next((e.halvings for e in (error, error.__cause__) if hasattr(e, "halvings")), 1)
        smaller = max(trainer.config.batch_size >> halvings, 1)
        raise RunError(f"{error}: here that is --batch-size {smaller}, in a new run") from error


def _tell(findings, run, bar):
    for finding in findings:
        run.note(dataclasses.asdict(finding))
        bar.write(str(finding), file=bar.fp)
