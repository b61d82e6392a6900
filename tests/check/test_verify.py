"""`minigan verify` on chapters that the tests write."""

import json
import re

import pytest

from minigan import verify
from minigan.cli import main

GOOD = """
from minigan.check import check, claim

@claim("{n}.1", "one is one", source="us", tolerance=1e-12)
def one(a=1.0):
    return a, 1.0

one.wrong("two is one", a=2.0)
check(one)
print("not to be seen")
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tutorials").mkdir()

    def write(name, text):
        (tmp_path / "tutorials" / f"{name}.py").write_text(text)

    write("ch01_first", GOOD.format(n=1))
    write("ch02_second", GOOD.format(n=2))
    return write


def test_all_chapters_hold(course, capsys):
    course("errata", GOOD.format(n="E"))
    course("notes", "raise SystemError")  # is no chapter
    assert main(["verify"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[::2]] == ["ch01_first", "ch02_second", "errata", "3"]
    assert "holds  1.1     0.0e+00 <= 1e-12         one is one" in printed
    assert "3 claims, all hold; 3 wrong variants rejected" in printed
    assert "not to be seen" not in printed


@pytest.mark.parametrize("name", ["2", "02", "ch02", "ch02_second"])
def test_one_chapter_as_json(course, capsys, name):
    assert main(["verify", name, "--json"]) == 0
    (chapter,) = json.loads(capsys.readouterr().out)
    assert (chapter["chapter"], chapter["error"]) == ("ch02_second", None)
    assert chapter["claims"][0]["number"] == "2.1"
    assert chapter["claims"][0]["holds"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.format(n=3).replace("a=1.0", "a=1.1"), "FAILS  3.1"),
        (GOOD.format(n=3).replace('one.wrong("two is one", a=2.0)', ""), "HAS NO WRONG VARIANT"),
        (GOOD.format(n=3) + "1 / 0\n", "FAILS  ZeroDivisionError"),
        ("x = 1\n", "it checks nothing"),
    ],
)
def test_whatever_fails_is_the_exit_status(course, capsys, text, said):
    course("ch03_third", text)
    assert main(["verify"]) == 1
    printed = capsys.readouterr().out
    assert said in printed
    assert "1 FAIL" in printed
    assert "holds  1.1" in printed


def test_the_measure_of_a_distance_is_named_unless_it_is_relative(course, capsys):
    text = GOOD.format(n=3).replace("tolerance=", 'measure="{}", tolerance=')
    for measure, named in (("absolute", "1e-12 abs.    one"), ("excess", "1e-12 excess  one")):
        course("ch03_third", text.format(measure))
        assert main(["verify", "3"]) == 0
        assert named in capsys.readouterr().out


def test_a_chapter_prints_as_a_summary_of_its_claims(course, tmp_path):
    first, second = verify.chapters(tmp_path / "tutorials")
    assert re.fullmatch(r"<ch01_first: 1 claims, all hold; 1 wrong variants rejected; \d s>", repr(verify.run(first)))
    second.write_text("1 / 0")
    assert repr(verify.run(second)) == "<ch02_second: ZeroDivisionError: division by zero>"


def test_an_unknown_chapter_is_one_sentence(course, capsys):
    assert main(["verify", "7"]) == 2
    assert "no chapter '7'; there are 1, 2" in capsys.readouterr().err


def test_no_folder_is_one_sentence(tmp_path, capsys):
    assert main(["verify", "--folder", str(tmp_path / "none")]) == 2
    assert "the tutorials come with a clone" in capsys.readouterr().err
