"""The tests of a GPU, or of its stand-in: `pytest -m gpu`.  Elsewhere each is skipped, with the reason."""

import pytest
import stand_in

from minigan import backend


def pytest_report_header():
    """Say which sizes are cut."""
    return stand_in.header()


@pytest.fixture(autouse=True, scope="session")
def gpu():
    """Skips where there is none."""
    try:
        backend.named("cuda")
    except backend.DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture
def watched():
    """watched() is a context that sees what the device is asked to do; a real GPU does not tell."""
    if stand_in.RUNTIME is None:
        pytest.skip("only the stand-in tells what it is asked to do")
    return stand_in.watched


@pytest.fixture
def single():
    """The test, whose arrays are float32, launches no kernel that computes in double precision."""
    with stand_in.watched() as seen:
        yield
    assert not seen.doubles()
