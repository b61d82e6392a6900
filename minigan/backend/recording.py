"""The recording in progress, if any, to which the kernels of every backend report.

`minigan.capture` records a step and replays it. While it records, kernels must report random draws and changes in
place, since every replay must repeat both.
"""

from __future__ import annotations

from collections.abc import Iterator
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
