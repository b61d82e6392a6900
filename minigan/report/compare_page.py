"""Comparison of several runs on one page: last samples, settings that differ, metrics, and curves in shared charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import replacing
from . import charts, facts, measured
from .frames import frames, picture
from .markup import aside, page, section, tag

if TYPE_CHECKING:
    from ..runs import Run
    from ..types import PathLike

__all__ = ["MOST", "compare"]

MOST: int = len(charts.COLORS)
"""The most runs that a page compares: more colours could not be told apart."""


def __dir__() -> list[str]:
    return sorted(__all__)


def compare(runs: Sequence[Run], path: PathLike) -> None:
    """Write a page that compares several runs.

    Args:
        runs: From two to `MOST` runs.
        path: The .html file, which is written completely or not at all.

    Raises:
        ValueError: If there are too few or too many runs, a run is given twice, or the path does not end in .html.
        RunError: If the configuration of a run cannot be read.
    """
    _check(runs, Path(path))
    found = [facts.read(run) for run in runs]
    names = _names(found)
    content = page(
        _title(names),
        tag("header", tag("p", "minigan compare", class_="above"), tag("h1", _title(names))),
        section("Samples", tag("div", *map(_card, range(len(runs)), names, runs, found), class_="runs")),
        section("Differences", *_differences(names, found)),
        section("Metrics", *_metrics(names, found)),
        section("Curves", *_curves(names, found)),
        section("Reproduce", *(tag("pre", tag("code", facts.command(f.preset, f.config))) for f in found)),
    )
    with replacing(path) as file:
        file.write(content)


def _check(runs, path):
    folders = [run.folder.resolve() for run in runs]
    if len(runs) < 2:
        raise ValueError(f"compare needs at least two runs, got {len(runs)}; for a single run use `minigan report`")
    if len(runs) > MOST:
        raise ValueError(f"compare takes at most {MOST} runs, got {len(runs)}: more colours cannot be told apart")
    if twice := [folder for folder, n in Counter(folders).items() if n > 1]:
        raise ValueError(f"compare was given {twice[0]} more than once")
    if path.suffix != ".html":
        raise ValueError(f"--out must end in .html, got {path}")


def _names(found):
    """Return the names of the folders, or their paths if two have the same name."""
    names = [one.name for one in found]
    return names if len(set(names)) == len(names) else [str(one.folder) for one in found]


def _title(names):
    return " and ".join(names) if len(names) == 2 else f"{len(names)} runs"


def _card(i, name, run, found):
    """Return a run's colour and name, the number of its steps, and its last picture."""
    last, _ = frames(run.samples, most=1)
    state = f"{found.preset}, step {found.step:,} of {found.config.steps:,}, {measured.duration(found.seconds)}"
    heading = tag("h3", _mark(i), name, tag("span", state))
    return tag("article", heading, picture(last[0], f"samples of {name}") if last else tag("p", "No picture yet."))


def _mark(i):
    return tag("i", class_=charts.COLORS[i])


def _differences(names, found):
    all_settings = [{"preset": one.preset} | facts.settings(one.config) for one in found]
    fields = dict.fromkeys(field for settings in all_settings for field in settings)
    rows = {field: [settings.get(field) for settings in all_settings] for field in fields}
    rows = {field: values for field, values in rows.items() if any(value != values[0] for value in values)}
    if not rows:
        return [aside("None: their settings are equal.")]
    cells = {f: ["does not apply" if v is None else measured.shown(v) for v in values] for f, values in rows.items()}
    return [_table("setting", names, cells)]


def _metrics(names, found):
    given = [one.evaluation.get("metrics", {}) for one in found]
    metrics = dict.fromkeys(metric for one in given for metric in one)
    if not metrics:
        return [aside("None has been measured yet: ", tag("code", "minigan evaluate RUN"))]
    cells = {measured.named(metric): [_cell(one.get(metric)) for one in given] for metric in metrics}
    missing = [name for name, one in zip(names, given, strict=True) if not one]
    not_yet = f" Not measured yet: {', '.join(missing)}." if missing else ""
    return [_table("metric", names, cells), aside(measured.EXPLAINED + not_yet)]


def _cell(metric):
    if metric is None:
        return tag("span", "not measured", class_="none")
    return tag("span", measured.value(metric), tag("small", "real data ", measured.floor(metric), class_="below"))


def _table(what, names, rows):
    """Return a table with a column for each run; on a narrow page each row becomes a list."""
    head = tag("tr", tag("th", what, scope="col"), *(tag("th", _mark(i), n, scope="col") for i, n in enumerate(names)))
    body = [
        tag("tr", tag("th", name, scope="row"), *(tag("td", c, data_run=n) for n, c in zip(names, cells, strict=True)))
        for name, cells in rows.items()
    ]
    return tag("table", tag("thead", head), tag("tbody", *body), class_="wide")


def _curves(names, found):
    drawn = charts.overlaid({name: one.records for name, one in zip(names, found, strict=True)})
    if not drawn:
        return [aside("Nothing has been logged yet.")]
    return [tag("div", *drawn, class_="charts"), aside("Lines are moving means over a fortieth of each run.")]
