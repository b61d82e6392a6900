"""What a gradient check found, in words and numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One variable at one order: where its analytic and numeric derivatives differ most.

    input: its position among the inputs, None for a cotangent (which varies from order 2 on).
    index: the element; None in fast mode, where the numbers are derivatives along one random unit direction, and for a
        variable without elements.
    reached: False if the engine found no path to it, so that its gradient counts as zero.
    """

    order: int
    input: int | None
    name: str
    label: str
    index: tuple | None
    analytic: float
    numeric: float
    relative_error: float
    tolerance: float
    reached: bool = True

    def __str__(self):
        note = "" if self.reached else "  (not reached: counts as zero)"
        return (
            f"order {self.order}, {self.label}, {place(self.index)}: analytic {self.analytic:.12g}, "
            f"numeric {self.numeric:.12g}, relative error {self.relative_error:.1e}{note}"
        )


@dataclass(frozen=True)
class GradcheckReport:
    """A passed check: for every order and variable, the comparison that came closest to failing."""

    comparisons: tuple[Comparison, ...]
    orders: tuple[int, ...]
    mode: str
    tolerance: float

    @property
    def relative_error(self):
        """The largest of all."""
        return max(c.relative_error for c in self.comparisons)

    def __str__(self):
        orders = " and ".join(map(str, self.orders))
        head = f"gradcheck passed: order {orders}, {self.mode} mode, largest relative error {self.relative_error:.1e}"
        return "\n  ".join([f"{head} (tolerance {self.tolerance:g})", *map(str, self.comparisons)])


class GradcheckError(AssertionError):
    """A derivative is wrong, or f is not a function that can be checked.

    comparison: the numbers, where there are any.  cause: the likely cause, where it could be told.
    """

    def __init__(self, message, comparison=None, cause=None):
        super().__init__(f"{message}. Likely cause: {cause}" if cause else message)
        self.comparison = comparison
        self.cause = cause


def place(index):
    return "along a random unit direction" if index is None else f"element {tuple(map(int, index))}"
