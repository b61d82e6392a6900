"""Losses, penalty and gradient norms over the steps of a run, from the lines of its metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import CRITIC, CYCLE, GENERATOR, MUTED, PENALTY, SMALL, WIDTH, Page, legend, number_axis, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..types import Array, PathLike

__all__ = ["curves"]

_COLORS = {"critic": CRITIC, "generator": GENERATOR, "penalty": PENALTY}
_TOP, _LEFT, _RIGHT, _PANEL, _GAP = 0.21, 0.62, 0.25, 1.45, 0.3  # inches
WINDOW = 40  # the moving mean is over 1 / WINDOW of a run's lines, rounded to an odd number
MANY = 100  # from this number of lines on, the axes leave out outliers
_POINT = {"marker": "o", "markersize": 4}  # without a marker a line of one point is invisible


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(frozen=True)
class _Panel:
    """One chart: its title, the suffix of the keys that it draws, and whether its axis is logarithmic."""

    title: str
    suffix: str
    log: bool = False


PANELS = (
    _Panel("loss", "_loss"),
    _Panel("negative ELBO", "negative_elbo"),
    _Panel("content", "content"),
    _Panel("L1 error", "_l1"),
    _Panel("penalty", "penalty"),
    _Panel("gradient norm", "_gradient", log=True),
)
_SUFFIXES = tuple(panel.suffix for panel in PANELS)


def curves(
    path: PathLike | None, records: Iterable[Mapping[str, Any]], *, title: str = "Training", caption: str | None = None
) -> Figure:
    """Draw the losses, the penalty and the gradient norms of a run over its steps, a panel for each that was logged.

    Args:
        path: The .png, .svg or .pdf file to write; None writes no file.
        records: The lines of a run's metrics.jsonl as dicts, in order: "step", and numbers by name. Drawn are
            "*_loss", "*negative_elbo", "content", "*_l1", "penalty" and "*_gradient"; any may be missing from any line.
        title: Title of the figure.
        caption: Text below the figure; None explains what is drawn.

    Raises:
        TypeError: If a value that would be drawn is not a number.
        ValueError: If there is nothing to draw, or the steps do not increase.

    Example:
        run = minigan.runs.Run.open("runs/digits-001")
        viz.curves("curves.png", run.read_log())
    """
    records = list(records)
    _check(records)
    panels = [(panel, found) for panel in PANELS if (found := series(records, panel.suffix))]
    if not panels:
        raise ValueError(f"records hold no *{', *'.join(_SUFFIXES)} to draw, only {', '.join(records[0])}")
    window, clip = len(records) // WINDOW | 1, len(records) >= MANY
    bad = [_first_bad(steps, values, panel.log) for panel, found in panels for steps, values in found.values()]
    caption = caption or _caption(window, clip, min(bad))
    page = Page(len(panels) * (_PANEL + _GAP) + 0.27, title, caption)
    limits = step_limits(records)
    for i, (panel, found) in enumerate(panels):
        axes = page.axes(_LEFT, _TOP + i * (_PANEL + _GAP), WIDTH - _LEFT - _RIGHT, _PANEL)
        _draw(axes, panel, found, window, clip)
        axes.set_xlim(limits)
        axes.xaxis.set_major_locator(_whole_numbers())
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.tick_params(labelbottom=i == len(panels) - 1)
        name = panel.title + ", logarithmic" * panel.log
        page.text(WIDTH - _RIGHT, 0.06 + i * (_PANEL + _GAP), name, SMALL, MUTED, ha="right")
        if math.isfinite(min(bad)):
            axes.axvline(min(bad), color=MUTED, linestyle=":", linewidth=1)
    page.text((_LEFT + WIDTH - _RIGHT) / 2, len(panels) * (_PANEL + _GAP) + 0.13, "step", SMALL, MUTED, ha="center")
    return save(path, page.figure)


def _whole_numbers():
    from matplotlib.ticker import AutoLocator

    locator = AutoLocator()
    locator.set_params(integer=True)
    return locator


def _draw(axes, panel, found, window, clip):
    shown, names = [], [key.removesuffix(panel.suffix).strip("_") or panel.title for key in found]
    for i, (name, (steps, values)) in enumerate(zip(names, found.values(), strict=True)):
        color = _COLORS.get(name, CYCLE[i % len(CYCLE)])
        raw = np.where(drawable(values, panel.log), values, np.nan)
        mean = smoothed(raw, window, panel.log)
        axes.plot(steps, raw, color=color, alpha=0.3, linewidth=0.6)
        axes.plot(steps, mean, color=color, linewidth=1.4, label=name, **_POINT if len(steps) == 1 else {})
        shown += list(raw[np.isfinite(raw)])
    axes.set_ylim(value_limits(np.array(shown or [1.0]), panel.log, clip))
    number_axis(axes.yaxis, panel.log)
    if names != [panel.title]:
        legend(axes)


def smoothed(values: Array, window: int, log: bool) -> Array:
    """Return the centred moving mean over `window` numbers, over fewer at the ends and beside NaN.

    The mean is geometric on a logarithmic axis.
    """
    there = np.isfinite(values)
    x = np.where(there, values, 1)
    x = np.where(there, np.log(x) if log else x, 0)
    window = min(window, len(values) - 1 | 1)
    sums, counts = (np.convolve(v, np.ones(window), "same") for v in (x, there.astype(float)))
    mean = np.divide(sums, counts, out=np.full(len(x), np.nan), where=there)
    return np.exp(mean) if log else mean


def value_limits(values: Array, log: bool, clip: bool) -> tuple[float, float]:
    """Return the limits of an axis for the values.

    Args:
        values: Finite numbers.
        log: Whether the axis is logarithmic.
        clip: Leave out the most extreme hundredth of the values, so that no spike flattens the rest.
    """
    low, high = np.quantile(np.log(values) if log else values, (0.005, 0.995) if clip else (0, 1))
    margin = 0.08 * (high - low) or 0.1 * abs(low) or 1.0
    low, high = low - margin, high + margin
    return (math.exp(low), math.exp(high)) if log else (low, high)


def step_limits(records: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the limits of the axis of steps."""
    first, last = records[0]["step"], records[-1]["step"]
    return (first, last) if last > first else (first - 1, first + 1)


