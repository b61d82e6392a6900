"""What the tests of every file format share: random damage, and how much memory a call takes."""

import tracemalloc

import pytest


def _damaged(data, changes):
    """`data` after the first change, after the first two, and so on: (kind, place, byte) each."""
    data = bytearray(data)
    for kind, place, byte in changes:
        place %= len(data) + 1
        if kind == "insert":
            data.insert(place, byte)
        elif kind == "cut":
            del data[place:]
        elif place < len(data):
            data[place : place + 1] = bytes([byte]) if kind == "set" else b""
        yield bytes(data)


def _rewrite(path, data):
    """`path` with this content. A file system may flush, for milliseconds, what is cut to nothing and closed."""
    path.touch()
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()


def _peak_of(call):
    """The most memory that Python and NumPy held during `call`, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="session")
def damaged():
    return _damaged


@pytest.fixture(scope="session")
def peak_of():
    return _peak_of


@pytest.fixture(scope="session")
def rewrite():
    return _rewrite
