"""Results of `minigan evaluate` as a table, and numbers and settings as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..metrics.better import BETTER
from .charts import number
from .markup import tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .markup import Html

__all__ = ["EXPLAINED", "duration", "floor", "named", "shown", "table", "value"]

EXPLAINED: str = (
    "Higher is better for \u2191, lower for \u2193, and nearer to real data for \u2248. The score of real data, or of "
    "a perfect sampler, is measured under the same protocol; its 5\N{NO-BREAK SPACE}% and 95\N{NO-BREAK SPACE}% "
    "quantiles are in brackets. A dot marks a value between the quantiles: a single run cannot distinguish it from the "
    "score of real data. What each metric means is in docs/metrics.md of minigan."
)

_ARROWS = {
    "higher": ("\u2191", "higher is better"),
    "lower": ("\u2193", "lower is better"),
    "as real": ("\u2248", "better if nearer to real data"),
}


def table(metrics: Mapping[str, Mapping[str, Any]]) -> Html:
    """Return a table with a row for each metric: value and standard error, score of real data and its range."""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("metric", "value", "real data")))
    rows = [
        tag("tr", tag("th", named(name), scope="row"), tag("td", value(found)), tag("td", floor(found)))
        for name, found in metrics.items()
    ]
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="metrics")


def named(metric: str) -> Html:
    """Return the name of a metric and an arrow in the direction that is better."""
    if metric not in BETTER:
        return tag("span", metric)
    arrow, meaning = _ARROWS[BETTER[metric]]
    return tag("span", metric, tag("small", f" {arrow}", title=meaning))


def value(found: Mapping[str, Any]) -> Html:
    """Return a metric's value and standard error, with a dot if the value is within the floor's range."""
    low, high = _span(found)
    error, x = _entry(found, "standard_error"), _entry(found, "value")
    mark = tag("i", class_="real", title="within the range of real data") if low <= x <= high else None
    return tag("span", number(x), tag("small", f" ± {number(error, 2)}") if math.isfinite(error) else None, mark)


def floor(found: Mapping[str, Any]) -> Html:
    """Return a metric's floor and its 5 % and 95 % quantiles."""
    low, high = _span(found)
    spread = f" [{number(low, 3)},\N{NO-BREAK SPACE}{number(high, 3)}]"
    return tag("span", number(_entry(found, "floor")), tag("small", spread))


def _span(found):
    """Return the 5 % and 95 % quantiles of the floor."""
    pair = found.get("floor_range")
    return tuple(map(_float, pair)) if isinstance(pair, list) and len(pair) == 2 else (math.nan, math.nan)


def _entry(found, key):
    """Return a number of a metric, NaN if there is none. JSON stores infinity as a string, which is read as well."""
    return _float(found.get(key))


def duration(seconds: float) -> str:
    """Format a number of seconds, such as "3 min 20 s"."""
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return "{} min {} s".format(*minutes) if seconds < 3600 else "{} h {} min".format(*hours)


def shown(value: Any) -> str:
    """Format the value of a setting."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value) or "none"


def _float(x):
    try:
        return float(x)
    except (TypeError, ValueError):
        return math.nan
