"""`minigan compare`: several runs on one page."""

import dataclasses

import pytest

from minigan.cli import main
from minigan.presets import PRESETS
from minigan.report import MOST, compare
from minigan.runs import Run

DIGITS = PRESETS["digits"].config


def page(runs, folder):
    compare(runs, folder / "compare.html")
    return (folder / "compare.html").read_text()


def test_only_differences_are_shown(make_run, tmp_path):
    runs = [make_run(name, config=dataclasses.replace(DIGITS, seed=seed)) for seed, name in enumerate(["one", "two"])]
    content = page(runs, tmp_path)
    assert '<th scope="row">seed</th><td data-run="one">0</td><td data-run="two">1</td>' in content
    assert content.count('scope="row"') == 1
    assert "minigan train digits --seed 1" in content


def test_models_with_other_settings(make_run, tmp_path):
    content = page([make_run("image"), make_run("point", "toy-ring")], tmp_path)
    assert '<td data-run="image">does not apply</td><td data-run="point">4</td>' in content  # octaves
    assert '<td data-run="image">digits</td><td data-run="point">toy-ring</td>' in content


def test_equal_settings(make_run, tmp_path):
    assert "None: their settings are equal." in page([make_run("one"), make_run("two")], tmp_path)


def test_metrics_and_real_data_side_by_side(make_run, tmp_path, measured):
    one = make_run("one", metrics={"recall": measured(0.5, 0.9, 1)})
    two = make_run("two", metrics={"kl": measured(3, 0, 1)})
    content = page([one, two, make_run("three")], tmp_path)
    assert content.count(">real data ") == 2
    assert content.count("not measured") == 4
    assert "Not measured yet: three." in content


def test_every_number_gets_a_chart_with_a_line_for_each_run(make_run, tmp_path):
    content = page([make_run("one"), make_run("two", steps=10)], tmp_path)
    charts = content.split('class="chart"')[1:]
    titles = ["critic loss", "generator loss", "test critic loss", "penalty", "critic gradient, logarithmic"]
    assert [chart.split("<b>")[1].split("</b>")[0] for chart in charts] == titles
    assert [chart.count("<em>") for chart in charts] == [2, 2, 1, 2, 2]  # the short run was never tested


def test_runs_without_anything_yet(make_run, tmp_path):
    content = page([make_run(name, steps=0, pictures=0) for name in ("one", "two")], tmp_path)
    for told in ("No picture yet.", "Nothing has been logged yet.", "None has been measured yet"):
        assert told in content


def test_folders_of_one_name_are_told_apart_by_their_paths(make_run, tmp_path):
    runs = [make_run(name) for name in ("a/run", "b/run")]
    content = page(runs, tmp_path)
    assert all(f"</i>{run.folder}" in content for run in runs)


def test_what_is_in_the_data_is_text(full_run, make_run, tmp_path, hostile):
    content = page([full_run, make_run("two")], tmp_path)
    assert "&lt;script&gt;window.hacked" in content
    assert hostile not in content
    assert content.count("<script>") == 1


def test_the_command(make_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [str(make_run(name).folder) for name in ("one", "two")]
    assert main(["compare", *runs]) == 0
    assert capsys.readouterr().out == "compare.html\n"
    assert main(["compare", *runs, "--out", "other.html"]) == 0
    assert (tmp_path / "other.html").read_bytes() == (tmp_path / "compare.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "compare needs at least two runs, got 0"),
        (["one"], "compare needs at least two runs, got 1"),
        (["one", "nowhere"], "nowhere holds no run"),
        (["one", "../x/one"], "more than once"),
        (["one", "two", "--out", "x.png"], "--out must end in .html, got x.png"),
        (["one", "two", "--out", "no/x.html"], "there is no such folder to write into"),
    ],
)
def test_bad_input_is_one_sentence(make_run, tmp_path, capsys, monkeypatch, arguments, message):
    for name in ("x/one", "x/two"):
        make_run(name, pictures=1)
    monkeypatch.chdir(tmp_path / "x")
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "x").glob("*.html"))


def test_too_many(tmp_path):
    with pytest.raises(ValueError, match=f"at most {MOST} runs, got {MOST + 1}"):
        compare([Run(tmp_path / str(i)) for i in range(MOST + 1)], tmp_path / "x.html")
