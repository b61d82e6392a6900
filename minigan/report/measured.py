"""What `minigan evaluate` measured, as a table, and the words for numbers and settings."""

import math

from .charts import number
from .markup import tag

EXPLAINED = (
    "The floor is what real data, or a perfect sampler, score by the same protocol, with its 5 % and 95 % quantiles. "
    "A dot marks a value between these, which one run cannot tell from real."
)


def table(metrics):
    """A row for each metric: its value with the standard error, and the floor with its range."""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("metric", "value", "floor")))
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", value(found)), tag("td", floor(found)))
        for name, found in metrics.items()
    ]
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="metrics")


def value(found):
    """A metric's value, standard error and, where it lies within the floor's range, a mark."""
    low, high = _span(found)
    error, x = _entry(found, "standard_error"), _entry(found, "value")
    mark = tag("i", class_="real", title="as real data score") if low <= x <= high else None
    return tag("span", number(x), tag("small", f" ± {number(error, 2)}") if math.isfinite(error) else None, mark)


def floor(found):
    """A metric's floor and the range of its draws."""
    low, high = _span(found)
    spread = f" [{number(low, 3)},\N{NO-BREAK SPACE}{number(high, 3)}]"
    return tag("span", number(_entry(found, "floor")), tag("small", spread))


def _span(found):
    """The floor's 5 % and 95 % quantiles."""
    pair = found.get("floor_range")
    return tuple(map(_float, pair)) if isinstance(pair, list) and len(pair) == 2 else (math.nan, math.nan)


def _entry(found, key):
    """A number of a metric, NaN if there is none; JSON has infinity as a string."""
    return _float(found.get(key))


def duration(seconds):
    """So many seconds in words."""
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return "{} min {} s".format(*minutes) if seconds < 3600 else "{} h {} min".format(*hours)


def shown(value):
    """A setting as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value) or "none"


def _float(x):
    try:
        return float(x)
    except (TypeError, ValueError):
        return math.nan
