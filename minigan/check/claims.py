"""Claims of a text, each with both of its sides computed, and with wrong variants that the same check must reject.

    @claim("4.2", "V(D*, G) = 2 JSD(p, q) - log 4", source="Goodfellow et al. 2014, theorem 1", tolerance=1e-12)
    def value_at_the_optimum(constant=math.log(4)):
        return value(p, q), 2 * jsd(p, q) - constant

    value_at_the_optimum.wrong("without the constant", constant=0)
    check(value_at_the_optimum)

A check that could not have failed proves nothing: `check` refuses a claim without a wrong variant.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor


class ClaimError(AssertionError):
    """A claim that does not hold, or whose check rejects none of its wrong variants; the message has the numbers."""


@dataclass(frozen=True)
class Result:
    """What a check found.  controls: (what is wrong, distance) of every wrong variant.  seconds: of the whole check."""

    number: str
    statement: str
    source: str
    measure: str
    tolerance: float
    distance: float
    controls: tuple
    seconds: float

    @property
    def holds(self):
        """Is the distance within the tolerance, and that of every wrong variant beyond it?"""
        return self.distance <= self.tolerance and bool(self.controls) and not self.missed

    @property
    def missed(self):
        """The wrong variants that the check does not reject."""
        return [what for what, distance in self.controls if distance <= self.tolerance]

    def lines(self):
        """For a reader: the verdict, and below it that on each wrong variant."""
        unit = "" if self.measure in ("relative", "absolute") else f" {self.measure}"
        yield f"{self.number}  {self.statement}"
        verdict = "holds" if self.distance <= self.tolerance else "DOES NOT HOLD"
        yield f"     {verdict}: {self.distance:.1e}{unit}, tolerance {self.tolerance:.0e}  [{self.source}]"
        for what, distance in self.controls:
            verdict = "NOT REJECTED" if distance <= self.tolerance else "rejected"
            yield f"     {verdict}, {what}: {distance:.1e}{unit}"
        if not self.controls:
            yield "     HAS NO WRONG VARIANT that the check could reject"


class Claim:
    """A statement and the function that computes its two sides; what `claim` makes of the function."""

    def __init__(self, sides, number, statement, source, tolerance, measure):
        self.sides, self.number, self.statement, self.source = sides, number, statement, source
        self.tolerance, self.measure = tolerance, measure
        self.variants = []
        self.__doc__ = sides.__doc__

    def __call__(self, **changed):
        """The two sides, or those of a variant."""
        return self.sides(**changed)

    def wrong(self, what, **changed):
        """A wrong variant: the same function with some of its parameters changed."""
        self.variants.append((what, changed))
        return self

    def distance(self, **changed):
        """How far apart the two sides are."""
        a, b, *error = map(_array, self.sides(**changed))
        if a.shape != b.shape:
            raise ValueError(f"claim {self.number}: its sides have shapes {a.shape} and {b.shape}")
        return MEASURES[self.measure](a, b, *error)

    def result(self):
        """The `Result` of computing all of it."""
        started = time.perf_counter()
        distance = self.distance()
        controls = tuple((what, self.distance(**changed)) for what, changed in self.variants)
        return Result(
            self.number, self.statement, self.source, self.measure, self.tolerance, distance, controls,
            time.perf_counter() - started,
        )  # fmt: skip


def claim(number, statement, *, source, tolerance, measure="relative"):
    """Declare a claim; a decorator for the function that returns its two sides, as numbers, arrays or Tensors.

    number: "4.2" is the second claim of chapter 4.  measure: of the distance between the sides,
        "relative": max |a - b| / max(|a|, |b|), where both are 0 it is 0; "absolute": max |a - b|;
        "excess": max (a - b) where that is positive, for a <= b;
        "sigmas": |a - b| / s, where the function returns a third value, the standard error s.
    """
    if measure not in MEASURES:
        raise ValueError(f"claim {number}: measure must be one of {', '.join(MEASURES)}, got {measure!r}")

    def declare(sides):
        return Claim(sides, number, statement, source, tolerance, measure)

    return declare


_collected = []  # the lists of those who collect, innermost last


def check(claim):
    """Compute a claim and its wrong variants, and print what was found.  ClaimError if it does not hold."""
    result = claim.result()
    if _collected:
        _collected[-1].append(result)
        return
    print(*result.lines(), sep="\n")
    if not result.holds:
        raise ClaimError("\n".join(result.lines()))


def answer(claim, function):
    """Print how a reader's `function` does in an exercise: the claim takes it in the place of its parameter `answer`.

    One that still raises NotImplementedError is an exercise not yet tried.
    """
    try:
        distance = claim.distance(answer=function)
    except NotImplementedError:
        verdict = "not tried yet"
    else:
        if distance == 0:
            verdict = "exact"
        elif distance <= claim.tolerance:
            verdict = f"approximately equal: {distance:.1e}, tolerance {claim.tolerance:.0e}"
        else:
            verdict = f"not yet: the largest difference is {distance:.1e}, tolerance {claim.tolerance:.0e}"
    if not _collected:
        print(f"exercise {claim.number}: {verdict}")


@contextmanager
def collecting():
    """A context that gives a list: `check` adds its `Result` there, and neither prints nor raises."""
    _collected.append([])
    try:
        yield _collected[-1]
    finally:
        _collected.pop()


def is_collecting():
    """Does somebody want the results alone?  Pictures are then not drawn."""
    return bool(_collected)


def _relative(a, b):
    scale = np.maximum(abs(a), abs(b))
    return _largest(abs(a - b) / np.where(scale == 0, 1, scale))


def _absolute(a, b):
    return _largest(abs(a - b))


def _excess(a, b):
    return max(_largest(a - b), 0.0)


def _sigmas(a, b, s):
    return _largest(abs(a - b) / s)


def _largest(x):
    """NaN is as far as can be."""
    largest = float(np.max(x))
    return largest if largest == largest else float("inf")


MEASURES = {"relative": _relative, "absolute": _absolute, "excess": _excess, "sigmas": _sigmas}


def _array(side):
    return side.numpy() if isinstance(side, Tensor) else np.asarray(side)
