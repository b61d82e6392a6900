"""One page for several runs: their last samples, where their settings differ, metrics, and curves over each other."""

from collections import Counter
from pathlib import Path

from ..files import replacing
from . import charts, facts, measured
from .frames import frames, picture
from .markup import page, section, tag

MOST = len(charts.COLORS)


def compare(runs, path):
    """Write a page on two to `MOST` `Run`s to the file `path`, complete or not at all.

    ValueError for too few, too many or the same run twice, and for a path that does not end in .html.
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
        section("Once more", *(tag("pre", tag("code", facts.command(f.preset, f.config))) for f in found)),
    )
    with replacing(path) as file:
        file.write(content)


def _check(runs, path):
    folders = [run.folder.resolve() for run in runs]
    if len(runs) < 2:
        raise ValueError(f"compare needs at least two runs, got {len(runs)}; of a single one there is `minigan report`")
    if len(runs) > MOST:
        raise ValueError(f"compare takes at most {MOST} runs, got {len(runs)}: more colours cannot be told apart")
    if twice := [folder for folder, n in Counter(folders).items() if n > 1]:
        raise ValueError(f"compare was given {twice[0]} more than once")
    if path.suffix != ".html":
        raise ValueError(f"--out must end in .html, got {path}")


def _names(found):
    """The folders' names, or their paths where two have the same."""
    names = [one.name for one in found]
    return names if len(set(names)) == len(names) else [str(one.folder) for one in found]


def _title(names):
    return " and ".join(names) if len(names) == 2 else f"{len(names)} runs"


def _card(i, name, run, found):
    """A run's mark and name, how far it came, and its last picture."""
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
        return [tag("p", "None: their settings are equal.", class_="aside")]
    cells = {f: ["does not apply" if v is None else measured.shown(v) for v in values] for f, values in rows.items()}
    return [_table("setting", names, cells)]


def _metrics(names, found):
    given = [one.evaluation.get("metrics", {}) for one in found]
    metrics = dict.fromkeys(metric for one in given for metric in one)
    if not metrics:
        return [tag("p", "None has been measured yet: ", tag("code", "minigan evaluate RUN"), class_="aside")]
    cells = {metric: [_cell(one.get(metric)) for one in given] for metric in metrics}
    missing = [name for name, one in zip(names, given, strict=True) if not one]
    aside = f" Not measured yet: {', '.join(missing)}." if missing else ""
    return [_table("metric", names, cells), tag("p", measured.EXPLAINED + aside, class_="aside")]


def _cell(metric):
    if metric is None:
        return tag("span", "not measured", class_="none")
    return tag("span", measured.value(metric), tag("small", "floor ", measured.floor(metric), class_="below"))


def _table(what, names, rows):
    """A table with a column for each run; where there is no room for columns, each row is a list."""
    head = tag("tr", tag("th", what, scope="col"), *(tag("th", _mark(i), n, scope="col") for i, n in enumerate(names)))
    body = [
        tag("tr", tag("th", name, scope="row"), *(tag("td", c, data_run=n) for n, c in zip(names, cells, strict=True)))
        for name, cells in rows.items()
    ]
    return tag("table", tag("thead", head), tag("tbody", *body), class_="wide")


def _curves(names, found):
    drawn = charts.overlaid({name: one.records for name, one in zip(names, found, strict=True)})
    if not drawn:
        return [tag("p", "Nothing has been logged yet.", class_="aside")]
    return [tag("div", *drawn, class_="charts"), tag("p", "Means over a fortieth of each run.", class_="aside")]
