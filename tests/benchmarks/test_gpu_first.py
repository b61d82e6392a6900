"""`python -m benchmarks.gpu_first` without a GPU: its sections measure nothing, fail, die and hang."""

import json

import pytest

from benchmarks import gpu_first

MEASUREMENTS = """
import os, time

def device(quick):
    return {"quick": lambda: quick, "name": lambda: "Fake GPU"}

def numbers(quick):
    return {"right": lambda: True, "missing": lambda: {}["no\\nsuch key"], "next": lambda: 1.5}

def steps(quick):
    return {"before": lambda: 1, "dies": lambda: os._exit(3), "after": lambda: 2}

def kernels(quick):
    return {"before": lambda: 1, "hangs": lambda: time.sleep(600)}

def chunks(quick):
    raise RuntimeError("there are no chunks")
"""


@pytest.fixture
def measurements(tmp_path, monkeypatch):
    """The name of a module that a new process can import."""
    (tmp_path / "stand_in_measurements.py").write_text(MEASUREMENTS)
    monkeypatch.syspath_prepend(tmp_path)
    return "stand_in_measurements"


def section(name, measurements, limit=60):
    return dict(gpu_first.measured(name, True, limit, measurements))


def test_a_failure_is_a_sentence_and_the_next_measurement_is_made(measurements):
    found = section("numbers", measurements)
    assert found == {"right": True, "missing": {"failed": "KeyError: 'no\\nsuch key'"}, "next": 1.5}


def test_a_process_that_dies_says_so_and_what_it_measured_is_kept(measurements):
    failed = {"failed": "the process of the section ended with status 3"}
    assert section("steps", measurements) == {"before": 1, "the rest": failed}


def test_a_section_that_cannot_begin_says_so(measurements):
    assert "failed" in section("chunks", measurements)["the section"]


def test_a_section_that_hangs_is_stopped_and_all_sections_are_in_the_file(measurements, tmp_path, capsys):
    folder = tmp_path / "results"
    assert gpu_first.main(folder, quick=True, limit=5, measurements=measurements) == 1
    found = json.loads((folder / "first.json").read_text())
    assert list(found) == ["about", *gpu_first.SECTIONS]
    assert found["device"] == {"quick": True, "name": "Fake GPU"}
    assert found["kernels"] == {"before": 1, "the rest": {"failed": "the section was stopped after 5 s"}}
    assert gpu_first.failures(found) == [
        "numbers: missing", "steps: the rest", "kernels: the rest", "chunks: the section",
    ]  # fmt: skip
    assert "numbers: next: 1.5\n" in capsys.readouterr().out


def test_a_wrong_number_is_a_failure():
    found = {name: {} for name in gpu_first.SECTIONS} | {"numbers": {"Adam": False, "EMA": True}, "steps": {"a": 0.0}}
    assert gpu_first.failures(found) == ["numbers: Adam"]


class Killed(BaseException):
    """Stand-in for a signal."""


def test_what_was_measured_before_a_kill_is_written(monkeypatch, tmp_path):
    def measured(section, *_):
        yield "first", 1
        if section == "numbers":
            raise Killed
        yield "second", 2

    monkeypatch.setattr(gpu_first, "measured", measured)
    with pytest.raises(Killed):
        gpu_first.main(tmp_path / "results")
    found = json.loads((tmp_path / "results" / "first.json").read_text())
    del found["about"]
    assert found == {"device": {"first": 1, "second": 2}, "numbers": {"first": 1}}


def test_the_command_has_its_options(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(gpu_first, "main", lambda **options: given.append(options) or 0)
    assert gpu_first.command([str(tmp_path), "--quick", "--limit", "3"]) == 0
    assert given == [{"folder": tmp_path, "quick": True, "limit": 3.0}]
