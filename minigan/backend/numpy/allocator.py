"""Settings of the C library's allocator, which make it keep freed memory instead of returning it to the system.

glibc returns a large freed block to the operating system, which hands memory out again page by page and fills each page
with zeros at its first use. A training step frees and allocates the same megabytes over and over, and these page
faults cost as much time as its arithmetic: keeping the blocks halved the time of a step of the default preset. The
settings hold for the whole process; set the environment variable `MINIGAN_MALLOC=default` to leave glibc's own.
"""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = 32 << 20  # the most that glibc accepts: larger blocks are always allocated anew
FREE_TOP_KEPT = 512 << 20


def keep_freed_memory() -> None:
    """Raise the thresholds of glibc; do nothing with another C library."""
    if sys.platform == "linux" and os.environ.get("MINIGAN_MALLOC") != "default":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
            mallopt(M_TRIM_THRESHOLD, FREE_TOP_KEPT)
