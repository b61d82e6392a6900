"""Claims that hold, claims that do not, and claims whose check could not have failed."""

import numpy as np
import pytest

import minigan as mg
from minigan.check import ClaimError, answer, check, claim, collecting


def declared(sides, tolerance=1e-12, **options):
    return claim("4.2", "both sides agree", source="us, 2026", tolerance=tolerance, **options)(sides)


def test_a_claim_holds_and_its_variant_is_rejected(capsys):
    found = declared(lambda factor=2.0: (np.array([2.0, 4.0]), factor * np.array([1.0, 2.0])))
    check(found.wrong("three times", factor=3.0))
    printed = capsys.readouterr().out
    assert "4.2  both sides agree" in printed
    assert "holds: 0.0e+00, tolerance 1e-12  [us, 2026]" in printed
    assert "rejected, three times: 3.3e-01" in printed


@pytest.mark.parametrize(
    ("measure", "sides", "distance"),
    [
        ("relative", (1.0, 4.0), 0.75),
        ("relative", ([0.0, 2.0], [0.0, 1.0]), 0.5),
        ("absolute", ([0.0, 2.0], [0.0, 1.5]), 0.5),
        ("excess", ([1.0, 5.0], [2.0, 3.0]), 2.0),
        ("excess", (1.0, 2.0), 0.0),
        ("sigmas", (1.0, 2.0, 0.25), 4.0),
        ("relative", (np.nan, 1.0), np.inf),
        ("relative", (mg.Tensor(1.0), np.float64(2.0)), 0.5),
    ],
)
def test_distances(measure, sides, distance):
    assert declared(lambda: sides, measure=measure).distance() == pytest.approx(distance)


@pytest.mark.parametrize(
    ("sides", "variants", "said"),
    [
        (lambda a=1.0: (a, 2.0), {"a": 3.0}, "DOES NOT HOLD: 5.0e-01"),
        (lambda a=1.0: (np.nan, a), {"a": 3.0}, "DOES NOT HOLD: inf"),
        (lambda a=1.0: (1.0, 1.0), {"a": 3.0}, "NOT REJECTED, wrong: 0.0e"),
        (lambda a=1.0: (a, 1.0), None, "HAS NO WRONG VARIANT"),
    ],
)
def test_what_does_not_prove_the_claim_is_an_error(sides, variants, said):
    found = declared(sides)
    if variants:
        found.wrong("wrong", **variants)
    with pytest.raises(ClaimError, match=said):
        check(found)
    with collecting() as results:
        check(found)
    assert not results[0].holds


def test_collecting_neither_prints_nor_raises(capsys):
    good = declared(lambda a=1.0: (a, 1.0)).wrong("two", a=2.0)
    with collecting() as outer:
        check(good)
        with collecting() as inner:
            check(good)
    assert len(outer) == len(inner) == 1
    assert outer[0].holds
    assert outer[0].controls == (("two", 0.5),)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda x: 2 * x, "exact"),
        (lambda x: 2 * x + 1e-13, "approximately equal: 5.0e-14, tolerance 1e-12"),
        (lambda x: x, "not yet: the largest difference is 5.0e-01, tolerance 1e-12"),
    ],
)
def test_answers_to_an_exercise(capsys, attempt, said):
    answer(declared(lambda answer=None: (answer(1.0), 2.0)), attempt)
    assert capsys.readouterr().out == f"exercise 4.2: {said}\n"


def test_an_exercise_not_tried_is_no_error(capsys):
    def attempt(x):
        raise NotImplementedError

    answer(declared(lambda answer=None: (answer(1.0), 2.0)), attempt)
    assert "not tried yet" in capsys.readouterr().out


def test_sides_of_different_shapes_are_not_compared():
    with pytest.raises(ValueError, match=r"claim 4\.2: its sides have shapes \(2,\) and \(1, 2\)"):
        declared(lambda: (np.ones(2), np.ones((1, 2)))).distance()


def test_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match="measure must be one of relative, absolute, excess, sigmas, got 'rms'"):
        declared(lambda: (1, 1), measure="rms")
