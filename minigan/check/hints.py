"""The likely cause of a wrong gradient, guessed from its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .differences import difference
from .kink import bends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import NDArray
    from .comparison import Comparison
    from .differences import Probe
    from .subject import Subject, Variable

__all__ = ["likely_cause"]

FINER = 16  # the factor by which the second step is smaller
FAMILIAR = {2.0: "2 times", 0.5: "half of"}


def likely_cause(
    subject: Subject,
    k: int,
    probe: Probe,
    cotangents: Sequence[Variable],
    worst: Comparison,
    analytic: NDArray[Any],
    numeric: NDArray[Any],
    wrong: NDArray[Any],
) -> str | None:
    """Return the likely reason why the gradient of variable k is wrong, as a clause, or None.

    Args:
        subject: The function under test.
        k: The position of the variable.
        probe, worst: The probe at which the disagreement is worst, and the comparison there.
        cotangents: The weights of the outputs.
        analytic, numeric, wrong: Both derivatives, and whether they disagree, for everything that was probed.
    """
    a, n = worst.analytic, worst.numeric
    if not np.isfinite([a, n]).all():
        return "an infinite or undefined value: a square root, a logarithm or a division at 0, or an overflow"
    finer = replace(probe, h=probe.h / FINER)
    if _kinked(subject, k, probe) and _kinked(subject, k, finer):
        return (
            f"f has a kink or a jump within {finer.h:.1e} of this point: there is no derivative to compare with, "
            "so the gradient is not to blame; move the point"
        )
    better, _ = difference(subject, k, finer, cotangents)
    if abs(better - n) > 0.1 * abs(a - n):
        return (
            f"the numeric value is not reliable: a step {FINER} times smaller gives {better:.12g}; within "
            f"{probe.h:.1e} of this point f has a kink or bends too much, so move the point or pass a smaller eps"
        )
    return (
        _zero(analytic, numeric, wrong, worst.order)
        or _transposed(analytic, numeric)
        or _factor(analytic, numeric, wrong)
    )


def _kinked(subject, k, probe):
    value = subject.variables[k].value
    direction = probe.direction(value)
    return any(np.any(b) for b in bends(lambda t: subject.evaluate(k, value + t * direction), probe.h))


def _zero(analytic, numeric, wrong, order):
    if np.all(analytic[wrong] == 0):
        where = "everywhere" if np.all(analytic == 0) else "there"
        who = "f" if order == 1 else "a vjp"
        return (
            f"the gradient is zero {where}, although f changes: history lost ({who} uses .data, .numpy() or a "
            "detached tensor), or a vjp that returns 0"
        )
    if np.all(numeric[wrong] == 0):
        return "f does not depend on this at all, but its gradient is not zero"
    return None


def _transposed(analytic, numeric):
    """Test whether the analytic gradient, reshaped, is the numeric one with two axes exchanged."""
    close = 1e-4 * np.max(np.abs(numeric))
    for i in range(analytic.ndim):
        for j in range(i):
            shape = list(analytic.shape)
            shape[i], shape[j] = shape[j], shape[i]
            if np.allclose(analytic.reshape(shape).swapaxes(i, j), numeric, rtol=0, atol=close):
                return f"the gradient is transposed: axes {j} and {i} are exchanged"
    return None


def _factor(analytic, numeric, wrong):
    """Test whether all wrong elements are off by the same factor."""
    clear = wrong & (np.abs(numeric) > 1e-3 * np.max(np.abs(numeric)))
    if not clear.any():
        return None
    ratios = analytic[clear] / numeric[clear]
    ratio = float(np.median(ratios))
    if np.max(np.abs(ratios - ratio)) > 1e-3 * abs(ratio):
        return None
    who = "the gradient is" if wrong.all() else "where it is wrong, the gradient is"
    if abs(ratio + 1) < 1e-3:
        return f"{who} the negative of what it should be: a sign"
    for known, words in FAMILIAR.items():
        if abs(ratio / known - 1) < 1e-3:
            return f"{who} {words} what it should be: a factor {known:g}"
    n = analytic.size
    if n > 1 and min(abs(ratio / n - 1), abs(ratio * n - 1)) < 1e-3:
        return f"{who} off by the number of elements, {n}: a sum for a mean, or the reverse"
    return f"{who} {ratio:.6g} times what it should be: a constant factor" if clear.sum() > 1 else None
