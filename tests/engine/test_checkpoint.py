"""checkpoint(f, *args) is f(*args): in values and in gradients of every order; and its errors."""

import gc

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops
from minigan.autodiff import _Recompute
from minigan.tensor import Node

X = np.random.default_rng(0).standard_normal((4, 3))


def parameters():
    rng = np.random.default_rng(1)
    return mg.Parameter(rng.standard_normal((3, 5)), "w"), mg.Parameter(rng.standard_normal((5, 1)), "v")


def network(h, w, v):
    return ops.tanh(ops.tanh(h @ w) @ v)


def plainly(f, *args):
    return f(*args)


def losses(wrap):
    """A penalised loss of a checkpointed network, its gradients of order 1, and the double backward of its penalty."""
    w, v = parameters()
    x = mg.tensor(X, requires_grad=True)
    out = wrap(lambda h: network(h, w, v), x)  # closes over the parameters
    (g,) = mg.grad(out.sum(), [x], create_graph=True)
    penalty = (g * g).sum()
    return [out.data, g.data, *[d.data for d in mg.grad(penalty, [w, v, x], retain_graph=True)],
            *[d.data for d in mg.grad(out.sum(), [w, v, x])]]  # fmt: skip


def test_values_and_gradients_at_orders_1_and_2():
    for found, expected in zip(losses(mg.checkpoint), losses(plainly), strict=True):
        assert np.allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_third_order():
    def third(wrap):
        x = mg.tensor(X, requires_grad=True)
        y = wrap(lambda h: ops.exp(ops.sin(h)), x).sum()
        for _ in range(3):
            (y,) = mg.grad(y.sum(), [x], create_graph=True)
        return y.data

    assert np.allclose(third(mg.checkpoint), third(plainly), rtol=1e-13)


def test_arguments_that_depend_on_one_another():
    def both(wrap):
        x = mg.tensor(X, requires_grad=True)
        h = x * x
        y = wrap(lambda a, b: ops.sin(a) * b + a * x, h, x).sum()
        gx, gh = mg.grad(y, [x, h], create_graph=True)
        return [gx.data, gh.data, *[d.data for d in mg.grad((gx * gh).sum(), [x, h])]]

    for found, expected in zip(both(mg.checkpoint), both(plainly), strict=True):
        assert np.allclose(found, expected, rtol=1e-13)


def test_the_same_argument_twice_and_constants():
    x = mg.tensor(X, requires_grad=True)
    y = mg.checkpoint(lambda a, b, c: a * b * c, x, x, 3.0)
    assert np.allclose(mg.grad(y.sum(), [x])[0].data, 6 * X)
    constant = mg.checkpoint(lambda a: a * 2.0, mg.tensor(X))
    assert not constant.requires_grad


def test_nested_checkpoints():
    def nested(wrap):
        w, v = parameters()
        x = mg.tensor(X, requires_grad=True)
        y = wrap(lambda h: wrap(lambda a: ops.tanh(a @ w), h) @ v, x)
        (g,) = mg.grad(y.sum(), [x], create_graph=True)
        return [g.data, *[d.data for d in mg.grad((g * g).sum() + y.sum(), [w, v])]]

    for found, expected in zip(nested(mg.checkpoint), nested(plainly), strict=True):
        assert np.allclose(found, expected, rtol=1e-13)


def test_identity_and_pass_through():
    x = mg.tensor(X, requires_grad=True)
    assert np.array_equal(mg.grad(mg.checkpoint(lambda a: a, x).sum(), [x])[0].data, np.ones_like(X))
    h = x * 2.0
    assert np.array_equal(mg.grad(mg.checkpoint(lambda: h).sum(), [x])[0].data, np.full_like(X, 2))


def test_under_no_grad_it_is_a_plain_call():
    w, v = parameters()
    with mg.no_grad():
        assert not mg.checkpoint(lambda h: network(h, w, v), mg.tensor(X)).requires_grad


def retained(wrap, layers):
    """Nodes, and bytes of the arrays that they hold, after a forward through `layers` layers."""
    gc.collect()
    before = {id(o) for o in gc.get_objects() if issubclass(type(o), Node)}
    y = mg.tensor(X, requires_grad=True)

    def block(h):
        for _ in range(layers):
            h = ops.tanh(h * h)
        return h

    y = wrap(block, y)
    nodes = [o for o in gc.get_objects() if issubclass(type(o), Node) and id(o) not in before]
    arrays = {}
    for node in nodes:
        saved = node.saved or ()
        for s in [*saved, *(saved[1] if isinstance(node.op, _Recompute) else ())]:  # with a checkpoint's arguments
            array = s.data if isinstance(s, mg.Tensor) else s
            if isinstance(array, np.ndarray):
                arrays[id(array)] = array.nbytes
    assert y.requires_grad
    return len(nodes), sum(arrays.values())


def test_less_is_retained():
    few_nodes, few_bytes = retained(mg.checkpoint, 20)
    nodes, size = retained(plainly, 20)
    assert (nodes, few_nodes) == (41, 2)
    assert size == 21 * X.nbytes
    assert few_bytes <= 2 * X.nbytes
    assert retained(mg.checkpoint, 40) == (few_nodes, few_bytes)


def test_it_frees_its_graph_like_any_other():
    x = mg.tensor(X, requires_grad=True)
    y = mg.checkpoint(ops.exp, x).sum()
    mg.grad(y, [x])
    with pytest.raises(RuntimeError, match=r"freed"):
        mg.grad(y, [x])


@pytest.mark.parametrize("frozen", [False, True])
def test_a_stale_parameter_is_detected(frozen):
    w, v = parameters()
    w.requires_grad_(not frozen)
    x = mg.tensor(X, requires_grad=True)
    y = mg.checkpoint(lambda h: network(h, w, v), x).sum()
    w.assign_(w.data * 1.5)
    with pytest.raises(RuntimeError, match=r"changed"):
        mg.grad(y, [x])


def test_a_function_that_draws_again_is_detected():
    rng = mg.random.Generator(0)
    x = mg.tensor(X, requires_grad=True)
    y = mg.checkpoint(lambda h: h * h * rng.normal(X.shape, dtype=np.float64), x).sum()
    with pytest.raises(RuntimeError, match=r"checkpoint.*noise"):
        mg.grad(y, [x])


def test_nan_is_not_taken_for_a_change():
    x = mg.tensor([np.nan, 1.0], requires_grad=True)
    (g,) = mg.grad(mg.checkpoint(lambda h: h * h, x).sum(), [x])
    assert np.isnan(g.data[0])
    assert g.data[1] == 2


def test_f_must_return_one_tensor():
    x = mg.tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"checkpoint: f must return one Tensor, got tuple"):
        mg.checkpoint(lambda h: (h, h), x)


def test_a_checkpoint_does_not_track_statistics_twice():
    x = mg.tensor(np.random.default_rng(0).normal(size=(5, 3)), requires_grad=True)
    plain, repeated = nn.BatchNorm(3, dtype="float64"), nn.BatchNorm(3, dtype="float64")
    expected = mg.grad((plain(x) ** 3).sum(), [x])[0]
    found = mg.grad((mg.checkpoint(repeated, x) ** 3).sum(), [x])[0]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert (plain.running_mean == repeated.running_mean).all()