def drawable(values: Array, log: bool) -> Array:
    """Return a mask of the values that can be drawn: finite ones, and on a logarithmic axis only positive ones."""
    return np.isfinite(values) & (values > 0) if log else np.isfinite(values)


def _first_bad(steps, values, log):
    bad = ~drawable(values, log)
    return steps[bad.argmax()] if bad.any() else math.inf


def _caption(window, clip, bad):
    text = f"Thin: values as logged; thick: their mean over {window} values." if window > 1 else "Values as logged."
    if clip:
        text += "  Each axis leaves out the most extreme 1 % of its values."
    if math.isfinite(bad):
        text += f"  Dotted: step {bad:,}, the first with a value that cannot be drawn: not finite, or a norm of 0."
    return text


def series(records: Sequence[Mapping[str, Any]], suffix: str) -> dict[str, tuple[Array, Array]]:
    """Return {key: (steps, values)} for the keys that end with the suffix, in alphabetical order."""
    keys = sorted({key for record in records for key in record if key.endswith(suffix)})
    columns = {key: _column(records, key) for key in keys}
    return {key: column for key, column in columns.items() if len(column[0])}


def _column(records, key):
    rows = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    steps, values = zip(*rows, strict=True) if rows else ((), ())
    return np.array(steps), np.array(values, np.float64)


def _check(records):
    if not records:
        raise ValueError("records are empty: expected the lines of a metrics.jsonl, at least one")
    for i, record in enumerate(records):
        for key, value in record.items():
            if key.endswith(_SUFFIXES) and not isinstance(value, int | float | None):
                raise TypeError(f"records[{i}][{key!r}] must be a number, got {value!r}")
        if not isinstance(record.get("step"), int | float) or not math.isfinite(record["step"]):
            raise ValueError(f"records[{i}] must have a number as its step, got {record.get('step')!r}")
        if i and record["step"] <= records[i - 1]["step"]:
            raise ValueError(
                f"the steps of records must increase, but {records[i - 1]['step']} is followed by {record['step']}: "
                "two runs in one file?"
            )
