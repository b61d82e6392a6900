"""Comparison of two libraries' results; nothing is timed unless they agree.

The workload itself is compared in float64. In float32 every ReLU is replaced by tanh: rounding can move a number that
is close to a kink to its other side, and one such number in a million changes sums that nearly cancel, such as the
gradients before a batch norm, by a percent.
"""

import numpy as np

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
FLOOR = 1e-3  # of the largest gradient: a gradient that is zero up to rounding is compared on the scale of the others


def disagreement(found, expected):
    """Return (the largest relative difference, the name of its array) between two dicts of arrays.

    A difference is relative to the largest element of the array. It is infinite for a name that only one dict has, for
    arrays of different shapes, and for NaN.
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
