"""sessions.jsonl: the versions with which a run was trained, each time that it was started or resumed."""

import json
import platform
import sys
from types import SimpleNamespace

import numpy as np

import minigan
from minigan.presets import Config
from minigan.runs import Run, sessions


def test_every_session_is_a_line(tmp_path):
    for step in (0, 40):
        sessions.begin(Run(tmp_path), SimpleNamespace(step_count=step, device="cpu", config=Config()))
    first, second = map(json.loads, (tmp_path / "sessions.jsonl").read_text().splitlines())
    assert (first["step"], second["step"]) == (0, 40)
    assert first["versions"] == second["versions"] == sessions.versions()
    assert first["device"] == "cpu"


def test_versions_are_those_that_run():
    found = sessions.versions()
    assert found["minigan"] == minigan.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert "threads: " in found["BLAS"]


def test_on_a_gpu_cupy_is_one_of_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(__version__="14.0"))
    assert sessions.versions("cuda")["cupy"] == "14.0"
    assert "cupy" not in sessions.versions("cpu")
