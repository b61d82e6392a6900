"""What runs on a GPU only: `pytest -m gpu`.  Elsewhere every test is skipped, with the reason."""

import pytest

from minigan import backend


@pytest.fixture(autouse=True, scope="session")
def gpu():
    """Skips where there is none."""
    try:
        backend.named("cuda")
    except backend.DeviceError as error:
        pytest.skip(str(error))
