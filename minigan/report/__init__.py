"""Reports: one run, or several side by side, as a single HTML file that needs no network and no other file."""

from __future__ import annotations

from .compare_page import MOST, compare
from .run_page import report

__all__ = ["MOST", "compare", "report"]


def __dir__() -> list[str]:
    return sorted(__all__)
