"""Types for the fields of a configuration: each carries the values that its field may have."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

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
        fits: Returns whether a value is one of them.
        expected: The same in words, after the name of the field.
    """

    fits: Callable[[Any], bool]
    expected: str


class UsedBy:
    """Models that use a field; with any other model it must keep its default."""

    def __init__(self, *models: str) -> None:
        self.models = models


class Extensible:
    """The choices are those of the command line; other values may be valid in Python."""


class Mark(Enum):
    """Effects of a field on a run that goes on."""

    CHANGEABLE = auto()
    """The field may change, as no number of the training depends on it."""
    RELATIVE = auto()
    """The field's effect is measured in fractions of the run, so it changes when the run gets longer."""


Count: TypeAlias = Annotated[int, Range(lambda value: value >= 1, "must be at least 1")]
"""An integer from 1 on."""

_AT_LEAST_0 = Range(lambda value: 0 <= value < math.inf, "must be at least 0")

Whole: TypeAlias = Annotated[int, _AT_LEAST_0]
"""An integer from 0 on."""

NonNegative: TypeAlias = Annotated[float, _AT_LEAST_0]
"""A finite number from 0 on."""

Positive: TypeAlias = Annotated[float, Range(lambda value: 0 < value < math.inf, "must be a positive number")]
"""A finite number above 0."""

Fraction: TypeAlias = Annotated[float, Range(lambda value: 0 <= value < 1, "must lie in [0, 1)")]
"""A number from 0 to 1, without 1."""


def metadata(owner: type, kind: type) -> dict[str, Any]:
    """Return {field: its metadata of the given kind} for those fields of a dataclass that have any."""
    return {
        name: found
        for name, hint in _hints(owner).items()
        for found in getattr(hint, "__metadata__", ())
        if isinstance(found, kind)
    }


@cache
def _hints(owner):
    return get_type_hints(owner, include_extras=True)


def verify(settings: Any) -> None:
    """Compare the fields of a dataclass instance with their ranges and choices.

    Raises:
        ValueError: A field has a value that its type does not allow.
    """
    for name, allowed in metadata(type(settings), Range).items():
        if not allowed.fits(getattr(settings, name)):
            raise ValueError(f"{name} {allowed.expected}, got {getattr(settings, name)}")
    extensible = metadata(type(settings), Extensible)
    for name, hint in _hints(settings.__class__).items():
        bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        value, choices = getattr(settings, name), get_args(bare)
        if get_origin(bare) is Literal and value not in choices and name not in extensible:
            known = [str(choice) for choice in choices]
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}{nearest(str(value), known)}")
