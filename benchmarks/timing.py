"""Measuring in turns.

The participants of a workload take turns, so that a busy moment of the machine meets all of them.  A turn begins with
calls that are not measured: caches are cold, and the threads of whoever was there before may still spin.
"""

import time

SETTLE, MEASURE = 0.03, 0.05  # seconds of a turn, at least one call each


def turn(step, patience=1.0):
    """Mean seconds of a call of `step`, over as many as fit in a turn; patience: a factor of its length."""
    _repeat(step, SETTLE * patience)
    calls, seconds = _repeat(step, MEASURE * patience)
    return seconds / calls


def _repeat(step, least):
    """(how many, how long): calls of `step` until `least` seconds have passed."""
    calls, start = 0, time.perf_counter()
    while True:
        step()
        calls += 1
        if (passed := time.perf_counter() - start) >= least:
            return calls, passed
