"""Every operation of the check matrix on the strict device: values and two orders of derivatives, equal to the bit."""

from contextlib import nullcontext
from types import FunctionType

import numpy as np
import pytest
from numeric import derivatives
from op_samples import SAMPLES
from strict_device import SyncError, capturing, on_device, same_bits

import minigan as mg

NUMPY_OPERANDS = {  # samples with NumPy's numbers in an array, or an array made within: nothing for another device
    *("clip-numpy", "maximum-number-numpy", "minimum-number-numpy", "power-tensor-p-negative-base"),
}
WAITING = {  # samples whose shapes depend on values, or whose indices are a list
    *("getitem-mask", "getitem-row-mask", "getitem-mask-and-slice", "getitem-own-mask", "getitem-list"),
}
ELSEWHERE = [s for s in SAMPLES if s.label not in NUMPY_OPERANDS]


def with_constants_on_device(f):
    """The function f with strict arrays in the place of the NumPy arrays among its globals and defaults."""
    if not isinstance(f, FunctionType):
        return f
    constants = {name: on_device(v) for name, v in f.__globals__.items() if isinstance(v, np.ndarray)}
    defaults = f.__defaults__ and on_device(f.__defaults__)
    moved = FunctionType(f.__code__, f.__globals__ | constants, f.__name__, defaults, f.__closure__)
    moved.__kwdefaults__ = f.__kwdefaults__
    return moved


def results(f, inputs, constants):
    """The value, and the gradients of orders 1 and 2 along random directions, by both sweeps."""
    found = [f(*map(mg.Tensor, inputs)).data]
    for order in (1, 2):
        for create_graph in (False, True):
            found += derivatives(f, inputs, order, constants, create_graph)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sample", ELSEWHERE, ids=[s.label for s in ELSEWHERE])
@np.errstate(all="ignore")  # infinities times 0 are a matter of other tests
def test_operation(sample, dtype):
    if dtype == "float32" and not sample.float32:
        pytest.skip("a sample of float64 alone")
    inputs = [x.astype(dtype) for x in sample.inputs]
    constants = sample.constants(dtype)
    expected = results(sample.f, inputs, constants)
    f, arguments = with_constants_on_device(sample.f), (on_device(inputs), on_device(constants))
    with nullcontext() if sample.label in WAITING else capturing():
        found = results(f, *arguments)
    for one, other in zip(found, expected, strict=True):
        same_bits(one, other)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.label in WAITING], ids=lambda s: s.label)
def test_what_waits_for_values_cannot_be_captured(sample):
    f, inputs = with_constants_on_device(sample.f), on_device(sample.inputs)
    with capturing(), pytest.raises(SyncError, match=r"index.* while a graph is being recorded"):
        f(*map(mg.Tensor, inputs))


@pytest.mark.parametrize("label", ["where-same", "add-constant-array", "matmul-array-left", "getitem-outer"])
def test_constants_on_another_device_are_refused_by_name(label):
    (sample,) = [s for s in SAMPLES if s.label == label]
    said = r"\): .* is on '(cpu|strict)', .* is on '(cpu|strict)'; nothing is copied .*: move it with \.to\('strict'\)"
    with pytest.raises(TypeError, match=f"(?s){sample.op}.*{said}"):
        sample.f(*[mg.Tensor(x) for x in on_device(sample.inputs)])


def test_the_exceptions_exist():
    assert {s.label for s in SAMPLES} >= NUMPY_OPERANDS | WAITING
