"""One way to announce that a public name has been replaced."""

from __future__ import annotations

import warnings

__all__ = ["deprecated"]


def deprecated(old: str, new: str) -> None:
    """Warn the caller's caller that `old` still works, and that `new` replaces it.

    Args:
        old: The name in use, as the user wrote it.
        new: The name or expression to write instead.
    """
    warnings.warn(f"{old} is deprecated and will be removed: use {new}", DeprecationWarning, stacklevel=3)
