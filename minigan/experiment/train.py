"""The main job: train, show progress, draw samples, save; and draw from what was saved."""

import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .. import viz
from ..random import Generator
from .run import RunError
from .trainer import build, sample

PICTURES = 10  # sample grids, and checkpoints, over a run
LOG_LINES = 500  # lines of metrics over a run
SAMPLE_ROWS = 10
_SHORT = {"critic_loss": "D", "generator_loss": "G", "penalty": "P"}  # the bar must fit 80 columns


def train(trainer, run, *, resume=False, output=sys.stderr):
    """Train to `trainer.config.steps`, or go on from the newest checkpoint of `run`.

    Returns the path of the last picture.
    Ctrl-C ends the step in hand, saves a checkpoint and raises KeyboardInterrupt.  RunError if a loss is no longer a
    number.
    """
    config = trainer.config
    if resume:
        trainer.load_state(*run.load_checkpoint())
        run.truncate_log(trainer.step_count)
    grid = _fixed_grid(trainer)
    picture = None
    started = time.perf_counter()
    with threadpool_limits(config.threads or None, "blas"), _interruption() as asked, _bar(trainer, output) as bar:
        while trainer.step_count < config.steps and not asked:
            report = trainer.step()
            _refuse_nan(report, trainer.step_count)
            seconds = time.perf_counter() - started
            _show(bar, trainer, report)
            if _every(LOG_LINES, trainer.step_count, config.steps):
                run.log({"step": trainer.step_count, "seconds": round(seconds, 3)} | report)
            if _every(PICTURES, trainer.step_count, config.steps):
                picture = _draw(run, trainer, grid)
                run.save_checkpoint(trainer.step_count, *trainer.state())
    if asked:
        run.save_checkpoint(trainer.step_count, *trainer.state())
        raise KeyboardInterrupt
    return picture or _draw(run, trainer, grid)


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


def draw(run, n, seed=0, label=None):
    """n images (n, H, W, C), float32 in [-1, 1], from the newest checkpoint of `run`.

    label: the class to draw, for a conditional generator; uniform over the classes if None.
    """
    _, config = run.read_config()
    arrays, state = run.load_checkpoint()
    classes, part = state["classes"], "ema.module" if config.ema else "generator"
    generator, _ = build(config, tuple(state["image_shape"]), classes, Generator(0))
    generator.load_state_dict({k.removeprefix(f"{part}."): v for k, v in arrays.items() if k.startswith(f"{part}.")})
    rng = Generator(seed)
    z = rng.normal((n, config.latent))
    if label is not None and not (classes and 0 <= label < classes):
        raise ValueError(f"label {label}: this generator has {classes or 'no'} classes")
    labels = None if not classes else rng.integers(0, classes, (n,)) if label is None else np.full(n, label)
    return sample(generator, z, labels)


def _fixed_grid(trainer):
    """The noise, and for a conditional generator the labels, of every picture of a run; each class is a column."""
    columns = trainer.classes or SAMPLE_ROWS
    n = SAMPLE_ROWS * columns
    rng = Generator(trainer.config.seed).spawn(5)[-1]
    labels = np.arange(n) % columns if trainer.classes else None
    return SimpleNamespace(z=rng.normal((n, trainer.config.latent)), labels=labels, columns=columns)


def _draw(run, trainer, grid):
    path = run.samples / f"step-{trainer.step_count:07d}.png"
    viz.save_grid(path, trainer.draw(grid.z, grid.labels), grid.columns)
    return path


def _every(times, step, steps):
    """Is `step` one of `times` evenly spaced ones, the last included?"""
    return step == steps or step % max(math.ceil(steps / times), 1) == 0


def _bar(trainer, output):
    return tqdm(
        total=trainer.config.steps * trainer.config.batch_size,
        initial=trainer.step_count * trainer.config.batch_size,
        unit="img",
        unit_scale=True,
        file=output,
        dynamic_ncols=True,
        mininterval=0.5 if output.isatty() else 10,
        bar_format="{desc} {percentage:3.0f}%|{bar:10}| {rate_fmt}, {remaining} left{postfix}",
    )


def _show(bar, trainer, report):
    bar.set_description_str(f"step {trainer.step_count}/{trainer.config.steps}", refresh=False)
    bar.set_postfix({_SHORT[name]: f"{value:.3f}" for name, value in report.items()}, refresh=False)
    bar.update(trainer.config.batch_size)


def _refuse_nan(report, step):
    for name, value in report.items():
        if not math.isfinite(value):
            raise RunError(
                f"{name} became {value} at step {step}: training has diverged. "
                "Lower the learning rates, or add a penalty"
            )
