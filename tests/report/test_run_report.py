"""Contents of report.html, for complete, incomplete and empty runs."""

import dataclasses
import json
import random
import shlex
import signal
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from minigan.cli import main
from minigan.commands import train
from minigan.presets import PRESETS, Config
from minigan.report import charts, facts, report
from minigan.report.frames import FRAMES, SIDE, frames
from minigan.report.markup import Html, tag
from minigan.runs import Run, RunError
from minigan.trainers import Trainer

TINY = ["--data", "digits-8x8", "--batch-size", "4", "--latent", "3", "--kernel", "3", "--generator-width", "2"]


class Page(HTMLParser):
    """Parser of the text and the attributes of a page; it fails if a tag is not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes += attributes
        if name not in ("meta", "img", "input"):
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def has(self, text):
        return text in " ".join("".join(self.text).split())


@pytest.fixture
def page_of():
    return lambda run: Page(report(run))


def test_a_page_is_whole_and_needs_nothing_else(full_run, page_of):
    page = page_of(full_run)
    assert page.tags.count("img") == 4
    assert page.tags.count("script") == 1
    references = [value for name, value in page.attributes if name in ("src", "href", "data", "action", "poster")]
    assert all(value.startswith("data:image/") for value in references)
    assert "link" not in page.tags
    assert "url(" not in (full_run.folder / "report.html").read_text()
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_what_is_in_the_data_is_text(full_run, page_of, hostile):
    page = page_of(full_run)
    text = "".join(page.text)
    for where in ("", "Collapse", "Look "):  # preset, data, findings, metrics and versions
        assert where + hostile in text
    assert text.count(hostile) > 8
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_tags_escape_what_is_not_markup():
    assert tag("p", "<b>", tag("b", '"&'), 3, None, class_='"x"', hidden=True, id=None) == (
        '<p class="&quot;x&quot;" hidden>&lt;b&gt;<b>&quot;&amp;</b>3</p>'
    )
    assert tag("img", src_set="x") == '<img src-set="x">'
    assert tag("p", Html("<i>")) == "<p><i></p>"


def test_a_run_says_how_far_it_came(make_run, page_of):
    done = page_of(make_run("done", config=Config(steps=40)))
    assert done.has("Finished: 40 steps in 4.0 s")
    stopped = make_run("stopped", config=Config(steps=4000))
    (stopped.checkpoints / "step-0000057").mkdir()  # saved after the last line of the log
    assert page_of(stopped).has("Unfinished: step 57 of 4,000, after 4.0 s")
    assert page_of(stopped).has(f"minigan train --out {stopped.folder} --resume")
    empty = page_of(make_run("empty", steps=0, pictures=0))
    assert empty.has("Unfinished: step 0 of 4,000")
    assert empty.has("No picture has been drawn yet.")
    assert empty.has("Nothing has been logged yet.")


def test_metrics_stand_beside_their_floors(make_run, page_of, measured):
    metrics = {"coverage": measured(0.5, 0.9, 1.0), "recall": measured(0.95, 0.9, 1.0), "kl": measured("inf", 0, 0.1)}
    run = make_run("run", config=Config(steps=40), metrics=metrics)
    page = page_of(run)
    assert page.has("coverage ↑")
    assert page.has("kl ↓")
    assert page.has("What each metric means is in docs/metrics.md")
    assert page.has("0.5 ± 0.01")
    assert page.has("0.95 [0.9, 1]")
    assert page.has("∞ ± 0.01")
    assert [value for _, value in page.attributes].count("real") == 1  # only recall is within its range
    assert page.has("Measured with seed 0.")
    run.log({"step": 41, "seconds": 5.0, "critic_loss": 1.0})
    assert page_of(run).has("Measured at step 40, before training went on, with seed 0.")
    assert page_of(make_run("other")).has("Not measured yet: minigan evaluate")


def test_findings_come_with_evidence_and_remedy(make_run, page_of):
    finding = {"name": "collapse", "evidence": "the spread is 0.1", "remedy": "Pack the samples", "step": 7}
    page = page_of(make_run("run", findings=[finding | {"step": step} for step in range(7, 32)]))
    assert page.has("Collapsestep 7The spread is 0.1.Pack the samples.")
    assert page.text.count("The spread is 0.1.") == 20
    assert page.has("The first 20 of 25 findings.")
    assert page_of(make_run("well")).has("None of the usual problems was found.")


def test_settings_that_differ_from_the_preset_are_marked(make_run, page_of):
    run = make_run("run", config=dataclasses.replace(PRESETS["digits"].config, generator_lr=3e-5, conditional=False))
    page = page_of(run)
    assert page.has("generator_lr0.001 3e-05")
    assert page.has("conditionalyes no")
    assert page.has("Bold: different from digits, whose value is crossed out.")
    assert page.has("minigan train digits --no-conditional --generator-lr 3e-05")
    assert not page.has("octaves")  # belongs to other models
    assert page_of(make_run("same")).has("All settings are those of digits.")


def altered(config, rng):
    """Change a few settings at random to values that `check` accepts."""
    values = {
        "steps": [1, 12345], "seed": [2**63 + 1], "batch_size": [8], "data": ["a b/$HOME'\"-x", "--seed"],
        "generator_lr": [1e-7, 0.1 + 0.2], "conditional": [True, False], "threads": [3], "latent": [7],
    }  # fmt: skip
    for name in rng.sample(sorted(values), 4):
        other = dataclasses.replace(config, **{name: rng.choice(values[name])})
        try:
            other.check()
        except ValueError:
            continue
        config = other
    return config


@pytest.mark.parametrize("name", PRESETS)
def test_the_command_gives_the_same_settings(name):
    config = altered(PRESETS[name].config, random.Random(name))
    program, command, *arguments = shlex.split(facts.command(name, config))
    assert (program, command) == ("minigan", "train")
    parsed = train.options(arguments)
    assert (parsed.preset, parsed.config) == (name, config)


def test_a_preset_that_is_no_more_starts_from_the_default(make_run, page_of):
    run = make_run("run", "of-old", PRESETS["toy-ring"].config)
    page = page_of(run)
    assert page.has("This version does not know the preset of-old, so the command starts from digits.")
    assert page.has("minigan train digits --data ring")


def test_versions_and_how_often_it_was_resumed(make_run, page_of):
    old = {"step": 0, "steps": 20, "versions": {"numpy": "2.0"}}
    sessions = [old, {"step": 20, "steps": 40, "versions": {"numpy": "2.1"}}]
    page = page_of(make_run("run", sessions=sessions))
    assert page.has("numpy2.1")
    assert page.has("From step 0 on, other versions were in use: see sessions.jsonl.")
    assert page.has("From step 0 on, the run was planned for steps=20; it was extended later.")
    assert not page_of(make_run("once", sessions=[old, old | {"step": 7}])).has("From step")


def test_cut_off_and_foreign_lines_are_left_out(make_run, page_of):
    run = make_run("run")
    for name in ("metrics", "findings", "sessions"):
        with open(run.folder / f"{name}.jsonl", "a") as file:
            file.write('[1, 2]\n{"step": 41, "crit')
    (run.folder / "evaluation.json").write_text('{"metrics": 3')
    (run.samples / "step-0000050.png").write_bytes(b"\x89PNG\r\n\x1a\n of no image")
    page = page_of(run)
    assert page.has("Not measured yet")
    assert page.has("Shown are 4 of 5 pictures.")
    run.config_file.write_text("{")
    with pytest.raises(RunError, match="is not the configuration of a run"):
        report(run)


def test_pictures_are_few_and_small(tmp_path):
    for step in range(1, 61):
        Image.fromarray(np.full((4, 4), step, np.uint8)).save(tmp_path / f"step-{step:07d}.png")
    shown, drawn = frames(tmp_path)
    assert (len(shown), drawn) == (FRAMES, 60)
    steps = [frame.step for frame in shown]
    assert (steps[0], steps[-1]) == (1, 60)
    assert set(np.diff(steps)) == {2, 3}
    noise = np.random.default_rng(0).integers(0, 256, (750, 1500, 4)).astype(np.uint8)
    for step in (9_999_999, 10_000_000):  # in the order of the numbers, not of the names
        Image.fromarray(noise[step % 2 :]).save(tmp_path / f"step-{step:07d}.png")
    (last,), _ = frames(tmp_path, most=1)
    assert last.step == 10_000_000
    assert (last.width, last.height) == (500, 250)
    assert max(last.width, last.height) <= SIDE
    assert len(last.source) < 200_000


def test_curves_break_where_a_number_is_none(make_run):
    run = make_run("run", steps=0)
    for step, loss in enumerate([1.0, 2.0, float("nan"), 2.0, float("inf"), 3.0], 1):
        run.log({"step": step, "critic_loss": loss, "generator_gradient": 0.0})
    loss, gradient = charts.curves(run.read_log())
    assert loss.count("M") == 3 + 2 * 3 + loss.count("rule") - 3  # two lines in three pieces each, and the rules
    assert "critic <em>3</em>" in loss
    assert "not finite" in gradient


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (0.985, 1.015, [0.99, 1, 1.01]),
        (1, 4000, [1000, 2000, 3000, 4000]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert charts._ticks(low, high) == expected


def test_logarithmic_ticks():
    assert charts._logarithmic_ticks(0.9, 12) == [1, 2, 5, 10]
    assert charts._logarithmic_ticks(1e-12, 1e12) == [10.0**k for k in range(-12, 13, 3)]


def test_numbers_are_written_as_people_write_them():
    shown = {12_000.0: "12,000", 0.001: "0.001", -2.5: "\N{MINUS SIGN}2.5", 1234.5678: "1235", 1e20: "1e+20"}
    assert {x: charts.number(x) for x in shown} == shown
    assert charts.number(float("nan")) == ""


def test_training_and_evaluation_write_the_report(tmp_path, capsys, page_of):
    folder = tmp_path / "run"
    small = ["--batch-size", "8", "--generator-width", "4", "--critic-width", "4", "--steps", "1"]
    assert main(["train", "toy-ring", *small, "--out", str(folder)]) == 0
    assert str(folder / "report.html") in capsys.readouterr().err
    run = Run.open(folder)
    page = page_of(run)
    assert page.has("Finished: 1 steps")
    assert page.has(f"numpy{np.__version__}")
    assert main(["evaluate", str(folder), "--n", "50"]) == 0
    kept = json.loads((folder / "evaluation.json").read_text())
    assert (kept["step"], kept["seed"]) == (1, 0)
    assert "high_quality" in (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert page_of(run).has("high_quality")
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_a_report_that_fails_fails_no_run(tmp_path, capsys, monkeypatch):
    def broken(run):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("minigan.commands.train.report", broken)
    assert main(["train", *TINY, "--steps", "2", "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr()
    assert "nothing written about" in told.err
    assert told.out.strip().endswith("step-0000002.png")


def test_ctrl_c_leaves_a_report_too(tmp_path, monkeypatch, page_of):
    step = Trainer.step

    def interrupted(self):
        if self.step_count == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    assert main(["train", *TINY, "--steps", "9", "--out", str(tmp_path / "run")]) == 130
    assert page_of(Run.open(tmp_path / "run")).has("Unfinished: step 3 of 9")
