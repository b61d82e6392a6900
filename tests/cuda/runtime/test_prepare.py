"""What `prepare.py` says where something is missing."""

import os
import subprocess
import sys
from pathlib import Path

PREPARE = Path(__file__).parent / "prepare.py"


def said(*arguments, **environment):
    """What it wrote on stderr, and its exit status."""
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
