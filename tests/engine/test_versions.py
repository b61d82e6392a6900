"""A backward through a stale forward names the parameter; one that needs no old value is let through."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops


@pytest.fixture
def x():
    return mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


@pytest.fixture
def w():
    return mg.Parameter(np.array([[0.5, -1.0], [2.0, 1.5]]), "critic.conv2.weight")


STALE = {
    "mul": lambda x, w: x * w,
    "matmul": lambda x, w: x @ w,
    "div": lambda x, w: x / w,
    "power": lambda x, w: ops.power(x, w),
    "square": lambda x, w: x + ops.square(w),
    "layer_norm": lambda x, w: ops.layer_norm(x * w, np.ones(2), np.ones(2)),
    "checkpoint": lambda x, w: mg.checkpoint(lambda a: ops.tanh(a @ w), x),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", [n for n in STALE if n != "square"])
def test_a_parameter_changed_after_the_forward_is_named(x, w, name, frozen, create_graph):
    w.requires_grad_(not frozen)
    y = STALE[name](x, w).sum()
    w.assign_(w.data * 2)
    with pytest.raises(
        RuntimeError,
        match=r"changed"
        if frozen and name == "checkpoint"
        else r"critic.conv2.weight \(2, 2\) changed after this forward",
    ):
        mg.grad(y, [x], create_graph=create_graph)


@pytest.mark.parametrize("name", ["div", "square", "matmul", "checkpoint"])
def test_it_is_named_where_its_own_gradient_is_asked_for(x, w, name):
    if name == "matmul":
        x = x * w
    y = STALE[name](x, w).sum()
    w.touch()
    with pytest.raises(RuntimeError, match=r"critic.conv2.weight"):
        mg.grad(y, [w])


@pytest.mark.parametrize("name", ["mul", "matmul", "power", "layer_norm"])
def test_its_own_gradient_may_do_without_its_value(x, w, name):
    y = STALE[name](x, w).sum()
    (expected,) = mg.grad(y, [w], retain_graph=True)
    w.assign_(w.data * 2)
    assert np.array_equal(mg.grad(y, [w])[0].data, expected.data)


VIEWS = {
    "reshape": lambda w: w.reshape(4).reshape(2, 2),
    "T": lambda w: w.T,
    "row": lambda w: w[0],
    "flip": lambda w: ops.flip(w, 0),
    "expand_dims": lambda w: ops.expand_dims(w, 0)[0],
    "broadcast_to": lambda w: ops.broadcast_to(w, (3, 2, 2)),
    "identity": ops.identity,
    "detach": lambda w: w.detach(),
    "view-of-view": lambda w: w.T[::-1].reshape(1, 2, 2),
}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_a_parameter_is_watched_too(x, w, view, frozen):
    w.requires_grad_(not frozen)
    y = (x * VIEWS[view](w)).sum()
    assert np.isfinite(mg.grad(y, [x], retain_graph=True)[0].data).all()
    w.assign_(w.data * 2)
    with pytest.raises(RuntimeError, match=r"critic.conv2.weight"):
        mg.grad(y, [x])


def test_a_subclass_of_parameter_is_watched_too(x):
    class Weight(mg.Parameter):
        pass

    w = Weight(np.ones((2, 2)), "mine")
    y = (x * w).sum()
    w.touch()
    with pytest.raises(RuntimeError, match=r"mine"):
        mg.grad(y, [x])


def test_a_fused_parameter_is_named(x):
    gamma, beta = mg.Parameter(np.ones(2), "norm.gamma"), mg.Parameter(np.ones(2), "norm.beta")
    for norm in (ops.batch_norm, ops.layer_norm):
        y = norm(x, gamma, beta).sum()
        gamma.touch()
        with pytest.raises(RuntimeError, match=r"norm.gamma \(2,\) changed"):
            mg.grad(y, [x])


def test_a_value_that_no_derivative_needs_may_change(w):
    x = mg.tensor(np.ones((2, 2)))
    for use in (
        lambda: x * w,
        lambda: x @ w,
        lambda: w + x,
        lambda: ops.exp(w),
        lambda: ops.concatenate([w, w]),
        lambda: w[0] * 2.0,
    ):
        y = use().sum()
        w.touch()
        mg.grad(y, [w])


def test_the_sum_with_a_parameter_needs_no_value(x, w):
    y = (x * x + w).sum()
    w.assign_(w.data + 1)
    assert mg.grad(y, [x])[0].data.tolist() == [[2, 4], [6, 8]]


def test_a_change_before_the_forward_is_no_change(x, w):
    w.assign_(np.ones((2, 2)))
    assert np.array_equal(mg.grad((x @ w).sum(), [x])[0].data, np.full((2, 2), 2.0))


def test_only_the_parameter_that_changed_is_named(x, w):
    other = mg.Parameter(np.ones((2, 2)), "other")
    y = (x @ w @ other).sum()
    other.touch()
    with pytest.raises(RuntimeError, match=r"other"):
        mg.grad(y, [x])


def test_one_forward_stale_the_next_fresh(x, w):
    stale = (x * w).sum()
    w.touch()
    fresh = (x * w).sum()
    assert np.array_equal(mg.grad(fresh, [x])[0].data, w.data)
    with pytest.raises(RuntimeError, match=r"changed after this forward"):
        mg.grad(stale, [x])


def test_a_second_order_graph_is_stale_too(x, w):
    (g,) = mg.grad(((x @ w) ** 2).sum(), [x], create_graph=True)
    w.touch()
    with pytest.raises(RuntimeError, match=r"critic.conv2.weight"):
        mg.grad((g * g).sum(), [w])


def test_versions_count_changes(w):
    versions = [w.version]
    for change in (lambda: w.assign_(w.data), w.touch):
        change()
        versions.append(w.version)
    assert versions == sorted(set(versions))


def test_an_unnamed_parameter_is_described_by_its_shape(x):
    w = mg.Parameter(np.ones((2, 2)))
    y = (x * w).sum()
    w.touch()
    with pytest.raises(RuntimeError, match=r"a parameter \(2, 2\) changed.*'mul'"):
        mg.grad(y, [x])


def test_assign_checks_the_shape(w):
    with pytest.raises(ValueError, match=r"critic.conv2.weight of shape \(2, 2\): got shape \(2,\)"):
        w.assign_(np.ones(2))
