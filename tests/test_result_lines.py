"""The plugin that writes the result of each test at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent / "support"
TESTS = """
import os
import pytest

def test_that_passes():
    pass

def test_that_fails():
    assert 1 == 2

@pytest.mark.skip(reason="nothing here")
def test_that_is_skipped():
    pass

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_without_its_fixture(broken):
    pass

def test_that_dies():
    os._exit(5)

def test_behind_it():
    pass
"""


BEFORE = [
    ("test_that_passes", "passed"),
    ("test_that_fails", "failed"),
    ("test_that_is_skipped", "skipped"),
    ("test_without_its_fixture", "failed"),
]


def lines(folder, *options):
    """Run the tests and return the lines of the file as dicts, whose "test" is the name alone."""
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "result_lines", "--result-lines", "lines.jsonl", *options]
    environment = os.environ | {"PYTHONPATH": str(SUPPORT)}
    subprocess.run([*command, "test_it.py"], env=environment, cwd=folder, capture_output=True)
    found = [json.loads(line) for line in (folder / "lines.jsonl").read_text().splitlines()]
    return [line | {"test": line["test"].partition("::")[2]} for line in found]


def test_a_run_that_dies_has_written_every_result_before(tmp_path):
    found = lines(tmp_path, "-p", "no:xdist")
    assert [(line["test"], line["outcome"]) for line in found] == BEFORE
    assert "reason" not in found[0]
    for line, reason in zip(found[1:], ["assert 1 == 2", "nothing here", "no fixture"], strict=True):
        assert reason in line["reason"]


def test_results_of_workers_are_written_once(tmp_path):
    """The worker that dies is replaced."""
    pytest.importorskip("xdist")
    found = lines(tmp_path, "-n", "1")
    after = [("test_that_dies", "failed"), ("test_behind_it", "passed")]
    assert [(line["test"], line["outcome"]) for line in found] == BEFORE + after
    assert "crashed" in found[4]["reason"]
