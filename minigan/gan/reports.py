"""Reports of training steps: numbers by name. Those of a captured step on a GPU are read when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Later", "Report", "divide"]


class Later:
    """A number that is still being computed.

    Args:
        read: Waits for the number and returns it.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self.read = read


class Report(dict[str, float]):
    """A dict of numbers, some of which may be `Later` ones; whoever looks at one of these waits for it.

    `report | other` waits for nothing.
    """

    def _read(self):
        for name, value in super().items():
            if isinstance(value, Later):
                self[name] = value.read()
        return self

    def __getitem__(self, name: str) -> float:
        value = super().__getitem__(name)
        if isinstance(value, Later):
            self[name] = value = value.read()
        return value

    def __iter__(self) -> Iterator[str]:  # so that dict(report) asks for every number
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self._read(), other._read() if isinstance(other, Report) else other)

    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return dict.__repr__(self._read())

    def __or__(self, other: Any) -> Any:
        return NotImplemented if not isinstance(other, dict) else _merged(self, other)

    def __ror__(self, other: Any) -> Any:
        return NotImplemented if not isinstance(other, dict) else _merged(other, self)

    def __ior__(self, other: Any) -> Report:  # type: ignore[override,misc]
        for name, value in _unread(dict(other) if not isinstance(other, dict) else other).items():
            self[name] = value
        return self

    def copy(self) -> Report:
        """Return a copy, without waiting."""
        return _merged(self, {})

    def get(self, name: str, default: Any = None) -> Any:
        """Return a number, or `default` if there is none of this name."""
        value = super().get(name, default)
        return self[name] if isinstance(value, Later) else value

    def items(self) -> Any:
        """Return pairs of a name and a number."""
        return dict.items(self._read())

    def values(self) -> Any:
        """Return the numbers."""
        return dict.values(self._read())

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a number; if there is none of this name, add `default` first."""
        super().setdefault(name, default)
        return self[name]

    def popitem(self) -> tuple[str, float]:
        """Remove the latest number and return it with its name."""
        name = next(reversed(self))
        return name, self.pop(name)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a number and return it."""
        value = super().pop(name, *default)
        return value.read() if isinstance(value, Later) else value


def divide(report: dict[str, float], name: str, divisor: float) -> None:
    """Divide a number of a report, without waiting for it."""
    value: Any = dict.__getitem__(report, name)
    quotient: Any = Later(lambda: value.read() / divisor) if isinstance(value, Later) else value / divisor
    report[name] = quotient


def _unread(numbers):
    return {name: dict.__getitem__(numbers, name) for name in dict.keys(numbers)}


def _merged(first, second):
    report = Report()
    for name, value in (_unread(first) | _unread(second)).items():
        report[name] = value
    return report
