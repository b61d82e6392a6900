"""Figure that a notebook shows as a picture, in a module of its own because its import needs matplotlib."""

from __future__ import annotations

from matplotlib.figure import Figure

from .style import png

__all__ = ["Picture"]


class Picture(Figure):
    """Figure of matplotlib that a notebook shows without pyplot: as the value of a cell it is a picture."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        picture, width = png(self)
        return picture, {"width": width}
