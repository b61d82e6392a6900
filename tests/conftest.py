"""What all tests rely on."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c():
    """Heard, as some tests send it: a shell that runs pytest in the background makes it deaf."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
