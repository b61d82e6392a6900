"""Central differences: a numerical derivative by the formula that one would use by hand.

    (f(x + h v) - f(x - h v)) / 2h = f'(x) v + h^2 f''' / 6 + eps |f| / h

The error is smallest, about eps^(2/3) = 4e-11, at h ~ eps^(1/3) = 6e-6 times the size of x: the bottom of the V-curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import NDArray
    from .subject import Subject, Variable

__all__ = ["EPS", "STEP", "Probe", "along", "difference", "elements"]

EPS = float(np.finfo(float).eps)
STEP = EPS ** (1 / 3)
ROUNDING = 32.0  # assumed error of an output, as a multiple of the rounding error of one number of its size


def difference(subject: Subject, k: int, probe: Probe, cotangents: Sequence[Variable]) -> tuple[float, float]:
    """Return the derivative of <cotangents, outputs> along the probe in variable k, and a bound on its round-off.

    Outputs are subtracted before they are multiplied by the cotangents, so one that does not change contributes exactly
    0. Their rounding errors are independent, so the squares of these are added.
    """
    value, h = subject.variables[k].value, probe.h
    move = h * probe.direction(value)
    derivative = size = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        ends = subject.evaluate(k, value + move), subject.evaluate(k, value - move)
        for above, below, u in zip(*ends, cotangents, strict=True):
            derivative += np.sum(u.value * (above - below)) / (2 * h)
            size = np.hypot(size, np.hypot.reduce(u.value * (np.abs(above) + np.abs(below)), axis=None))
    return float(derivative), float(ROUNDING * EPS * size / (2 * h))


@dataclass(frozen=True)
class Probe:
    """A step h along `vector`, or along the axis of the element at `index`."""

    h: float
    index: tuple[int, ...] | None = None
    vector: NDArray[Any] | None = None

    def direction(self, value: NDArray[Any]) -> NDArray[Any]:
        """Return the direction, in the shape of `value`."""
        if self.vector is not None:
            return self.vector
        axis = np.zeros_like(value)
        axis[self.index] = 1
        return axis


def elements(value: NDArray[Any], eps: float) -> list[Probe]:
    """Return a probe for every element of `value`."""
    return [Probe(eps * max(1.0, float(abs(value[index]))), index) for index in np.ndindex(value.shape)]


def along(value: NDArray[Any], vector: NDArray[Any], eps: float) -> list[Probe]:
    """Return one probe along a vector, with a step scaled by the root mean square of `value`; none if that is empty."""
    return [Probe(eps * max(1.0, float(np.sqrt(np.mean(value * value)))), vector=vector)] if value.size else []
