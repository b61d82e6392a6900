"""A report is a dict, some of whose numbers are read when they are looked at."""

import copy
import pickle

import pytest

from minigan.gan.reports import Later, Report, divide


@pytest.fixture
def later():
    """later(number): the number, and the list `later.read` notes that it was read."""

    def make(number):
        return Later(lambda: make.read.append(number) or number)

    make.read = []
    return make


def test_whoever_merges_reports_waits_for_nothing(later):
    report = Report(a=later(0.5), b=later(0.25))
    merged = {"c": 1.0} | report | {"d": 2.0}
    merged |= Report(e=later(4.0))
    merged |= [("f", 8.0)]
    divide(merged, "b", 2)
    twin = merged.copy()
    assert list(merged) == list(twin) == ["c", "a", "b", "d", "e", "f"]
    assert len(merged) == 6
    assert "a" in merged
    assert not later.read
    assert merged["b"] == 0.125
    assert later.read == [0.25]
    assert merged["b"] == 0.125
    assert later.read == [0.25], "read once"


LOOKS = {
    "item": lambda r: r["a"],
    "get": lambda r: r.get("a"),
    "setdefault": lambda r: r.setdefault("a", 7.0),
    "pop": lambda r: r.pop("a"),
    "popitem": lambda r: r.popitem()[1],
    "values": lambda r: next(iter(r.values())),
    "items": lambda r: next(iter(r.items()))[1],
    "dict": lambda r: dict(r)["a"],
    "unpacked": lambda r: {**r}["a"],
    "update": lambda r: _updated(r)["a"],
    "deepcopy": lambda r: copy.deepcopy(r)["a"],
    "repr": lambda r: eval(repr(r))["a"],
    "format": lambda r: float(f"{r}".partition(": ")[2].rstrip("}")),
}


def _updated(report):
    plain = {}
    plain.update(report)
    return plain


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_gets_the_number(look, later):
    assert LOOKS[look](Report(a=later(0.5))) == 0.5


def test_equality_and_pickling(later):
    report = Report(a=later(0.5))
    assert report == {"a": 0.5}
    plain = {"a": 0.5}
    assert plain == report
    assert Report(a=later(0.5)) == Report(a=later(0.5))
    assert Report(a=later(0.5)) != {"a": 1.0}
    assert pickle.loads(pickle.dumps(Report(b=1.0))) == {"b": 1.0}
    assert Report().setdefault("a", 2.0) == 2.0
    assert Report().get("a", 3.0) == 3.0
    with pytest.raises(KeyError):
        Report()["a"]
    with pytest.raises(TypeError):
        report | 3
