"""Do two libraries compute the same?  Nothing is timed unless they do.

The workload itself is judged in float64; in float32 with a tanh for every ReLU: a number within rounding of a kink may
fall on either side, and one of a million that does moves sums that nearly cancel, like the gradients before a batch
norm, by a percent.
"""

import numpy as np

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
FLOOR = 1e-3  # of the largest gradient: one that is zero but for rounding is judged by the others


def disagreement(found, expected):
    """(the largest relative difference, the name of the number that has it) of two dicts of arrays.

    A difference is relative to the largest element of its array; another name, shape or a NaN differs infinitely.
    """
    if missing := sorted(found.keys() ^ expected.keys()):
        return np.inf, missing[0]
    floor = FLOOR * max(_largest(array) for array in expected.values())
    return max((_error(name, found[name], expected[name], floor), name) for name in expected)


def _error(name, found, expected, floor):
    found = np.asarray(found)
    if found.shape != expected.shape:
        return np.inf
    error = _largest(found - expected) / max(_largest(expected), floor)
    return error if np.isfinite(error) else np.inf


def _largest(array):
    return float(np.abs(array).max(initial=0))
