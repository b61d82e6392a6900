"""vjp, jvp, hvp, jacobian, hessian and value_and_grad against closed forms, alone and inside one another."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops

A = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
M = np.array([[2.0, 1.0, 0.0], [3.0, -1.0, 0.5], [0.0, 1.0, 4.0]])
X = np.array([0.3, -0.7, 1.1])
V = np.array([1.0, 2.0, -0.5])


def linear(x):
    return A @ x


def quadratic(x):
    return (x * (M @ x)).sum()


def cubic(x):
    return (x**3).sum()


def test_vjp():
    y, pullback = mg.vjp(linear, X)
    assert np.allclose(y.data, A @ X)
    u = np.array([2.0, -1.0])
    (g,) = pullback(u)
    assert np.allclose(g.data, A.T @ u)
    assert np.allclose(pullback(-u)[0].data, -A.T @ u)  # as often as one likes


def test_vjp_of_several_arguments():
    a, b, unused = X, V, np.ones(2)
    y, pullback = mg.vjp(lambda a, b, c: a * b, a, b, unused)
    ga, gb, gc = pullback(np.ones(3))
    assert np.allclose(y.data, a * b)
    assert np.allclose(ga.data, b)
    assert np.allclose(gb.data, a)
    assert gc is None


def test_jvp():
    y, t = mg.jvp(linear, X, V)
    assert np.allclose(y.data, A @ X)
    assert np.allclose(t.data, A @ V)
    y, t = mg.jvp(lambda a, b: a * b, [X, V], [V, X])
    assert np.allclose(t.data, V * V + X * X)


def test_jvp_of_what_does_not_depend():
    constant = mg.tensor([1.0, 2.0])
    y, t = mg.jvp(lambda x: constant, X, V)
    assert y is constant
    assert t.data.tolist() == [0, 0]
    _, t = mg.jvp(lambda a, b: ops.exp(b), [X, V], [V, np.zeros(3)])
    assert t.data.tolist() == [0, 0, 0]


def test_hvp():
    assert np.allclose(mg.hvp(quadratic, X, V).data, (M + M.T) @ V)
    assert np.allclose(mg.hvp(cubic, X, V).data, 6 * X * V)
    assert mg.hvp(lambda x: (A @ x).sum(), X, V).data.tolist() == [0, 0, 0]
    ha, hb = mg.hvp(lambda a, b: (a * a * b).sum(), (X, V), (V, X))
    assert np.allclose(ha.data, 2 * V * V + 2 * X * X)
    assert np.allclose(hb.data, 2 * X * V)


def test_jacobian():
    assert np.allclose(mg.jacobian(linear, X).data, A)
    assert np.allclose(mg.jacobian(ops.exp, X).data, np.diag(np.exp(X)))
    assert np.allclose(mg.jacobian(quadratic, X).data, (M + M.T) @ X)
    matrix = mg.jacobian(lambda x: x.T @ x, A)
    assert matrix.shape == (3, 3, 2, 3)
    expected = np.einsum("ac,bi->abic", np.eye(3), A.T) + np.einsum("bc,ai->abic", np.eye(3), A.T)
    assert np.allclose(matrix.data, expected)
    assert mg.jacobian(lambda x: mg.tensor([1.0, 2.0]), X).data.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_hessian():
    assert np.allclose(mg.hessian(quadratic, X).data, M + M.T)
    assert np.allclose(mg.hessian(cubic, X).data, np.diag(6 * X))
    assert mg.hessian(lambda x: (A @ x).sum(), X).data.tolist() == np.zeros((3, 3)).tolist()
    assert mg.hessian(lambda x: mg.tensor(1.0), X).data.tolist() == np.zeros((3, 3)).tolist()
    assert mg.hessian(lambda x: (x * x).sum(), np.ones((2, 2))).shape == (2, 2, 2, 2)


def test_value_and_grad():
    value, g = mg.value_and_grad(quadratic)(X)
    assert np.isclose(value.item(), X @ M @ X)
    assert np.allclose(g.data, (M + M.T) @ X)
    f = mg.value_and_grad(lambda a, b, scale=1.0: (a * a * b).sum() * scale, argnums=(1, 0))
    _, (gb, ga) = f(X, V, scale=2.0)
    assert np.allclose(ga.data, 4 * X * V)
    assert np.allclose(gb.data, 2 * X * X)
    _, only = mg.value_and_grad(lambda a, b: (a * b).sum(), argnums=1)(X, V)
    assert np.allclose(only.data, X)


# --- one inside another


def test_hvp_is_jvp_of_the_gradient():
    def gradient(x):
        return mg.value_and_grad(cubic)(x)[1]

    assert np.allclose(mg.jvp(gradient, X, V)[1].data, 6 * X * V)
    assert np.allclose(mg.jacobian(gradient, X).data, np.diag(6 * X))
    _, pullback = mg.vjp(gradient, X)
    assert np.allclose(pullback(V)[0].data, 6 * X * V)


def test_jvp_of_jvp_is_a_second_derivative():
    def first(x):
        return mg.jvp(lambda a: a**4, x, V)[1]

    assert np.allclose(mg.jvp(first, X, V)[1].data, 12 * X**2 * V**2)


def test_the_gradient_of_an_hvp_is_a_third_derivative():
    x = mg.tensor(X, requires_grad=True)
    h = mg.hvp(cubic, x, V)
    assert np.allclose(mg.grad(h.sum(), [x])[0].data, 6 * V)
    v = mg.tensor(V, requires_grad=True)
    h = mg.hvp(cubic, X, v)
    assert np.allclose(mg.grad(h.sum(), [v])[0].data, 6 * X)


def test_a_pullback_is_differentiable_in_its_argument_and_in_the_primals():
    u = mg.tensor(V, requires_grad=True)
    _, pullback = mg.vjp(lambda x: x**3, X)
    assert np.allclose(mg.grad(pullback(u)[0].sum(), [u])[0].data, 3 * X**2)
    x = mg.tensor(X, requires_grad=True)
    _, pullback = mg.vjp(lambda a: a**3, x)
    assert np.allclose(mg.grad(pullback(V)[0].sum(), [x])[0].data, 6 * X * V)


def test_the_value_keeps_its_history_through_vjp():
    x = mg.tensor(X, requires_grad=True)
    y, _ = mg.vjp(lambda a: a * a, x)
    assert np.allclose(mg.grad(y.sum(), [x])[0].data, 2 * X)


def test_nested_value_and_grad():
    def penalty(x):
        _, g = mg.value_and_grad(cubic)(x)
        return (g * g).sum()

    value, g = mg.value_and_grad(penalty)(X)
    assert np.isclose(value.item(), (9 * X**4).sum())
    assert np.allclose(g.data, 36 * X**3)


def test_no_perturbation_confusion():
    """d/dx [x * d/dy (x + y)] = 1: the classic that mixes up the inner and the outer variable."""

    def outer(x):
        _, inner = mg.value_and_grad(lambda y: (x + y).sum())(mg.tensor(1.0, requires_grad=True))
        return (x * inner).sum()

    assert mg.value_and_grad(outer)(np.float64(3.0))[1].item() == 1


def test_perturbations_through_a_closure_are_followed():
    """x * d/dy (x y) is x^2, of derivative 2 x."""
    x = mg.tensor(3.0, requires_grad=True)
    (g,) = mg.grad(x * mg.jvp(lambda y: x * y, 1.0, 1.0)[1], [x])
    assert g.item() == 6.0
    (g,) = mg.grad(x * mg.jvp(lambda y, x: x * y, [1.0, x], [1.0, 0.0])[1], [x])
    assert g.item() == 6


def test_arguments_are_left_alone():
    x = mg.tensor(X, requires_grad=True)
    mg.vjp(cubic, x)
    mg.hvp(cubic, x, V)
    assert x.grad is None
    assert np.array_equal(x.data, X)
    with mg.no_grad():
        assert np.allclose(mg.hvp(cubic, X, V).data, 6 * X * V)
        assert np.allclose(mg.value_and_grad(cubic)(X)[1].data, 3 * X**2)
        assert np.allclose(mg.jacobian(linear, X).data, A)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_are_kept(dtype):
    x, v = X.astype(dtype), V.astype(dtype)
    results = [
        mg.hvp(cubic, x, v),
        mg.hessian(cubic, x),
        mg.jacobian(ops.exp, x),
        mg.jvp(ops.exp, x, v)[1],
        mg.value_and_grad(cubic)(x)[1],
    ]
    assert {r.dtype for r in results} == {np.dtype(dtype)}


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"tangents have shapes \[\(2,\)\], primals have \[\(3,\)\]"):
        mg.jvp(cubic, X, np.ones(2))
    with pytest.raises(ValueError, match=r"v have shapes \[\(1,\)\], primals have \[\(3,\)\]"):
        mg.hvp(cubic, X, np.ones(1))
    with pytest.raises(ValueError, match=r"3 elements"):
        mg.hessian(ops.exp, X)
    with pytest.raises(ValueError, match=r"3 elements"):
        mg.value_and_grad(ops.exp)(X)


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: mg.vjp(f, 1.0)[1](1.0)[0],
        lambda f: mg.jvp(f, 1.0, 1.0)[1],
        lambda f: mg.value_and_grad(f)(1.0)[1],
        lambda f: mg.hvp(lambda y: f(y) * y * 0.5, 1.0, 1.0),
    ],
)
def test_what_a_function_closes_over_gets_its_gradient(derivative):
    """d/dw of d/dy (w y) = w is 1: a penalty on a critic's gradient norm reaches the critic's weights."""
    w = mg.Parameter(np.array(3.0))
    slope = derivative(lambda y: y * w)
    assert slope.item() == 3
    assert mg.grad(slope, [w])[0].item() == 1


def test_argnums_may_count_from_the_end():
    _, g = mg.value_and_grad(lambda a, b: (a * b).sum(), argnums=-1)(np.full(2, 3.0), np.ones(2))
    assert g.numpy().tolist() == [3, 3]
