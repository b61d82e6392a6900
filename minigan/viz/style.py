"""One look for every picture: colours, sizes, the page they are laid out on, and how it is saved.

The colours are those of M. Okabe and K. Ito, "Color universal design", 2008, which every kind of colour vision tells
apart; those that meet in one picture differ in lightness too, for a printer without colour.
matplotlib is imported by the first picture, and used through its objects alone: no pyplot and no rcParams.
"""

import textwrap
from pathlib import Path

import numpy as np

from ..files import replacing

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

REAL, FAKE = BLUE, VERMILLION  # samples
CRITIC, GENERATOR, PENALTY = BLACK, VERMILLION, SKY  # players
INK, MUTED, RULE = "#222222", "#666666", "#DDDDDD"  # text, side remarks, grid lines

WIDTH = 6.5  # inches: the text of a page, on A4 or letter
DPI = 200
TITLE, LABEL, SMALL = 10, 8, 7  # points

_LINE = 1.45 * SMALL / 72  # inches, of a caption
_ABOVE, _BELOW, _MARGIN = 0.38, 0.12, 0.1
_NO_DATE = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


class Page:
    """A figure with a title above, a caption below, and a body between them that is laid out in inches.

    Nothing is fitted to its contents, so the frames of an animation never jump, and an image that is given as many
    inches as it has pixels / DPI is drawn pixel for pixel.
    """

    def __init__(self, height, title="", caption="", width=WIDTH):
        from matplotlib.figure import Figure

        lines = _wrap(caption, width - 2 * _MARGIN)
        self.top = _ABOVE if title else _MARGIN
        below = _BELOW + len(lines) * _LINE if lines else 0
        self.width, self.height = _whole(width), _whole(self.top + height + below + _MARGIN)
        self.figure = Figure(figsize=(self.width, self.height), dpi=DPI, facecolor="white")
        self.text(_MARGIN, 0.12 - self.top, title, TITLE, weight="bold")
        self.text(_MARGIN, height + _BELOW, "\n".join(lines), SMALL, color=MUTED, linespacing=1.4)

    def text(self, left, top, text, size=LABEL, color=INK, ha="left", **more):
        """Text whose top is `top` inches below the top of the body."""
        x, y = left / self.width, 1 - (self.top + top) / self.height
        return self.figure.text(x, y, text, ha=ha, va="top", color=color, fontdict=font(size), **more)

    def axes(self, left, top, width, height, **more):
        """Axes in inches from the left edge of the page and the top of the body."""
        bottom = self.height - self.top - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return plain(self.figure.add_axes(box, **more))


def font(size):
    """The font that comes with matplotlib, so that pictures are alike on every machine."""
    return {"family": "DejaVu Sans", "size": size}


def plain(axes):
    """The same axes without a box, with small muted ticks and hair lines."""
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=MUTED, linewidth=0.6)
    axes.tick_params(which="both", colors=MUTED, labelcolor=INK, width=0.6, length=2.5)
    axes.tick_params(which="both", labelsize=SMALL, labelfontfamily="DejaVu Sans")
    axes.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def number_axis(axis, log=False):
    """Plain numbers along an axis (0.001, not a power of ten), at 1, 2 and 5 if it is logarithmic and short."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if log:
        axis._set_axes_scale("log")
        low, high = axis.get_view_interval()
        short = high < 50 * low
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,), numticks=7))
        axis.set_minor_formatter(NullFormatter())
        if short:
            axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}".replace("-", "\N{MINUS SIGN}")))


def legend(axes, columns=4):
    """A legend on one line just above the axes, where it hides nothing."""
    return axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.1, borderpad=0.1,
        handlelength=1.4, handletextpad=0.5, columnspacing=1.4, labelcolor=INK, prop=font(SMALL),
    )  # fmt: skip


def save(path, figure):
    """Write a figure as .png, .svg or .pdf, complete or not at all; a path of None writes nothing.  Returns figure."""
    if path is not None:
        kind = Path(path).suffix.lower().removeprefix(".")
        if kind not in _NO_DATE:
            raise ValueError(f"path must end in .png, .svg or .pdf, got {str(path)!r}")
        with replacing(path) as file:
            figure.savefig(file, format=kind, dpi=DPI, metadata=_NO_DATE[kind])
    return figure


def pixels(figure, dpi=100):
    """A figure as a uint8 picture (H, W, 3), for `save_gif`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before = figure.dpi
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_dpi(before)
    return np.array(canvas.buffer_rgba())[..., :3]


def _wrap(caption, width):
    """The lines of a caption of so many inches; a character is some .51 of the font's size wide."""
    return textwrap.wrap(caption, int(width * 72 / (0.51 * SMALL)))


def _whole(inches):
    return round(inches * DPI) / DPI
