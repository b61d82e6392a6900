"""The recording in progress, if any, to which the kernels of every backend report.

`minigan.capture` records a step and replays it. While it records, kernels must report random draws, changes in place,
numbers that change and what else Python does at every step, since every replay must repeat all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local
from typing import Any


class CaptureError(RuntimeError):
    """The error for a step that cannot be captured, or for a call that does not fit the captured step."""


class _Active(local):
    tape: Any = None  # of this thread: a recording, or recorded draws that are returned again


ACTIVE = _Active()


@contextmanager
def active(tape: Any) -> Iterator[Any]:
    """Report all computations of this thread to `tape` inside the context."""
    before, ACTIVE.tape = ACTIVE.tape, tape
    try:
        yield tape
    finally:
        ACTIVE.tape = before


def changing(array: Any) -> None:
    """Announce that an array which outlives the step, such as running statistics, is about to change in place."""
    if ACTIVE.tape is not None:
        ACTIVE.tape.changing(array)


def repeated(do: Callable[[], None], undo: Callable[[], None]) -> None:
    """Call do(), such as the counting of a step: now, or, while a step is recorded, at every replay.

    Args:
        do: The function to call.
        undo: Takes back the latest do().
    """
    if ACTIVE.tape is None:
        do()
    else:
        ACTIVE.tape.repeated(do, undo)


def number(current: Callable[[], float], dtype: Any) -> Any:
    """Return current(); while a step is recorded, an array of shape () that holds current() at every replay.

    Args:
        current: Returns a number that changes from step to step.
        dtype: The dtype of the array.
    """
    return current() if ACTIVE.tape is None else ACTIVE.tape.number(current, dtype)
