"""`minigan train --device cuda` in a process of its own: what a run leaves, and one that is stopped and goes on."""

import json
import signal

import numpy as np
import pytest
from crashes import left
from processes import SUPPORT, child
from stand_in import python

pytestmark = pytest.mark.gpu
pytest.importorskip("tyro", reason="the command line needs tyro, which a machine with a GPU may lack")

STEPS, STOPPED_AT = 4, 2
SMALL = ["--device", "cuda", "--steps", STEPS, "--batch-size", 4, "--generator-width", 4, "--critic-width", 4]
PRESETS = {  # {preset: the options that make it small}
    "digits": [*SMALL, "--data", "digits-8x8"],
    "toy-ring": [*SMALL, "--octaves", 1],
    "r3gan-small": [*SMALL, "--data", "digits-8x8"],
}


def minigan(*arguments):
    """Run a command to its end; return its exit status and what it says."""
    _, status, said = child(*python("-m", "minigan", *arguments))
    return status, said


@pytest.fixture(scope="module", params=PRESETS)
def runs(request, tmp_path_factory):
    """Two runs of one preset: one to its end, the other stopped in the middle of a step, and then resumed."""
    folder = tmp_path_factory.mktemp(request.param)
    whole, stopped = folder / "whole", folder / "stopped"
    status, said = minigan("train", request.param, *PRESETS[request.param], "--out", whole)
    assert status == 0, said
    assert "on the GPU" in said
    stopping = python(SUPPORT / "stopped.py", STOPPED_AT, request.param, *PRESETS[request.param], "--out", stopped)
    _, status, said = child(*stopping)
    assert status == 128 + signal.SIGTERM, said
    assert f"stopped and saved at step {STOPPED_AT}" in said
    status, said = minigan("train", "--out", stopped, "--resume")
    assert status == 0, said
    return whole, stopped


def test_a_run_that_was_stopped_ends_with_the_same_bits(runs):
    """Checkpoints, pictures and logs."""
    whole, stopped = map(left, runs)
    assert whole.keys() == stopped.keys()
    assert [name for name in whole if whole[name] != stopped[name]] == []
    assert [name for name in whole if name.endswith(".safetensors")]
    assert [name for name in whole if name.endswith(".png")]


def test_what_a_run_leaves(runs):
    whole, stopped = runs
    sessions = [
        [json.loads(line) for line in (run / "sessions.jsonl").read_text().splitlines()] for run in (whole, stopped)
    ]
    assert [[s["step"] for s in session] for session in sessions] == [[0], [0, STOPPED_AT]]
    assert {(s["device"], "cupy" in s["versions"]) for session in sessions for s in session} == {("cuda", True)}
    assert (whole / "report.html").stat().st_size > 1000


def test_samples(runs):
    whole, _ = runs
    drawn = whole / "drawn.npy"
    status, said = minigan("sample", whole, "--n", 6, "--out", drawn)
    assert status == 0, said
    samples = np.load(drawn)
    assert len(samples) == 6
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("runs", ["toy-ring"], indirect=True)  # images would need a classifier, trained for a minute
def test_measurements(runs):
    whole, _ = runs
    status, said = minigan("evaluate", whole, "--n", 60)
    assert status == 0, said
    assert json.loads((whole / "evaluation.json").read_text())
