"""Settings of the C library's allocator, which make it keep freed memory instead of returning it to the system.

glibc returns a large freed block to the kernel, which hands it out again page by page, each page zeroed at a fault.  A
training step frees and takes the same megabytes over and over, and those faults cost as much as its arithmetic: keeping
the blocks halved the step of the default preset.  The settings hold for the whole process; `MINIGAN_MALLOC=default` in
the environment leaves them alone.
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = 32 << 20  # the most that glibc accepts: larger blocks are always mapped afresh
FREE_TOP_KEPT = 512 << 20


def keep_freed_memory():
    """Raise the thresholds of glibc; do nothing with another C library."""
    if sys.platform == "linux" and os.environ.get("MINIGAN_MALLOC") != "default":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
            mallopt(M_TRIM_THRESHOLD, FREE_TOP_KEPT)
