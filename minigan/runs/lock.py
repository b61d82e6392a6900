"""One process at a time: a lock that the kernel takes back when its holder dies, however it dies."""

import os
import platform
from contextlib import contextmanager

from filelock import FileLock, Timeout

from .errors import Busy


@contextmanager
def locked(folder):
    """Inside, this process alone writes the run in `folder`.  Busy, with the holder's pid, if another one does."""
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
    except FileNotFoundError:  # it has begun this very moment
        return "another process"
