"""Claims of a text: `check` computes both sides of each claim, and of wrong variants, which it must reject.

    @claim("4.2", "V(D*, G) = 2 JSD(p, q) - log 4", source="Goodfellow et al. 2014, theorem 1", tolerance=1e-12)
    def value_at_the_optimum(constant=math.log(4)):
        return value(p, q), 2 * jsd(p, q) - constant

    value_at_the_optimum.wrong("without the constant", constant=0)
    check(value_at_the_optimum)

A check that could not have failed proves nothing: `check` refuses a claim without a wrong variant.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..types import NDArray

    Measure = Literal["relative", "absolute", "excess", "sigmas"]

__all__ = ["MEASURES", "Claim", "ClaimError", "Result", "answer", "check", "claim", "collecting", "is_collecting"]


class ClaimError(AssertionError):
    """Failure of `check`: a claim does not hold, or a wrong variant is not rejected; the message has the numbers."""


@dataclass(frozen=True)
class Result:
    """Result of checking a claim.

    Attributes:
        number, statement, source, measure, tolerance: As in the claim.
        distance: The distance between the two sides of the claim.
        controls: For every wrong variant, a description of the error and the distance between its sides.
        seconds: The time that the whole check took.
    """

    number: str
    statement: str
    source: str
    measure: str
    tolerance: float
    distance: float
    controls: tuple[tuple[str, float], ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Return whether the sides agree within the tolerance, and all wrong variants, at least one, are rejected."""
        return self.distance <= self.tolerance and bool(self.controls) and not self.missed

    @property
    def missed(self) -> list[str]:
        """The wrong variants that the check does not reject."""
        return [what for what, distance in self.controls if distance <= self.tolerance]

    def lines(self) -> Iterator[str]:
        """Yield the lines to print: the statement, the verdict on it, and the verdict on each wrong variant."""
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
    """A statement and the function that computes its two sides; the decorator `claim` makes it from the function.

    Attributes:
        sides: The function, which returns both sides; changing its parameters gives a variant.
        number, statement, source, tolerance, measure: As in `claim`.
        variants: For every wrong variant, a description of the error and the changed parameters.
    """

    sides: Callable[..., Any]
    number: str
    statement: str
    source: str
    tolerance: float
    measure: Measure
    variants: list[tuple[str, dict[str, Any]]]

    def __init__(
        self,
        sides: Callable[..., Any],
        number: str,
        statement: str,
        source: str,
        tolerance: float,
        measure: Measure,
    ) -> None:
        self.sides, self.number, self.statement, self.source = sides, number, statement, source
        self.tolerance, self.measure = tolerance, measure
        self.variants = []
        self.__doc__ = sides.__doc__

    def __call__(self, **changed: Any) -> Any:
        """Return the two sides, computed with changed parameters if any are given."""
        return self.sides(**changed)

    def wrong(self, what: str, **changed: Any) -> Claim:
        """Add a wrong variant, which the check must reject, and return the claim.

        Args:
            what: A description of the error in this variant.
            changed: Parameters of the function, with the values that make the claim wrong.
        """
        self.variants.append((what, changed))
        return self

    def distance(self, **changed: Any) -> float:
        """Return the distance between the two sides, or the sides of a variant; raise ValueError if shapes differ."""
        a, b, *error = map(_array, self.sides(**changed))
        if a.shape != b.shape:
            raise ValueError(f"claim {self.number}: its sides have shapes {a.shape} and {b.shape}")
        return MEASURES[self.measure](a, b, *error)

    def result(self) -> Result:
        """Compute the claim and all of its wrong variants, and return the result."""
        started = time.perf_counter()
        distance = self.distance()
        controls = tuple((what, self.distance(**changed)) for what, changed in self.variants)
        return Result(
            self.number, self.statement, self.source, self.measure, self.tolerance, distance, controls,
            time.perf_counter() - started,
        )  # fmt: skip


def claim(
    number: str, statement: str, *, source: str, tolerance: float, measure: Measure = "relative"
) -> Callable[[Callable[..., Any]], Claim]:
    """Declare a claim: a decorator for the function that returns its two sides, as numbers, arrays or Tensors.

    Args:
        number: The number of the claim; "4.2" is the second claim of chapter 4.
        statement: The formula.
        source: The paper and equation, or the section of the text that derives the formula.
        tolerance: The largest distance between the sides at which the claim holds.
        measure: The measure of the distance between the sides a and b:
            "relative" is max |a - b| / max(|a|, |b|), or 0 where both are 0;
            "absolute" is max |a - b|;
            "excess" is max (a - b), or 0 if that is negative, for claims that a <= b;
            "sigmas" is max |a - b| / s, where the function returns a third value, the standard error s.

    Raises:
        ValueError: If the measure is unknown.
    """
    if measure not in MEASURES:
        raise ValueError(f"claim {number}: measure must be one of {', '.join(MEASURES)}, got {measure!r}")

    def declare(sides: Callable[..., Any]) -> Claim:
        return Claim(sides, number, statement, source, tolerance, measure)

    return declare


_collected: list[list[Result]] = []  # one list for every open `collecting`, innermost last


def check(claim: Claim) -> None:
    """Compute a claim and its wrong variants, and print the result.

    Raises:
        ClaimError: If the claim does not hold, or a wrong variant is not rejected.
    """
    result = claim.result()
    if _collected:
        _collected[-1].append(result)
        return
    print(*result.lines(), sep="\n")
    if not result.holds:
        raise ClaimError("\n".join(result.lines()))


def answer(claim: Claim, function: Callable[..., Any]) -> None:
    """Print whether a reader's answer to an exercise is right.

    Args:
        claim: The claim of the exercise, whose function has a parameter `answer`.
        function: The reader's answer, which is passed as that parameter. If it raises NotImplementedError, the
            exercise has not been tried yet.
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
def collecting() -> Iterator[list[Result]]:
    """Open a context in which `check` adds its results to the list that is yielded, instead of printing or raising."""
    _collected.append([])
    try:
        yield _collected[-1]
    finally:
        _collected.pop()


def is_collecting() -> bool:
    """Return whether a `collecting` context is open; chapters draw no pictures in it."""
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
    """Return the largest element, or infinity if there is a NaN."""
    largest = float(np.max(x))
    return largest if largest == largest else float("inf")


MEASURES: dict[str, Callable[..., float]] = {
    "relative": _relative,
    "absolute": _absolute,
    "excess": _excess,
    "sigmas": _sigmas,
}
"""The measures of the distance between the sides of a claim, by name."""


def _array(side: Any) -> NDArray[Any]:
    return side.numpy() if isinstance(side, Tensor) else np.asarray(side)
