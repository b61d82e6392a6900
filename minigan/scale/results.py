"""Results of a protocol or a sweep as text and as a picture: published rows, real data, and each of our seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from .. import viz
from ..metrics.better import BETTER

if TYPE_CHECKING:
    from ..metrics import Measurement
    from ..types import PathLike
    from .protocol import Protocol

FIGURE = 3  # metrics in the figure, the first ones: more would not fit side by side
Record = dict[str, Any]


def table(protocol: Protocol, records: Sequence[Record]) -> list[str]:
    """Return the lines of the table: published rows, real data, targets, then our methods with median and seeds."""
    groups = by_method(records)
    rows = [["", *protocol.shown.values(), "seconds"]]
    rows += [_row(f"{p.method}, {p.source}", [p.values.get(m) for m in protocol.shown]) for p in protocol.published]
    rows += [_row("floor (real data)", [_floor(records, metric) for metric in protocol.shown])]
    for what, targets in protocol.targets.items():
        rows.append([f"target: {what}", *(str(targets.get(metric, "")) for metric in protocol.shown), ""])
    for method, group in groups.items():
        rows += [[""] * len(rows[0]), *_method_rows(protocol, method, group)]
    return [protocol.about, f"source: {protocol.source}", "", *aligned(rows), *_remarks(protocol, groups)]


def measurements(found: Mapping[str, Measurement]) -> list[str]:
    """Return the lines of a table of {name: Measurement}."""
    rows = [["metric", "value", "s.e.", "better", "floor (real data)", "5 %", "95 %", "n"]]
    for name, m in found.items():
        value, error, *real = (f"{x:.4g}" for x in (m.value, m.standard_error, m.floor, *m.floor_range))
        rows.append([name, value, error, BETTER.get(name, ""), *real, f"{m.n:,}"])
    return aligned(rows)


def figure(path: PathLike, protocol: Protocol, records: Sequence[Record]) -> None:
    """Draw the value of every seed for each method and metric, with the floors and the published values.

    Nothing is drawn if every seed failed.
    """
    titles = dict(list(protocol.shown.items())[:FIGURE])
    results = {
        method: {title: found for metric, title in titles.items() if (found := values(group, metric))}
        for method, group in by_method(records).items()
    }
    results = {method: found for method, found in results.items() if found}
    if results:
        quoted = {
            f"{row.method}, {row.source}": {
                t: row.values[metric] for metric, t in titles.items() if metric in row.values
            }
            for row in protocol.published
        }
        ranges = {title: found for metric, title in titles.items() if (found := _floor_range(records, metric))}
        title = f"{protocol.name}: every seed"
        viz.seeds(path, results | {name: {} for name in quoted}, floors=ranges, published=quoted, title=title)


def by_method(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return {method: its records}, in order."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["method"], []).append(record)
    return groups


def values(records: Sequence[Record], metric: str) -> list[float]:
    """Return the numbers of one metric, of all records that have it."""
    return [float(r["metrics"][metric]["value"]) for r in records if metric in r.get("metrics", {})]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines of text, the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def _method_rows(protocol, method, records):
    found = [values(records, metric) for metric in protocol.shown]
    seconds = [r["seconds"] for r in records if "failed" not in r]
    rows = [_row(f"ours: {method}, median", [median(v) if v else None for v in found], median(seconds or [0]))]
    for record in records:
        numbers = [next(iter(values([record], metric)), None) for metric in protocol.shown]
        rows.append(_row(f"  seed {record['seed']}", numbers, record.get("seconds"), "failed" in record))
    return rows


def _row(name, numbers, seconds=None, failed=False):
    cells = ["failed" if failed else "" if x is None else f"{x:.4g}" for x in numbers]
    return [name, *cells, "" if seconds is None else f"{seconds:.0f}"]


def _remarks(protocol, groups):
    """Yield how many seeds met each target, and why seeds failed."""
    for what in protocol.targets:
        for method, group in groups.items():
            met = sum(protocol.reached(what, record) for record in group)
            yield f"{what}: {method} meets all of these targets in {met} of {len(group)} seeds"
    for method, group in groups.items():
        yield from (f"{method}, seed {r['seed']} failed: {r['failed']}" for r in group if "failed" in r)


def _floor(records, metric):
    """Return the mean of the floors of all seeds, each computed from samples of its own."""
    found = [float(m["floor"]) for r in records if "floor" in (m := r.get("metrics", {}).get(metric, {}))]
    return fmean(found) if found else None


def _floor_range(records, metric):
    """Return the range from the lowest to the highest floor quantile of all seeds."""
    found = [m["floor_range"] for r in records if "floor" in (m := r.get("metrics", {}).get(metric, {}))]
    return (min(float(low) for low, _ in found), max(float(high) for _, high in found)) if found else None
