"""The common look of all figures: colours, sizes, the layout of a page, and how it is saved.

The colours are from M. Okabe and K. Ito, "Color universal design", 2008; they can be told apart with every kind of
colour vision. Colours that are used in one figure also differ in lightness, for printers without colour. matplotlib
is imported with the first figure, and used only through its objects, without pyplot and rcParams.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import replacing
from ..optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    from ..types import Array, PathLike

__all__ = [
    "BLACK",
    "BLUE",
    "CRITIC",
    "CYCLE",
    "DPI",
    "FAKE",
    "GENERATOR",
    "GREEN",
    "INK",
    "LABEL",
    "MUTED",
    "ORANGE",
    "PENALTY",
    "PURPLE",
    "REAL",
    "RULE",
    "SKY",
    "SMALL",
    "TITLE",
    "VERMILLION",
    "WIDTH",
    "YELLOW",
    "Page",
    "font",
    "legend",
    "number_axis",
    "pixels",
    "plain",
    "png",
    "save",
]

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

REAL, FAKE = BLUE, VERMILLION  # samples
CRITIC, GENERATOR, PENALTY = BLACK, VERMILLION, SKY  # players
INK, MUTED, RULE = "#222222", "#666666", "#DDDDDD"  # text, side remarks, grid lines

WIDTH = 6.5  # inches: the width of the text on a page of A4 or letter
DPI = 200
TITLE, LABEL, SMALL = 10, 8, 7  # points

_LINE = 1.45 * SMALL / 72  # inches: the height of a line of a caption
_ABOVE, _BELOW, _MARGIN = 0.38, 0.12, 0.1
_NO_DATE: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def __dir__() -> list[str]:
    return sorted(__all__)


class Page:
    """Figure with a title above, a caption below, and between them a body that is laid out in inches.

    The layout does not depend on the contents, so the frames of an animation never jump, and an image that is n / DPI
    inches wide, with n its width in pixels, is drawn pixel for pixel.

    Args:
        height: Height of the body in inches.
        title: Text above it; "" leaves no room for one.
        caption: Text below it, broken into lines; "" leaves no room for one.
        width: Width of the whole page in inches.

    Attributes:
        figure: The matplotlib Figure.
        width: Width of the whole page in inches.
        height: Height of the whole page in inches.
        top: Distance in inches from the upper edge of the page to the body.
    """

    figure: Figure
    width: float
    height: float
    top: float

    def __init__(self, height: float, title: str = "", caption: str = "", width: float = WIDTH):
        require("matplotlib", "minigan.viz")
        from ._figure import Picture

        lines = _wrap(caption, width - 2 * _MARGIN)
        self.top = _ABOVE if title else _MARGIN
        below = _BELOW + len(lines) * _LINE if lines else 0
        self.width, self.height = _whole(width), _whole(self.top + height + below + _MARGIN)
        self.figure = Picture(figsize=(self.width, self.height), dpi=DPI, facecolor="white")
        self.text(_MARGIN, 0.12 - self.top, title, TITLE, weight="bold")
        self.text(_MARGIN, height + _BELOW, "\n".join(lines), SMALL, color=MUTED, linespacing=1.4)

    def text(
        self, left: float, top: float, text: str, size: float = LABEL, color: str = INK, ha: str = "left", **more: Any
    ) -> Text:
        """Write text at a place in inches from the left edge of the page and the top of the body.

        `more` are properties of a matplotlib Text.
        """
        x, y = left / self.width, 1 - (self.top + top) / self.height
        return self.figure.text(x, y, text, ha=ha, va="top", color=color, fontdict=font(size), **more)

    def axes(self, left: float, top: float, width: float, height: float, **more: Any) -> Axes:
        """Add axes at a place in inches from the left edge of the page and the top of the body.

        `more` are options of `Figure.add_axes`.
        """
        bottom = self.height - self.top - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return plain(self.figure.add_axes(box, **more))


def font(size: float) -> dict[str, Any]:
    """Return the properties of the font that comes with matplotlib, so that figures look alike on every machine."""
    return {"family": "DejaVu Sans", "size": size}


def plain(axes: Axes) -> Axes:
    """Remove the box around axes, give them small muted ticks and thin grid lines, and return them."""
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=MUTED, linewidth=0.6)
    axes.tick_params(which="both", colors=MUTED, labelcolor=INK, width=0.6, length=2.5)
    axes.tick_params(which="both", labelsize=SMALL, labelfontfamily="DejaVu Sans")
    axes.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def number_axis(axis: XAxis | YAxis, log: bool = False) -> None:
    """Label an axis with plain numbers (0.001 rather than a power of ten).

    Args:
        axis: The x axis or the y axis of a plot.
        log: Make the axis logarithmic, with labels at 1, 2 and 5 times powers of ten if it is short.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if log:
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
        low, high = axis.get_view_interval()
        short = high < 50 * low
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,), numticks=7))
        axis.set_minor_formatter(NullFormatter())
        if short:
            axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}".replace("-", "\N{MINUS SIGN}")))


def legend(axes: Axes, columns: int = 4) -> Legend:
    """Add a legend with at most `columns` columns just above the axes, where it hides nothing."""
    return axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.1, borderpad=0.1,
        handlelength=1.4, handletextpad=0.5, columnspacing=1.4, labelcolor=INK, prop=font(SMALL),
    )  # fmt: skip


def save(path: PathLike | None, figure: Figure) -> Figure:
    """Write a figure to a file, completely or not at all, and return the figure.

    Args:
        path: The file, which must end in .png, .svg or .pdf; None writes no file.
        figure: A matplotlib Figure.

    Raises:
        ValueError: If the path has another ending.
    """
    if path is not None:
        kind = Path(path).suffix.lower().removeprefix(".")
        if kind not in _NO_DATE:
            raise ValueError(f"path must end in .png, .svg or .pdf, got {str(path)!r}")
        with replacing(path) as file:
            figure.savefig(file, format=kind, dpi=DPI, metadata=_NO_DATE[kind])
    return figure


def png(figure: Figure) -> tuple[bytes, int]:
    """Return a figure as the bytes of a PNG, and the width in pixels at which a notebook shows it."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue(), int(figure.get_figwidth() * 100)


def pixels(figure: Figure, dpi: float = 100) -> Array:
    """Render a figure as a uint8 picture (H, W, 3), as `save_gif` needs it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before = figure.dpi
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_dpi(before)
    return np.array(canvas.buffer_rgba())[..., :3]


def _wrap(caption, width):
    """Break a caption into lines of `width` inches; a character is about 0.51 times as wide as the font's size."""
    return textwrap.wrap(caption, int(width * 72 / (0.51 * SMALL)))


def _whole(inches):
    return round(inches * DPI) / DPI
