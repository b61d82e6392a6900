"""Types for the fields of a configuration: each carries the values that its field may have."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from ..suggest import nearest

__all__ = [
    "Count",
    "Extensible",
    "Fraction",
    "Mark",
    "NonNegative",
    "Positive",
    "Range",
    "UsedBy",
    "Whole",
    "metadata",
    "verify",
]


@dataclass(frozen=True)
class Range:
    """Values that a field may have.

    Attributes:
        fits: Function that returns whether a value is one of them.
        expected: Words that, after the name of the field, say the same: "must be at least 1".
    """

    fits: Callable[[Any], bool]
    expected: str


class UsedBy:
    """Models that use a field; with any other model the field must keep its default."""

    def __init__(self, *models: str) -> None:
        self.models = models


class Extensible:
    """Mark of a field whose choices hold for the command line only; in Python other values may be valid."""


class Mark(Enum):
    """Behaviour of a field when a run is continued."""

    CHANGEABLE = auto()
    """The field may change, because no result of the training depends on it."""
    RELATIVE = auto()
    """The field's effect is measured in fractions of the run, so it changes when the run gets longer."""


Count: TypeAlias = Annotated[int, Range(lambda value: value >= 1, "must be at least 1")]
"""An integer of at least 1."""

_AT_LEAST_0 = Range(lambda value: 0 <= value < math.inf, "must be at least 0")

Whole: TypeAlias = Annotated[int, _AT_LEAST_0]
"""An integer of at least 0."""

NonNegative: TypeAlias = Annotated[float, _AT_LEAST_0]
"""A finite number of at least 0."""

Positive: TypeAlias = Annotated[float, Range(lambda value: 0 < value < math.inf, "must be a positive number")]
"""A finite number above 0."""

Fraction: TypeAlias = Annotated[float, Range(lambda value: 0 <= value < 1, "must lie in [0, 1)")]
"""A number in [0, 1)."""


Kind = TypeVar("Kind")


def metadata(owner: type, kind: type[Kind]) -> dict[str, Kind]:
    """Return {field: its metadata of the given kind} for the fields of a dataclass that have such metadata."""
    return {
        name: found
        for name, hint in _hints(owner).items()
        for found in getattr(hint, "__metadata__", ())
        if isinstance(found, kind)
    }


@cache
def _hints(owner):
    return get_type_hints(owner, include_extras=True)


def verify(settings: object) -> None:
    """Compare the fields of a dataclass instance with their ranges and choices.

    Raises:
        ValueError: If a field has a value that its type does not allow.
    """
    owner: Any = type(settings)
    for name, allowed in metadata(owner, Range).items():
        if not allowed.fits(getattr(settings, name)):
            raise ValueError(f"{name} {allowed.expected}, got {getattr(settings, name)}")
    extensible = metadata(owner, Extensible)
    for name, hint in _hints(owner).items():
        bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        value, choices = getattr(settings, name), get_args(bare)
        if get_origin(bare) is Literal and value not in choices and name not in extensible:
            known = [str(choice) for choice in choices]
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}{nearest(str(value), known)}")
