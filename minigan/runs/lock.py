"""Lock of a run folder: one process at a time may write into it.

The operating system releases the lock of a process that dies.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from .errors import Busy

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Return a context in which only this process writes the run in `folder`.

    Raises:
        Busy: Another process writes it; the message has its process id.
    """
    lock, holder = FileLock(folder / ".lock"), folder / ".holder"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Busy(f"{folder} is being trained by {_name(holder)}: wait for it, or give another --out") from None
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _name(holder):
    try:
        return holder.read_text() or "another process"
    except FileNotFoundError:  # it took the lock and has not written its name yet
        return "another process"
