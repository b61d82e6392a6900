"""Timing in turns.

The libraries take turns at a workload, so that a busy moment of the machine slows all of them. A turn begins with calls
that are not measured, because the caches are cold and threads of the previous library may still be spinning.
"""

import time

SETTLE, MEASURE = 0.03, 0.05  # seconds of a turn, unmeasured and measured; at least one call each


def turn(step, patience=1.0):
    """Return the mean seconds of a call of `step` over one turn; `patience` is a factor of the turn's length."""
    _repeat(step, SETTLE * patience)
    calls, seconds = _repeat(step, MEASURE * patience)
    return seconds / calls


def _repeat(step, least):
    """Call `step` until at least `least` seconds have passed; return (number of calls, seconds)."""
    calls, start = 0, time.perf_counter()
    while True:
        step()
        calls += 1
        if (passed := time.perf_counter() - start) >= least:
            return calls, passed
