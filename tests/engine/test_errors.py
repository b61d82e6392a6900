"""Bad inputs of the engine: one clear sentence each, with names and numbers."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops

X = mg.tensor(np.ones((2, 3)), requires_grad=True)

WRONG = {
    "inputs-array": (lambda: mg.grad(X.sum(), [np.ones(3)]), TypeError, ["inputs[0]", "Tensor", "ndarray"]),
    "outputs-number": (lambda: mg.grad(3.0, [X]), TypeError, ["outputs[0]", "Tensor", "float"]),
    "inputs-None": (lambda: mg.grad(X.sum(), [X, None]), TypeError, ["inputs[1]", "NoneType"]),
    "not-scalar": (
        lambda: mg.grad(X * 2.0, [X]),
        ValueError,
        ["outputs[0]", "float64 (2, 3)", "6 elements", "grad_outputs"],
    ),
    "second-not-scalar": (lambda: mg.grad([X.sum(), X[0]], [X]), ValueError, ["outputs[1]", "3 elements"]),
    "constant-input": (
        lambda: mg.grad(X.sum(), [mg.tensor([1.0])]),
        ValueError,
        ["inputs[0]", "float64 (1,)", "requires_grad=True"],
    ),
    "frozen-input": (
        lambda: mg.grad(X.sum(), [mg.Parameter(np.ones(2), "net.w").requires_grad_(False)]),
        ValueError,
        ["net.w", "(2,)"],
    ),
    "grad_outputs-shape": (
        lambda: mg.grad(X * 2.0, [X], np.ones(3)),
        ValueError,
        ["grad_outputs", "(3,)", "outputs", "(2, 3)"],
    ),
    "grad_outputs-count": (
        lambda: mg.grad([X.sum(), X.sum()], [X], [mg.tensor(1.0)]),
        ValueError,
        ["grad_outputs", "1", "2"],
    ),
    "no-grad-input": (lambda: no_grad_result(), ValueError, ["does not require a gradient", "no_grad"]),
    "item": (lambda: X.item(), ValueError, ["item()", "(2, 3)"]),
    "bool": (lambda: bool(X), ValueError, ["ambiguous", "(2, 3)"]),
    "if-equal": (lambda: X in [mg.tensor([1.0, 2.0, 3.0])], ValueError, ["ambiguous"]),
    "len": (lambda: len(mg.tensor(1.0)), TypeError, ["length", "()"]),
    "array": (lambda: np.asarray(X), TypeError, ["history", ".numpy()"]),
    "ufunc": (lambda: np.exp(X), TypeError, ["Tensor"]),
    "device": (lambda: mg.tensor([1.0], device="tpu"), ValueError, ["'tpu'", "cpu"]),
    "to": (lambda: X.to("tpu"), ValueError, ["'tpu'", "cpu"]),
    "grad-of-intermediate": (lambda: setattr(X * 2.0, "grad", X), AttributeError, [".grad", "requires_grad=True"]),
    "assign": (lambda: mg.Parameter(np.ones(2), "a.b").assign_(np.ones(3)), ValueError, ["a.b", "(2,)", "(3,)"]),
}


def no_grad_result():
    with mg.no_grad():
        h = X * 2.0
    return mg.grad(h.sum(), [h])


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_explained(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    assert "\n" not in str(caught.value)


def test_an_error_does_not_leave_recording_off():
    y = X.sum()
    with pytest.raises(ValueError, match=r"not reachable"):
        mg.grad(y, [mg.tensor([1.0], requires_grad=True)])
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        raise ZeroDivisionError
    assert (X * 2.0).requires_grad


def test_what_a_tensor_can_do():
    t = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (t.shape, t.ndim, t.size, t.dtype, t.device) == ((2, 2), 2, 4, np.float64, "cpu")
    assert len(t) == 2
    assert [row.data.tolist() for row in t] == [[1, 2], [3, 4]]
    assert float(t[0, 0]) == 1.0
    assert int(t[1, 1]) == 4
    assert bool(t[0, 0])
    assert np.asarray(t).tolist() == [[1, 2], [3, 4]]
    assert np.array(t, dtype="float32").dtype == np.float32
    assert t.to("cpu") is t
    assert (t > 2).data.tolist() == [[False, False], [True, True]]
    assert (t == t).data.all()
    assert len({t, t, mg.tensor([1.0])}) == 2
    assert repr(mg.tensor([1.0])) == "tensor([1.], dtype=float64)"
    assert "requires_grad" in repr(X)
    assert "op=exp" in repr(ops.exp(X))


def test_tensor_copies_its_data():
    a = np.ones(2)
    t = mg.tensor(a)
    a[0] = 5
    assert t.data.tolist() == [1, 1]
    assert mg.tensor(t).data is not t.data
    assert mg.tensor([1, 2], dtype="float32").dtype == np.float32


def test_operators_with_arrays_on_the_left_give_tensors():
    t = mg.tensor([1.0, 2.0], requires_grad=True)
    for y in (
        np.ones(2) + t,
        np.ones(2) - t,
        np.ones(2) * t,
        np.ones(2) / t,
        np.ones(2) ** t,
        np.ones((3, 2)) @ t,
        np.float64(2) * t,
    ):
        assert isinstance(y, mg.Tensor)
        assert y.requires_grad


def test_a_number_can_be_formatted():
    assert f"{mg.tensor(1 / 3):.3f}" == "0.333"
