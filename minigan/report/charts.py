"""Curves as SVG that stretches to the available width, with HTML text beside it that does not stretch.

The values are selected, smoothed and clipped as in `viz.curves`. Colours are classes of the page's style sheet, which
defines them for light and for dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..viz.curves import MANY, PANELS, WINDOW, drawable, series, smoothed, step_limits, value_limits
from .markup import Html, join, tag

if TYPE_CHECKING:
    from ..types import Array

__all__ = ["COLORS", "Line", "chart", "curves", "number", "overlaid"]

COLORS: tuple[str, ...] = ("blue", "vermillion", "green", "purple", "orange", "sky")
_PLAYERS = {"critic": "ink", "generator": "vermillion", "penalty": "sky"}
_DECADES = 8  # the most numbers on a logarithmic axis
_MOST = 600  # the most points of a line: a screen could not show more


@dataclass(frozen=True)
class Line:
    """Curve: its name, its values and their steps, its colour from COLORS or "ink", and whether it is dashed."""

    name: str
    steps: Array
    values: Array
    color: str
    dashed: bool = False

    @property
    def look(self) -> str:
        """CSS classes of the curve."""
        return self.color + " dashed" * self.dashed


def curves(records: Sequence[Mapping[str, Any]]) -> list[Html]:
    """Return a chart for each kind of value in the lines of a metrics.jsonl."""
    found = [(panel, series(records, panel.suffix)) for panel in PANELS]
    limits = step_limits(records) if records else (0, 1)
    return [chart(_title(panel), list(_lines(panel, series)), limits, panel.log) for panel, series in found if series]


def overlaid(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Html]:
    """Return a chart for each value that any of the runs logged, with a line for each run that logged it.

    Args:
        logs: The lines of metrics.jsonl by the name of the run.
    """
    spans = [step_limits(records) for records in logs.values() if records]
    limits = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else (0, 1)
    return [
        chart(key.replace("_", " ") + ", logarithmic" * panel.log, lines, limits, panel.log, raw=False)
        for panel in PANELS
        for key, lines in _by_key({name: series(records, panel.suffix) for name, records in logs.items()}).items()
    ]


def _by_key(series: dict[str, dict[str, tuple[Array, Array]]]) -> dict[str, list[Line]]:
    """Regroup {name of a run: {key: (steps, values)}} as {key: a Line for each run that has it}."""
    keys = dict.fromkeys(key for one in series.values() for key in one)
    color = dict(zip(series, COLORS, strict=False))
    return {key: [Line(name, *one[key], color[name]) for name, one in series.items() if key in one] for key in keys}


def chart(title: str, lines: Sequence[Line], limits: tuple[float, float], log: bool = False, raw: bool = True) -> Html:
    """Return a chart of smoothed lines and, with `raw`, of their values in a faint colour.

    Args:
        title: Title of the chart.
        lines: The curves.
        limits: The first and the last step on the axis.
        log: Whether the axis of values is logarithmic.
        raw: Also draw the values as they were logged.
    """
    clean = [np.where(drawable(line.values, log), line.values, np.nan) for line in lines]
    smooth = [smoothed(values, len(values) // WINDOW | 1, log) for values in clean]
    low, high = _span(clean if raw else smooth, log)
    x, y = _scale(*limits, False), _scale(high, low, log)
    up = _logarithmic_ticks(low, high) if log else _ticks(low, high)
    paths = [Html(f'<path class="rule" d="M0 {1000 * y(tick):.1f}H1000"/>') for tick in up]
    for line, values, mean in zip(lines, clean, smooth, strict=True):
        paths += [_path(x(line.steps), y(values), f"{line.look} raw")] if raw and len(values) > 1 else []
        paths.append(_path(x(line.steps), y(mean), line.look))
    keys = [_key(line, mean) for line, mean in zip(lines, smooth, strict=True)]
    caption = tag("figcaption", tag("b", title), tag("span", *keys, class_="keys"))
    return tag("figure", caption, _plot(paths, _places(_whole(limits), x), _places(up, y)), class_="chart")


def _plot(paths, across, up):
    """Return the drawing, and beside it the numbers of the axes, {text: position as a fraction of the axis}."""
    svg = f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{join(paths)}</svg>'
    labels = [tag("span", text, class_="y", style=f"top: {place:.2%}") for text, place in up.items()]
    labels += [tag("span", text, class_="x", style=f"left: {place:.2%}") for text, place in across.items()]
    return tag("div", Html(svg), *labels, class_="plot")


def _places(ticks, scale):
    return {number(tick, 10): scale(tick) for tick in ticks}


def _whole(limits):
    return [tick for tick in _ticks(*limits) if tick == int(tick)]


def number(x: float, digits: int = 4) -> str:
    """Format a number for people: 12,000 and 0.001, with a true minus sign; "" for NaN."""
    if not math.isfinite(x):
        return "" if math.isnan(x) else f"{x}".replace("inf", "∞")
    text = f"{x:,.0f}" if 1e4 <= abs(x) < 1e9 and x == int(x) else f"{x:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _key(line, mean):
    """Return a line's entry in the legend, with the last value."""
    there = mean[np.isfinite(mean)]
    mark = tag("i", class_=line.look)
    return tag("span", mark, line.name, " ", tag("em", number(there[-1], 3) if len(there) else "not finite"))


