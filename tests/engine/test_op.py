"""Declaration of operations, the values that they keep, and their errors."""

import weakref

import numpy as np
import pytest

import minigan as mg
from minigan import ops


def test_a_declaration_is_checked_at_once():
    with pytest.raises(TypeError, match=r"op f: arguments \['x', 'y'\] but vjps for \['x'\]"):
        mg.op(lambda_named("f", lambda x, y: x * y), x=lambda g, y: g * y)
    with pytest.raises(TypeError, match=r"\['x', 'y'\] but vjps for \['y', 'x'\].*in order"):
        mg.op(lambda_named("f", lambda x, y: x * y), y=lambda g, x: g * x, x=lambda g, y: g * y)
    with pytest.raises(TypeError, match=r"vjps for \['x', 'z'\]"):
        mg.op(lambda_named("f", lambda x: x), x=lambda g: g, z=lambda g: g)


def lambda_named(name, f):
    f.__name__ = name
    return f


def test_a_vjp_that_asks_for_what_there_is_not():
    f = mg.op(lambda_named("f", lambda x: x), x=lambda g, mean: g * mean)
    with pytest.raises(TypeError, match=r"op f: the vjp of x asks for \['mean'\], which the kernel does not have"):
        f(mg.tensor([1.0], requires_grad=True))


def test_a_decorated_operation_keeps_its_name_and_doc():
    @mg.op(x=lambda g: g * 2.0)
    def double(x):
        """Twice x."""
        return x * 2

    assert double.__name__ == "double"
    assert double.__doc__ == "Twice x."
    assert "op=double" in repr(double(mg.tensor(1.0, requires_grad=True)))


def test_arrays_in_array_out_tensors_in_tensor_out():
    assert type(ops.exp(np.ones(2))) is np.ndarray
    assert isinstance(ops.exp(mg.tensor([1.0])), mg.Tensor)
    assert isinstance(ops.add(np.ones(2), mg.tensor([1.0])), mg.Tensor)
    assert isinstance(mg.tensor([1.0]).sum().data, np.ndarray)  # not a NumPy scalar


def test_keyword_attributes_and_their_defaults_reach_the_vjp():
    @mg.op(x=lambda g, factor, shift: g * factor + 0.0 * shift)
    def scaled(x, *, factor=2.0, shift):
        return x * factor + shift

    x = mg.tensor([1.0], requires_grad=True)
    assert mg.grad(scaled(x, shift=1.0).sum(), [x])[0].item() == 2
    assert mg.grad(scaled(x, shift=1.0, factor=5.0).sum(), [x])[0].item() == 5


def test_arrays_are_passed_by_position():
    with pytest.raises(TypeError, match=r"tanh.*x.*by position"):
        ops.tanh(x=mg.tensor([1.0]))


# --- naming is keeping


@pytest.mark.parametrize(
    ("vjp", "keeps"),
    [
        (lambda g: g, (False, False, False)),
        (lambda g, x: g * x, (True, False, False)),
        (lambda g, y: g * y, (False, True, False)),
        (lambda g, out: g * out, (False, False, True)),
        (lambda g, out, y, x: g * x * y * out, (True, True, True)),
    ],
)
def test_a_vjp_keeps_what_it_names(vjp, keeps):
    f = mg.op(lambda x, y: x * y, x=vjp, y=lambda g: g)
    x, y = mg.tensor(np.ones(2), requires_grad=True) + 0.0, mg.tensor(np.ones(2), requires_grad=True) + 0.0
    out = f(x, y)
    refs = [weakref.ref(t.data) for t in (x, y, out)]
    z = out + 0.0
    del x, y, out
    assert tuple(r() is not None for r in refs) == keeps
    assert z.requires_grad


def test_only_the_vjps_of_active_arguments_keep():
    f = mg.op(lambda x, y: x * y, x=lambda g, y: g * y, y=lambda g, x: g * x)
    x, y = mg.tensor(np.ones(2), requires_grad=True), mg.tensor(np.ones(2)) + 0.0
    ref_y = weakref.ref(y.data)
    out = f(x, y)
    del y
    assert ref_y() is not None  # x's gradient is y
    x, y = mg.tensor(np.ones(2)) + 0.0, mg.tensor(np.ones(2), requires_grad=True) + 0.0
    ref_x, ref_y = weakref.ref(x.data), weakref.ref(y.data)
    out = f(x, y)
    del x, y
    assert ref_x() is not None
    assert ref_y() is None
    assert out.requires_grad


def test_saved_values_carry_their_history_under_create_graph_and_only_there():
    seen = []

    @mg.op(x=lambda g, x, out: seen.append((type(g), type(x), type(out))) or g * x * out)
    def f(x):
        return x * x

    x = mg.tensor([2.0], requires_grad=True)
    mg.grad(f(x).sum(), [x], create_graph=True)
    mg.grad(f(x).sum(), [x])
    assert seen == [(mg.Tensor,) * 3, (np.ndarray,) * 3]


def test_out_has_its_own_history():
    cube = mg.op(lambda x: x**3, x=lambda g, x, out: g * 3.0 * out / x)
    x = mg.tensor([2.0], requires_grad=True)
    y = x
    y = cube(y)
    for expected in (12, 12, 6):
        (y,) = mg.grad(y.sum(), [x], create_graph=True)
        assert np.isclose(y.item(), expected)


def test_a_parameter_is_kept_by_reference_not_copied():
    w = mg.Parameter(np.ones((3, 3)))
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    y = x @ w
    assert any(s is w.data for s in y.node.saved)


# --- when the kernel cannot run


def test_a_failing_kernel_is_explained_with_names_and_shapes():
    f = mg.op(lambda_named("blend", lambda x, weights, *, mode: x @ weights), x=lambda g: g, weights=lambda g: g)
    with pytest.raises(
        ValueError, match=r"blend\(x: float64 \(2, 3\), weights: float32 \(4, 5\), mode='soft'\): .*4.*3"
    ) as caught:
        f(mg.tensor(np.ones((2, 3))), np.ones((4, 5), "float32"), mode="soft")
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_operation_may_explain_itself():
    def why(x, w):
        return f"w has {w.shape[0]} rows, x has {x.shape[1]} columns"

    f = mg.op(lambda_named("blend", lambda x, w: x @ w), explain=why, x=lambda g: g, w=lambda g: g)
    with pytest.raises(ValueError, match=r"blend.*w has 4 rows, x has 3 columns"):
        f(mg.tensor(np.ones((2, 3))), np.ones((4, 5)))


@pytest.mark.parametrize("kind", [ValueError, TypeError, IndexError, MemoryError])
def test_the_kind_of_error_is_kept(kind):
    def kernel(x):
        raise kind("no room")

    with pytest.raises(kind, match=r"kernel\(x: float64 \(2,\)\): no room"):
        mg.op(kernel, x=lambda g: g)(mg.tensor([1.0, 2.0]))


def test_other_errors_pass_unchanged():
    def kernel(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match=r"mine"):
        mg.op(kernel, x=lambda g: g)(mg.tensor([1.0]))


def test_an_operation_that_changes_the_dtype_is_refused():
    positive = mg.op(lambda_named("positive", lambda x: x > 0), x=lambda g: g)
    with pytest.raises(TypeError, match=r"positive.*float64.*bool"):
        positive(mg.tensor([1.0], requires_grad=True))
    widen = mg.op(lambda_named("widen", lambda x: x + np.zeros(1)), x=lambda g: g)
    with pytest.raises(TypeError, match=r"widen.*float32.*float64"):
        widen(mg.tensor([1.0], dtype="float32"))
