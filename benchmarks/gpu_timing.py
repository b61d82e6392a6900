"""Time of a call on a GPU, between two events that the device itself records."""

import time
from statistics import median

import cupy

ROUNDS = 7
SECONDS = 0.02  # of a round, of as many calls as are expected to fit


def timed(function, seconds=SECONDS):
    """Return {"ms": milliseconds of a call on the device, "host ms": those in which the host is busy with it}.

    Both are medians of several rounds. The host's are less where it runs ahead; where it does not, it may be what the
    device waits for.
    """
    _round(function, 3)
    calls = max(1, round(1e3 * seconds / max(*_round(function, 3), 1e-3)))
    device, host = zip(*[_round(function, calls) for _ in range(ROUNDS)], strict=True)
    return {"ms": median(device), "host ms": median(host)}


def _round(function, calls):
    """Return the milliseconds of a call (on the device, on the host)."""
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    cupy.cuda.runtime.deviceSynchronize()
    begun = time.perf_counter()
    start.record()
    for _ in range(calls):
        function()
    end.record()
    host = 1e3 * (time.perf_counter() - begun)
    end.synchronize()
    return cupy.cuda.get_elapsed_time(start, end) / calls, host / calls
