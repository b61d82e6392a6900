"""Tests of `prepare.py` where something is missing, and of the places where it finds CUDA's headers."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = Path(__file__).parent / "prepare.py"
SPEC = importlib.util.spec_from_file_location("prepare", PREPARE)
prepare = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prepare)


def said(*arguments, **environment):
    """Run prepare.py; return what it wrote on stderr, and its exit status."""
    done = subprocess.run(
        [sys.executable, PREPARE, *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stderr, done.returncode


def test_a_folder_must_be_given():
    assert said() == ("usage: python prepare.py VENV [PACKAGE ...]\n", 1)


def test_no_compiler(tmp_path):
    text, status = said(str(tmp_path / "venv"), PATH=str(tmp_path))
    assert status == 1
    assert text.startswith("prepare.py: g++ was not found")
    assert not (tmp_path / "venv").exists()


class Environment:
    """An environment whose pip unpacks what the wheels hold, or fails."""

    def __init__(self, folder, version=13000, error=None):
        self.build, self.version, self.error, self.commands = folder, version, error, []

    def pip(self, *arguments):
        self.commands.append(arguments)
        if self.error:
            raise prepare.Failure(self.error)
        write_headers(arguments[arguments.index("--target") + 1] / "nvidia" / "cu13" / "include", self.version)


def write_headers(folder, version):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cuda_runtime_api.h").write_text(f"/** \\brief ... */\n#define CUDART_VERSION  {version}\n")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that CUDA_HOME names."""
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_headers_of_a_toolkit(home, tmp_path):
    write_headers(home / "include", 13020)
    environment = Environment(tmp_path)
    assert prepare.headers(environment) == home / "include"
    assert environment.commands == []


@pytest.mark.parametrize("version", [None, 12090, 14000])
def test_headers_of_wheels(version, home, tmp_path):
    if version:
        write_headers(home / "include", version)
    environment = Environment(tmp_path)
    for _ in range(2):
        assert prepare.headers(environment) == tmp_path / "cuda" / "nvidia" / "cu13" / "include"
    (command,) = environment.commands  # what was downloaded is kept
    assert set(prepare.HEADER_WHEELS) < set(command)


def test_headers_that_cannot_be_downloaded(home, tmp_path):
    with pytest.raises(prepare.Failure) as raised:
        prepare.headers(Environment(tmp_path, error="No matching distribution"))
    text = str(raised.value)
    assert text.startswith(f"{home}/include has no headers of CUDA 13, and pip cannot install them: let CUDA_HOME name")
    assert text.endswith("No matching distribution")
    assert all(wheel in text for wheel in prepare.HEADER_WHEELS)


def test_wheels_without_headers(home, tmp_path):
    with pytest.raises(prepare.Failure, match=r"no cuda_runtime_api\.h of CUDA 13"):
        prepare.headers(Environment(tmp_path, version=12000))
