"""Results of a protocol: the values of all seeds, never only the best, with floors and published values."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, BLUE, INK, RULE, SMALL, VERMILLION, WIDTH, Page, font, number_axis, save

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from ..types import ArrayLike, PathLike

__all__ = ["seeds"]

_ROW, _GAP, _TOP, _RIGHT = 0.36, 0.25, 0.3, 0.2  # inches
_LETTER, _LETTERS = 0.068, 38  # of a method's name: width of a letter in inches, the most letters in a line
_SPREAD = 0.64  # fraction of a row's height over which its seeds are spread, the first at the top
_SEED: dict[str, Any] = {
    "marker": "o",
    "markersize": 3.5,
    "color": BLUE,
    "markerfacecolor": "none",
    "markeredgewidth": 0.8,
    "zorder": 3,
}
_MEDIAN: dict[str, Any] = {"marker": "|", "markersize": 19, "color": BLACK, "markeredgewidth": 1.6}
_PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 4.5,
    "color": VERMILLION,
    "markeredgecolor": "white",
    "zorder": 2.5,
}


def __dir__() -> list[str]:
    return sorted(__all__)


def seeds(
    path: PathLike | None,
    results: Mapping[str, Mapping[str, ArrayLike]],
    *,
    floors: Mapping[str, tuple[float, float]] | None = None,
    published: Mapping[str, Mapping[str, float]] | None = None,
    log: Collection[str] = (),
    title: str = "Every seed",
    caption: str | None = None,
) -> Figure:
    """Draw the value of every seed, with a row for each method and a column for each metric.

    Args:
        path: The .png, .svg or .pdf file to write; None writes no file.
        results: {method: {metric: numbers, one for each seed}}. The columns are in the order in which the metrics
            first appear. If a method has no numbers for a metric, that cell is empty. Infinity is an arrow at the
            edge.
        floors: {metric: (5 % quantile, 95 % quantile)} of a perfect sampler, as in `Measurement.floor_range`.
        published: {method: {metric: published number}}.
        log: The metrics whose axis is logarithmic.
        title: Title of the figure.
        caption: Text below the figure; None explains what is drawn.

    Raises:
        ValueError: If there are no numbers, one is NaN, or a name in floors, published or log is not in results.

    Example:
        viz.seeds("seeds.png", {"GAN": {"modes": [6, 7, 2]}, "WGAN-GP": {"modes": [8, 8, 8]}})
    """
    floors, published = floors or {}, published or {}
    methods, metrics = list(results), list(dict.fromkeys(metric for found in results.values() for metric in found))
    _check(results, floors, published, metrics, log)
    names = [wrap(method, _LETTERS, max_lines=2) for method in methods]  # a row has room for two lines
    left = 0.25 + _LETTER * max(len(line) for lines in names for line in lines)
    height = _ROW * len(methods)
    width = (WIDTH - left - _RIGHT - _GAP * (len(metrics) - 1)) / len(metrics)
    page = Page(_TOP + height + 0.45, title, caption or _caption(results))
    for i, metric in enumerate(metrics):
        start = left + i * (width + _GAP)
        page.text(start, 0.08, metric.replace("_", " "))
        axes = page.axes(start, _TOP, width, height)
        rows = [(_numbers(results, m, metric), _numbers(published, m, metric)) for m in methods]
        _strips(axes, rows, floors.get(metric, ()), metric in log)
        axes.set_yticks(range(len(methods)), ["\n".join(lines) if i == 0 else "" for lines in names])
    _legend(page, _TOP + height + 0.3, floors, published)
    return save(path, page.figure)


def _strips(axes, rows, floor, log):
    axes.set_xlim(_limits(np.concatenate([*(x for row in rows for x in row), floor]), log))
    number_axis(axes.xaxis, log)
    if len(floor):
        axes.axvspan(*floor, color=RULE, linewidth=1, zorder=0.5)
    for row, (values, quoted) in enumerate(rows):
        offsets = np.linspace(-0.5, 0.5, len(values)) * _SPREAD if len(values) > 1 else np.zeros(len(values))
        finite = np.isfinite(values)
        axes.plot(values[finite], row + offsets[finite], linestyle="", clip_on=False, **_SEED)
        _at_edge(axes, row + offsets[~finite])
        if len(values) and math.isfinite(median := np.median(values)):
            axes.plot(median, row, clip_on=False, **_MEDIAN)
        axes.plot(quoted, [row] * len(quoted), linestyle="", clip_on=False, **_PUBLISHED)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _at_edge(axes, heights):
    """Draw infinite numbers as arrows at the end of the axis."""
    where = axes.get_yaxis_transform()  # x as a fraction of the axis, y in rows
    look = _SEED | {"marker": ">"}
    axes.plot([1] * len(heights), heights, linestyle="", clip_on=False, transform=where, **look)


def _limits(values, log):
    values = values[np.isfinite(values)]
    if not len(values):
        return (0.1, 1) if log else (0, 1)
    if log:
        values = np.log(values)
    low, high = values.min(), values.max()
    margin = 0.06 * (high - low) or 0.1 * abs(low) or 1.0
    low, high = low - margin, high + margin
    return (math.exp(low), math.exp(high)) if log else (low, high)


def _legend(page, top, floors, published):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Line2D([], [], linestyle="", label="a seed", **_SEED)]
    handles += [Line2D([], [], linestyle="", label="median", **dict(_MEDIAN, markersize=9))]
    handles += [Line2D([], [], linestyle="", label="published", **_PUBLISHED)] if published else []
    handles += [Patch(color=RULE, label="perfect sampler, 5 to 95 %")] if floors else []
    page.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.1 / page.width, 1 - (page.top + top) / page.height),
        ncols=4, frameon=False, borderpad=0, borderaxespad=0, handletextpad=0.4, columnspacing=1.6,
        labelcolor=INK, prop=font(SMALL),
    )  # fmt: skip


def _caption(results):
    counts = sorted({len(values) for found in results.values() for values in found.values()})
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = f"Every seed of every method is shown ({many} in each row), the first at the top of its row."
    infinite = any(np.isinf(values).any() for found in results.values() for values in found.values())
    return text + "  An arrow at the edge stands for infinity." * infinite


def _numbers(table, method, metric):
    return np.atleast_1d(np.asarray(table.get(method, {}).get(metric, ()), np.float64))


def _check(results, floors, published, metrics, log):
    if not metrics:
        raise ValueError("results must be {method: {metric: numbers, one for each seed}}, got no metric of any method")
    for name, given, known in (
        ("floors", floors, metrics), ("log", log, metrics), ("published", published, results),
        ("published", [metric for found in published.values() for metric in found], metrics),
    ):  # fmt: skip
        if unknown := [key for key in given if key not in known]:
            raise ValueError(f"{name} has {unknown[0]!r}, which results has not; there: {', '.join(known)}")
    for metric, floor in floors.items():
        if len(floor) != 2 or not -math.inf < floor[0] <= floor[1] < math.inf:
            raise ValueError(f"floors[{metric!r}] must be (low, high), finite, in ascending order, got {floor}")
    for table, method, metric in ((t, m, k) for t in (results, published) for m in t for k in t[m]):
        values = _numbers(table, method, metric)
        if values.ndim != 1 or not len(values) or np.isnan(values).any() or -math.inf in values:
            raise ValueError(f"{method}, {metric}: expected numbers, one for each seed, got {table[method][metric]}")
        if metric in log and values.min() <= 0:
            raise ValueError(f"{method}, {metric}: a logarithmic axis needs numbers above 0, got {values.min():g}")
