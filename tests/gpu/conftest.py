"""What runs on a GPU only: `pytest -m gpu`.  Elsewhere every test is skipped, with the reason."""

import sys
from pathlib import Path

import pytest

from minigan import backend

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / folder) for folder in ("ops", "strict"))]


@pytest.fixture(autouse=True, scope="session")
def gpu():
    """Skips where there is none."""
    try:
        backend.named("cuda")
    except backend.DeviceError as error:
        pytest.skip(str(error))
