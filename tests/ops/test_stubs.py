"""Every operation is in the stub of its module; the slow tests of types compare the signatures too."""

import ast
import sys
from pathlib import Path

import pytest

from minigan import ops

ALIASES = {"multiply", "subtract", "divide", "negative"}
OPERATIONS = [name for name in ops.__all__ if callable(getattr(ops, name)) and name not in ALIASES]


def stub_of(name):
    """The stub beside the module that defines the operation; None for those of `minigan.op`, which has types inline."""
    path = Path(sys.modules[getattr(ops, name).__module__].__file__).with_suffix(".pyi")
    return path if path.exists() else None


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_in_its_stub(name):
    stub = stub_of(name)
    if stub is None:
        assert getattr(ops, name).__module__ == "minigan.op"
        return
    assert name in {n.name for n in ast.parse(stub.read_text()).body if isinstance(n, ast.FunctionDef)}
