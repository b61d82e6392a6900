"""Progress of a training: a bar on a terminal, and lines if the output is a file or a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from tqdm import tqdm

if TYPE_CHECKING:
    from ..trainers import BaseTrainer

__all__ = ["Progress", "progress"]

INTERVAL = 0.5  # seconds between two changes of the bar; looking at a loss may wait for a GPU
LINES = 20  # lines in a whole run, if the output is not a terminal
SILENCE = 60  # seconds without a line after which another one is written
_SHORT = {"critic_loss": "D", "generator_loss": "G", "penalty": "P"}  # the bar must fit 80 columns


class Progress(Protocol):
    """Display of the progress of a training."""

    def show(self, report: dict[str, float]) -> None:
        """Show the losses of a step; to be called after every step."""

    def say(self, text: str) -> None:
        """Write a line of text."""

    def close(self) -> None:
        """End the display."""


@contextmanager
def progress(trainer: BaseTrainer, output: TextIO) -> Iterator[Progress]:
    """Open the display of a training's progress.

    Args:
        trainer: The trainer.
        output: A text stream; unless it is a terminal it gets whole lines and no carriage return.
    """
    shown = (_Bar if output.isatty() else _Lines)(trainer, output)
    try:
        yield shown
    finally:
        shown.close()


class _Bar:
    def __init__(self, trainer, output):
        self._trainer, config = trainer, trainer.config
        self._changed = 0.0
        self._bar = tqdm(
            total=config.steps * config.batch_size,
            initial=trainer.step_count * config.batch_size,
            unit=trainer.unit,
            unit_scale=True,
            file=output,
            dynamic_ncols=True,
            mininterval=INTERVAL,
            bar_format="{desc} {percentage:3.0f}%|{bar:10}| {rate_fmt}, {remaining} left{postfix}",
        )

    def show(self, report):
        config = self._trainer.config
        self._bar.set_description_str(f"step {self._trainer.step_count}/{config.steps}", refresh=False)
        if (now := time.perf_counter()) - self._changed >= INTERVAL or self._trainer.step_count == config.steps:
            self._changed = now
            self._bar.set_postfix(_losses(report), refresh=False)
        self._bar.update(config.batch_size)

    def say(self, text):
        self._bar.write(text, file=self._bar.fp)

    def close(self):
        self._bar.close()


class _Lines:
    def __init__(self, trainer, output):
        self._trainer, self._output = trainer, output
        self._first, self._started = trainer.step_count, time.perf_counter()
        self._spoke = self._started

    def show(self, report):
        step, steps = self._trainer.step_count, self._trainer.config.steps
        due = step == steps or step % math.ceil(steps / LINES) == 0
        if due or time.perf_counter() - self._spoke >= SILENCE:
            self._spoke = time.perf_counter()
            losses = ", ".join(f"{name}={value}" for name, value in _losses(report).items())
            self.say(f"step {step}/{steps} {step / steps:4.0%}, {self._pace(step, steps)}, {losses}")

    def _pace(self, step, steps):
        rate = (step - self._first) / max(self._spoke - self._started, 1e-9)
        samples = tqdm.format_sizeof(rate * self._trainer.config.batch_size)
        return f"{samples}{self._trainer.unit}/s, {tqdm.format_interval((steps - step) / rate)} left"

    def say(self, text):
        self._output.write(f"{text}\n")
        self._output.flush()

    def close(self):
        """Do nothing: every line is complete."""


def _losses(report: dict[str, float]) -> dict[str, str]:
    return {_SHORT.get(name, name): f"{value:.3f}" for name, value in report.items()}
