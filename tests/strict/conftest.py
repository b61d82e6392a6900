"""The strict device for the tests of this folder, which also use the samples of the check matrix."""

import sys
from pathlib import Path

import pytest

from minigan import backend

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "ops")]


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """The device "strict" is registered for one test."""
    from strict_device import StrictArray, StrictBackend

    for table in ("_BY_TYPE", "_BY_NAME"):
        monkeypatch.setattr(backend, table, dict(getattr(backend, table)))
    backend.register(StrictBackend(), StrictArray)
