"""Curves as SVG that is stretched to the width there is, with numbers beside it that are not: text stays legible.

What is drawn, smoothed and left out is as in `viz.curves`.  Colours are classes of the page's style, which has a set of
them for light paper and one for dark.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..viz.curves import MANY, PANELS, WINDOW, drawable, series, smoothed, step_limits, value_limits
from .markup import Html, join, tag

COLORS = ("blue", "vermillion", "green", "purple", "orange", "sky")
_PLAYERS = {"critic": "ink", "generator": "vermillion", "penalty": "sky"}
_DECADES = 8  # of a logarithmic axis at most, each with its number
_MOST = 600  # points of a line: more than a screen could show


@dataclass(frozen=True)
class Line:
    """One curve: its name, its numbers at their steps, its colour, and whether it is dashed."""

    name: str
    steps: np.ndarray
    values: np.ndarray
    color: str
    dashed: bool = False

    @property
    def look(self):
        """The classes of its path."""
        return self.color + " dashed" * self.dashed


def curves(records):
    """A chart for each kind of number in the lines of a metrics.jsonl; [] if there are none."""
    found = [(panel, series(records, panel.suffix)) for panel in PANELS]
    limits = step_limits(records) if records else None
    return [chart(_title(panel), list(_lines(panel, series)), limits, panel.log) for panel, series in found if series]


def overlaid(logs):
    """A chart for each number in any of `logs`, {name: lines of a metrics.jsonl}, with a line for each that has it."""
    limits = [step_limits(records) for records in logs.values() if records]
    limits = (min(low for low, _ in limits), max(high for _, high in limits)) if limits else None
    return [
        chart(key.replace("_", " ") + ", logarithmic" * panel.log, lines, limits, panel.log, raw=False)
        for panel in PANELS
        for key, lines in _by_key({name: series(records, panel.suffix) for name, records in logs.items()}).items()
    ]


def _by_key(series):
    """{key: a Line for each run that has it} of {name of a run: {key: (steps, values)}}."""
    keys = dict.fromkeys(key for one in series.values() for key in one)
    color = dict(zip(series, COLORS, strict=False))
    return {key: [Line(name, *one[key], color[name]) for name, one in series.items() if key in one] for key in keys}


def chart(title, lines, limits, log=False, raw=True):
    """A figure of `Line`s: their smoothed course and, if raw, faintly the numbers themselves.

    limits: the first and the last step on the axis.
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
    """The drawing, and beside it the numbers of the axes, each at its share of the width or the height."""
    svg = f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{join(paths)}</svg>'
    labels = [tag("span", text, class_="y", style=f"top: {place:.2%}") for text, place in up.items()]
    labels += [tag("span", text, class_="x", style=f"left: {place:.2%}") for text, place in across.items()]
    return tag("div", Html(svg), *labels, class_="plot")


def _places(ticks, scale):
    return {number(tick, 10): scale(tick) for tick in ticks}


def _whole(limits):
    return [tick for tick in _ticks(*limits) if tick == int(tick)]


def number(x, digits=4):
    """A number as people write it: 12,000 and 0.001, with a true minus; "" for NaN."""
    if not math.isfinite(x):
        return "" if math.isnan(x) else f"{x}".replace("inf", "∞")
    text = f"{x:,.0f}" if 1e4 <= abs(x) < 1e9 and x == int(x) else f"{x:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _key(line, mean):
    """A line's entry in the legend, with the last number."""
    there = mean[np.isfinite(mean)]
    mark = tag("i", class_=line.look)
    return tag("span", mark, line.name, " ", tag("em", number(there[-1], 3) if len(there) else "not finite"))


def _title(panel):
    return panel.title + ", logarithmic" * panel.log


def _lines(panel, series):
    """What a panel shows: of each player, and dashed, what was measured on held-out samples."""
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
    """The function that takes low to 0 and high to 1."""
    f = np.log if log else np.asarray
    return lambda x: (f(x) - f(low)) / (f(high) - f(low))


def _path(x, y, kind):
    """A line through points in [0, 1] that breaks where y is NaN; a single point becomes a dot."""
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
    """Round numbers in [low, high], at least three: multiples of 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(high - low))
    steps = (m * 10.0 ** (power - k) for k in (0, 1) for m in (5, 2, 1))
    ticks = ([float(f"{k * s:.10g}") for k in range(math.ceil(low / s), math.floor(high / s) + 1)] for s in steps)
    return next(found for found in ticks if len(found) > 2)


def _logarithmic_ticks(low, high):
    """Powers of ten in [low, high], every k-th if they are many; 2 and 5 times them too if they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if high < 50 * low else (1,)
    every = -(-(last - first) // _DECADES)
    ticks = [m * 10.0**k for k in range(first, last + 1, every) for m in factors]
    return [tick for tick in ticks if low <= tick <= high]
