"""Central differences: the derivative that a reader would take by hand.

    (f(x + h v) - f(x - h v)) / 2h = f'(x) v + h^2 f''' / 6 + eps |f| / h

The error is smallest, about eps^(2/3) = 4e-11, at h ~ eps^(1/3) = 6e-6 times the size of x: the bottom of the V-curve.
"""

from dataclasses import dataclass

import numpy as np

EPS = np.finfo(float).eps
STEP = EPS ** (1 / 3)
ROUNDING = 32.0  # how many roundings of its own size an output may carry


def difference(subject, k, probe, cotangents):
    """The derivative of <cotangents, outputs> along the probe in variable k, and the round-off it may carry.

    Outputs are subtracted before they are contracted: one that does not move contributes an exact zero.  Their
    roundings are independent, so they add like the sides of a right angle.
    """
    value, h = subject.variables[k].value, probe.h
    move = h * probe.direction(value)
    slope = size = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        ends = subject.evaluate(k, value + move), subject.evaluate(k, value - move)
        for above, below, u in zip(*ends, cotangents, strict=True):
            slope += np.sum(u.value * (above - below)) / (2 * h)
            size = np.hypot(size, np.hypot.reduce(u.value * (np.abs(above) + np.abs(below)), axis=None))
    return float(slope), float(ROUNDING * EPS * size / (2 * h))


@dataclass(frozen=True)
class Probe:
    """A step h along `vector`, or along the axis of one element."""

    h: float
    index: tuple | None = None
    vector: np.ndarray | None = None

    def direction(self, value):
        if self.index is None:
            return self.vector
        axis = np.zeros_like(value)
        axis[self.index] = 1
        return axis


def elements(value, eps):
    """A probe for every element of `value`."""
    return [Probe(eps * max(1.0, abs(value[index])), index) for index in np.ndindex(value.shape)]


def along(value, vector, eps):
    """A probe along one vector, its step scaled by the root mean square of `value`; none for an empty one."""
    return [Probe(eps * max(1.0, np.sqrt(np.mean(value * value))), vector=vector)] if value.size else []
