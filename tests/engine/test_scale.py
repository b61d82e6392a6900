"""Graphs of a million nodes, and a cost that is linear in them: counted, not timed."""

import gc

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.op import Plan


@pytest.fixture(autouse=True)
def _uncollected():
    """Keep the garbage collector out: it would look at a million nodes again and again, and must not be needed."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def pulls(monkeypatch):
    """A one-element list that counts the operations a sweep pulls back through."""
    count, pull = [0], Plan.pull

    def counted(self, node, g, path, create_graph):
        count[0] += 1
        return pull(self, node, g, path, create_graph)

    monkeypatch.setattr(Plan, "pull", counted)
    return count


def chain(x, length):
    y = x
    for _ in range(length):
        y = y + 1.0
    return y


def test_a_chain_of_a_million_operations():
    x = mg.tensor(0.0, requires_grad=True)
    y = chain(x, 1_000_000)
    assert y.item() == 1e6
    (g,) = mg.grad(y, [x])
    assert g.item() == 1
    del y


def test_a_long_chain_is_dropped_without_a_sweep():
    y = chain(mg.tensor(0.0, requires_grad=True), 300_000)
    del y  # every node is freed by the one after it: this must not recurse


def test_a_long_chain_differentiated_twice():
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0001
    (g,) = mg.grad(y * y, [x], create_graph=True)
    (h,) = mg.grad(g, [x])
    assert np.isclose(h.item(), 2 * 1.0001**40_000, rtol=1e-9)


def test_a_long_chain_of_retained_gradients_is_dropped():
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = ops.sin(y)
    (g,) = mg.grad(y, [x], create_graph=True)
    del y, g


def test_shared_subexpressions_are_visited_once(pulls):
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y  # 2^60 paths
    (g,) = mg.grad(y, [x])
    assert g.item() == 2.0**60
    assert pulls[0] == 60


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_a_sweep_pulls_each_operation_once(pulls, length):
    x = mg.tensor(0.0, requires_grad=True)
    mg.grad(chain(x, length), [x])
    assert pulls[0] == length


def test_a_second_order_is_a_bounded_multiple_of_the_first(pulls):
    costs = []
    for length in (50, 100, 200):
        x = mg.tensor(0.5, requires_grad=True)
        y = x
        for _ in range(length):
            y = ops.sin(y)
        (g,) = mg.grad(y, [x], create_graph=True)
        pulls[0] = 0
        mg.grad(g, [x])
        costs.append(pulls[0] / length)
    assert max(costs) < 6
    assert np.ptp(costs) < 0.1


def test_the_cost_of_an_input_does_not_depend_on_older_history(pulls):
    x = mg.tensor(0.0, requires_grad=True)
    h = chain(x, 1000)
    w = mg.tensor(1.0, requires_grad=True)
    mg.grad(h * w, [w])
    assert pulls[0] == 1
