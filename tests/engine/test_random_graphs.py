"""Random directed graphs of smooth operations, differentiated three ways.

Reverse mode, complex step, finite differences.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan as mg
from minigan import ops

SHAPES = [(), (3,), (2, 1), (2, 3), (3, 3)]

ONE = {
    "sin": ops.sin,
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "exp": lambda a: ops.exp(0.3 * ops.sin(a)),
    "square": ops.square,
    "log1p": lambda a: ops.log1p(a * a),
    "softmax": lambda a: ops.softmax(a, -1) if a.ndim else a,
    "sum": lambda a: a.sum(-1, keepdims=True) if a.ndim else a,
    "mean": ops.mean,
    "flip": lambda a: ops.flip(a, 0) if a.ndim else a,
    "root": lambda a: ops.sqrt(a * a + 1.0),
    "logsumexp": ops.logsumexp,
    "norm": lambda a: ops.norm(a) + 1.0,
    "power": lambda a: (a * a + 1.0) ** -1.5,
    "T": lambda a: a.T,
    "repeat": lambda a: a[[0, 0, -1]] if a.ndim else a,
}
TWO = {
    "add": ops.add,
    "sub": ops.sub,
    "mul": ops.mul,
    "div": lambda a, b: a / (b * b + 1.0),
    "matmul": lambda a, b: matrix(a) @ matrix(b).T,
    "where": lambda a, b: ops.where(np.array([True, False, True]), a, b),
    "stack": lambda a, b: ops.stack([a.mean(), b.sum()]),
    "detached": lambda a, b: a * b.detach(),
}


def matrix(a):
    return (
        ops.broadcast_to(a * 0.5, (3, 3))
        if a.shape in SHAPES and a.shape not in [(2, 1), (2, 3)]
        else ops.reshape(a.mean(), 1, 1) * np.ones((3, 3))
    )


@st.composite
def programs(draw):
    """Leaves, then instructions (name, operands): each makes one more value of those that went before."""
    leaves = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    code, known = [], len(leaves)
    for _ in range(draw(st.integers(1, 10))):
        name = draw(st.sampled_from([*ONE, *TWO]))
        code.append((name, [draw(st.integers(0, known - 1)) for _ in range(1 if name in ONE else 2)]))
        known += 1
    return leaves, code, draw(st.integers(0, 2**32 - 1))


def run(code, leaves):
    """The sum of the last three values; an instruction whose shapes do not broadcast adds the means instead."""
    values = list(leaves)
    for name, operands in code:
        args = [values[i] for i in operands]
        if name == "detached" and np.iscomplexobj(args[0].data):
            args[1] = mg.Tensor(args[1].data.real)  # a constant, to the complex step too
        try:
            np.broadcast_shapes(*[a.shape for a in args], (3,) if name == "where" else ())
        except ValueError:
            args = [a.mean() for a in args]
        values.append((ONE | TWO)[name](*args))
    return sum((v.mean() for v in values[-3:]), start=mg.tensor(0.0))


def derivative(code, arrays, directions):
    """The derivative of `run` along each direction in turn."""
    tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
    value = run(code, tensors)
    for vs in directions:
        gradients = mg.grad(value, tensors, create_graph=True, allow_unused=True)
        value = sum(((g * v).sum() for g, v in zip(gradients, vs, strict=True) if g is not None), start=value * 0.0)
    return value.item()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(programs())
def test_random_graphs(program):
    shapes, code, seed = program
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, s) for s in shapes]
    directions = [[rng.uniform(-1, 1, s) for s in shapes] for _ in range(2)]
    for order in (1, 2):
        *before, last = directions[:order]
        found = derivative(code, arrays, directions[:order])
        if all(name != "detached" for name, _ in code) or order == 1:
            step = derivative(code, [a + 1e-30j * v for a, v in zip(arrays, last, strict=True)], before).imag / 1e-30
            assert np.isclose(found, step, rtol=1e-10, atol=1e-10 * max(1, abs(step))), (order, found, step)
    tensors = [mg.tensor(a, requires_grad=True) for a in arrays]
    plain = mg.grad(run(code, tensors), tensors, allow_unused=True)
    traced = mg.grad(run(code, tensors), tensors, allow_unused=True, create_graph=True)
    for a, b, t in zip(plain, traced, tensors, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.shape == b.shape == t.shape
            assert np.allclose(a.data, b.data, rtol=1e-12, atol=1e-14)


def test_a_wrong_rule_is_caught_by_a_random_graph():
    """The negative control: a vjp that is one part in a million too large."""
    code = [("sin", [0]), ("wrong", [1]), ("add", [2, 0])]
    TWO["wrong"] = None
    try:
        wrong = mg.op(lambda x: np.tanh(x), x=lambda g, out: g * (1.0 - out * out) * 1.000001)
        ONE["wrong"] = wrong
        del TWO["wrong"]
        x, v = np.array([0.3, 0.5, -0.2]), np.ones(3)
        found = derivative(code, [x], [[v]])
        step = derivative(code, [x + 1e-30j * v], []).imag / 1e-30
        with pytest.raises(AssertionError):
            assert np.isclose(found, step, rtol=1e-10, atol=0)
    finally:
        del ONE["wrong"]
