"""The complex step agrees with the engine to round-off at orders 1, 2 and 3, and refuses what is not analytic."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.check import complex_step


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


W1, W2 = normal(4, 5, seed=1) / 2, normal(5, 2, seed=2) / 2
KERNEL = normal(3, 3, 2, 3, seed=3) / 3
GAMMA, BETA = np.array([1.5, -0.5, 0.0]), normal(3, seed=4)


def mlp(x):
    return (ops.softplus(ops.tanh(x @ W1) @ W2) ** 2).sum()


def conv(x):
    return (ops.tanh(ops.conv2d(x, mg.tensor(KERNEL), stride=2, padding="same")) ** 3).sum()


def batch_norm(x):
    return ops.tanh(ops.batch_norm(x, mg.tensor(GAMMA), mg.tensor(BETA))).sum()


CASES = {"mlp": (mlp, (3, 4)), "conv2d": (conv, (2, 5, 5, 2)), "batch_norm": (batch_norm, (6, 3))}


@pytest.fixture(params=CASES)
def case(request):
    f, shape = CASES[request.param]
    return f, mg.tensor(normal(*shape, seed=5), requires_grad=True), normal(*shape, seed=6)


def close(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert np.max(np.abs(a - b)) <= 1e-12 * max(1.0, np.max(np.abs(b)))
    assert np.max(np.abs(b)) > 1e-3  # nothing is compared with nothing


def test_first_order(case):
    f, x, v = case
    (g,) = mg.grad(f(x), [x])
    close(complex_step(f, x, v), np.sum(g.numpy() * v))


@pytest.mark.parametrize("create_graph", [False, True])
def test_second_order(case, create_graph):
    f, x, v = case
    gradient = lambda x: mg.grad(f(x), [x], create_graph=create_graph)[0]
    close(complex_step(gradient, x, v), mg.hvp(f, x, v).numpy())


def test_third_order(case):
    f, x, v = case
    hvp = lambda x: mg.hvp(f, x, v)
    third = mg.grad((hvp(x) * v).sum(), [x])[0].numpy()  # d/dx <v, H v> = d/dt H(x + t v) v, by symmetry
    close(complex_step(hvp, x, v), third)


def test_arrays_reach_f_as_arrays():
    x, v = normal(3), normal(3, seed=1)
    close(complex_step(np.sin, x, v), np.cos(x) * v)
    close(complex_step(ops.exp, x, v), np.exp(x) * v)


def test_several_arguments_and_results():
    x, y, v, w = (normal(3, seed=s) for s in range(4))
    product, total = complex_step(lambda x, y: (x * y, x + y), [x, y], [v, w])
    close(product, v * y + x * w)
    close(total, v + w)


def test_a_wrong_gradient_is_seen():
    wrong = mg.op(lambda x: x**2, x=lambda g, x: g * (2 + 1e-9) * x)
    x, v = mg.tensor(normal(3), requires_grad=True), normal(3, seed=1)
    (g,) = mg.grad(wrong(x).sum(), [x])
    with pytest.raises(AssertionError):
        close(complex_step(lambda x: wrong(x).sum(), x, v), np.sum(g.numpy() * v))


@pytest.mark.parametrize("f", [np.abs, lambda x: x.real, lambda x: (x.real > 0) * 1.0, lambda x: np.ones(3)])
def test_a_real_result_is_an_error(f):
    with pytest.raises(TypeError, match=r"output 0 of f is float64, not complex: some operation is not analytic"):
        complex_step(f, normal(3), normal(3))


def test_a_cast_inside_is_an_error():
    def through_a_real_buffer(x):
        buffer = np.empty(3)
        buffer[...] = x
        return buffer * x

    for f in (through_a_real_buffer, lambda x: x * x.astype(float)):
        with pytest.raises(TypeError, match="casts a complex array to real"):
            complex_step(f, normal(3), normal(3))


def test_direction_of_another_shape():
    with pytest.raises(ValueError, match=r"v has shapes \[\(2,\)\], x has \[\(3,\)\]"):
        complex_step(np.sin, normal(3), normal(2))
