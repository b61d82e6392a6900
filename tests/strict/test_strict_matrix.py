"""Every operation of the check matrix on the strict device: values and two orders of derivatives, equal to the bit."""

from contextlib import nullcontext

import numpy as np
import pytest
from op_samples import SAMPLES
from samples_elsewhere import ELSEWHERE, NUMPY_OPERANDS, moved, results
from strict_device import SyncError, capturing, on_device, same_bits

import minigan as mg

WAITING = {  # samples whose shapes depend on values, or whose indices are a list
    *("getitem-mask", "getitem-row-mask", "getitem-mask-and-slice", "getitem-own-mask", "getitem-list"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sample", ELSEWHERE, ids=[s.label for s in ELSEWHERE])
@np.errstate(all="ignore")  # infinities times 0 are a matter of other tests
def test_operation(sample, dtype):
    if dtype == "float32" and not sample.float32:
        pytest.skip("a sample of float64 alone")
    inputs = [x.astype(dtype) for x in sample.inputs]
    constants = sample.constants(dtype)
    expected = results(sample.f, inputs, constants)
    f, arguments = moved(sample.f, on_device), (on_device(inputs), on_device(constants))
    with nullcontext() if sample.label in WAITING else capturing():
        found = results(f, *arguments)
    for one, other in zip(found, expected, strict=True):
        same_bits(one, other)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.label in WAITING], ids=lambda s: s.label)
def test_what_waits_for_values_cannot_be_captured(sample):
    f, inputs = moved(sample.f, on_device), on_device(sample.inputs)
    with capturing(), pytest.raises(SyncError, match=r"index.* while the stream is being captured"):
        f(*map(mg.Tensor, inputs))


@pytest.mark.parametrize("label", ["where-same", "add-constant-array", "matmul-array-left", "getitem-outer"])
def test_constants_on_another_device_are_refused_by_name(label):
    (sample,) = [s for s in SAMPLES if s.label == label]
    said = r"\): .* is on '(cpu|strict)', .* is on '(cpu|strict)'; nothing is copied .*: move it with \.to\('strict'\)"
    with pytest.raises(TypeError, match=f"(?s){sample.op}.*{said}"):
        sample.f(*[mg.Tensor(x) for x in on_device(sample.inputs)])


def test_the_exceptions_exist():
    assert {s.label for s in SAMPLES} >= NUMPY_OPERANDS | WAITING
