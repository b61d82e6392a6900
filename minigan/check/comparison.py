"""Results of a gradient check, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Comparison", "GradcheckError", "GradcheckReport", "place"]


@dataclass(frozen=True)
class Comparison:
    """Largest difference between the analytic and the numeric derivative of one variable at one order.

    Attributes:
        order: The order of the derivative.
        input: The position of the variable among the inputs; None for a cotangent, which varies from order 2 on.
        name, label: The name of the variable, or "", and its description in messages.
        index: The element; None in fast mode, where the numbers are derivatives along one random unit direction, and
            for a variable without elements.
        analytic, numeric: Both derivatives.
        relative_error, tolerance: Their relative difference, and the largest one allowed.
        reached: Whether the outputs depend on the variable; if not, its gradient counts as zero.
    """

    order: int
    input: int | None
    name: str
    label: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    relative_error: float
    tolerance: float
    reached: bool = True

    def __str__(self) -> str:
        note = "" if self.reached else "  (not reached: counts as zero)"
        return (
            f"order {self.order}, {self.label}, {place(self.index)}: analytic {self.analytic:.12g}, "
            f"numeric {self.numeric:.12g}, relative error {self.relative_error:.1e}{note}"
        )


@dataclass(frozen=True)
class GradcheckReport:
    """Report of a check that has passed; `print` shows it as text.

    Attributes:
        comparisons: For every order and variable, the comparison that came closest to failing.
        orders: The orders that were compared.
        mode: "full" or "fast".
        tolerance: The largest relative error allowed.
    """

    comparisons: tuple[Comparison, ...]
    orders: tuple[int, ...]
    mode: str
    tolerance: float

    @property
    def relative_error(self) -> float:
        """The largest relative error of all comparisons."""
        return max(c.relative_error for c in self.comparisons)

    def __str__(self) -> str:
        orders = " and ".join(map(str, self.orders))
        head = f"gradcheck passed: order {orders}, {self.mode} mode, largest relative error {self.relative_error:.1e}"
        return "\n  ".join([f"{head} (tolerance {self.tolerance:g})", *map(str, self.comparisons)])


class GradcheckError(AssertionError):
    """Failure of a gradient check: a derivative is wrong, or f cannot be checked.

    Attributes:
        comparison: The variable, the element and both numbers, or None if no numbers were compared.
        cause: The likely cause, or None if it is unknown.
    """

    comparison: Comparison | None
    cause: str | None

    def __init__(self, message: str, comparison: Comparison | None = None, cause: str | None = None) -> None:
        super().__init__(f"{message}. Likely cause: {cause}" if cause else message)
        self.comparison = comparison
        self.cause = cause


def place(index: tuple[Any, ...] | None) -> str:
    """Return the element or direction of a comparison in words."""
    return "along a random unit direction" if index is None else f"element {tuple(map(int, index))}"
