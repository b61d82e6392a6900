"""Resident memory of this process, now and at its peak."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident():
    """Return the resident bytes, or the peak where the system does not give the present number."""
    return _status("VmRSS") or _most()


def peak():
    """Return the largest number of bytes that were resident at a time.

    On Linux it is not taken from getrusage: a process inherits that number from a larger process that started it.
    """
    return _status("VmHWM") or _most()


def _status(name):
    if not _STATUS.exists():
        return 0
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 if name in lines else 0


def _most():
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
