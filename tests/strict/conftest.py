"""The strict device, registered for the tests of this folder."""

import pytest
from strict_device import StrictArray, StrictBackend

from minigan import backend


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """The device "strict" is registered for one test."""
    for table in ("_BY_TYPE", "_BY_NAME"):
        monkeypatch.setattr(backend, table, dict(getattr(backend, table)))
    backend.register(StrictBackend(), StrictArray)