def _title(panel):
    return panel.title + ", logarithmic" * panel.log


def _lines(panel, series):
    """Yield the lines of a panel: one for each player, and a dashed one for its values on held-out samples."""
    for i, (key, (steps, values)) in enumerate(series.items()):
        player = key.removesuffix(panel.suffix).strip("_")
        tested = player.startswith("test")
        player = player.removeprefix("test").strip("_")
        color = _PLAYERS.get(player or panel.title, COLORS[i % len(COLORS)])
        name = f"{player}, held out".removeprefix(", ") if tested else player or panel.title
        yield Line(name, steps, values, color, tested)


def _span(arrays, log):
    shown = np.concatenate(arrays)
    shown = shown[np.isfinite(shown)]
    return value_limits(shown if len(shown) else np.ones(1), log, len(shown) >= MANY)


def _scale(low, high, log):
    """Return the function that maps low to 0 and high to 1."""
    f = np.log if log else np.asarray
    return lambda x: (f(x) - f(low)) / (f(high) - f(low))


def _path(x, y, kind):
    """Return a line through points in [0, 1], with gaps where y is NaN; a single point becomes a dot."""
    stride = -(-len(x) // _MOST)
    words, pen = [], "M"
    for at, value in zip(x[::stride], np.clip(y[::stride], -1, 2), strict=True):
        if math.isnan(value):
            pen = "M"
            continue
        words.append(f"{pen}{1000 * at:.1f} {1000 * value:.1f}")
        pen = "L"
    dot = " dot" if len(words) == 1 else ""
    return Html(f'<path class="{kind}{dot}" d="{"".join(words)}{"h0" * bool(dot)}"/>')


def _ticks(low, high):
    """Return at least three round numbers in [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(high - low))
    steps = (m * 10.0 ** (power - k) for k in (0, 1) for m in (5, 2, 1))
    ticks = ([float(f"{k * s:.10g}") for k in range(math.ceil(low / s), math.floor(high / s) + 1)] for s in steps)
    return next(found for found in ticks if len(found) > 2)


def _logarithmic_ticks(low, high):
    """Return the powers of ten in [low, high]: every k-th if there are many; if there are few, also times 2 and 5."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if high < 50 * low else (1,)
    every = -(-(last - first) // _DECADES)
    ticks = [m * 10.0**k for k in range(first, last + 1, every) for m in factors]
    return [tick for tick in ticks if low <= tick <= high]
