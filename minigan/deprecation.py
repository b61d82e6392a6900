"""Warnings that a public name has been replaced; the old name works for one more release."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["deprecated", "renamed"]


def deprecated(old: str, new: str) -> None:
    """Warn, at the line that called the caller, that `old` still works and that `new` replaces it.

    Args:
        old: The old name, as the user wrote it.
        new: The name or expression to write instead.
    """
    warnings.warn(f"{old} is deprecated and will be removed: use {new}", DeprecationWarning, stacklevel=3)


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module with which old names of its attributes keep working, with a warning.

    Args:
        module: `__name__` of the module.
        names: The new name for each old name.
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        deprecated(f"{module}.{name}", f"{module}.{names[name]}")
        return getattr(sys.modules[module], names[name])

    return getattr_
