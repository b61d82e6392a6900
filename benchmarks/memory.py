"""How much memory this process holds, and has held at most."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident():
    """Bytes resident now; the most so far where the system does not say."""
    return _status("VmRSS") or _most()


def peak():
    """The most bytes that were resident at a time.

    On Linux not from getrusage, which a child that was started from a larger process inherits from it.
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
