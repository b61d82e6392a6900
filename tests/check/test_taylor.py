"""Remainders of Taylor's formula follow 1, 2, 3; a wrong derivative shows, and round-off does not."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.check import TaylorTestError, taylor_test

W = np.random.default_rng(1).normal(size=(4, 2))
X = np.random.default_rng(2).normal(size=(3, 4))


def f(x):
    return ops.tanh(x @ W).sum()


def gradient(f, x):
    x = mg.tensor(x, requires_grad=True)
    return mg.grad(f(x), [x])[0].numpy()


def hvp(v):
    return mg.hvp(f, X, v)


def test_slopes_are_one_two_three():
    report = taylor_test(f, X, gradient(f, X), hvp=hvp)
    assert report.slopes == pytest.approx((1, 2, 3), abs=0.05)
    assert report.remainders.shape == (3, len(report.steps))
    assert "R0 ~ h^1.00, R1 ~ h^2.00" in str(report)


def test_without_hvp_there_are_two():
    assert taylor_test(f, X, gradient(f, X)).slopes == pytest.approx((1, 2), abs=0.05)


@pytest.mark.parametrize("make", [lambda x: x, mg.tensor], ids=["array", "tensor"])
def test_arrays_and_tensors(make):
    taylor_test(f, make(X), make(gradient(f, X)))


def test_several_inputs():
    a, b = X, X[:, :2] @ W.T[:2, :]
    xs = [mg.tensor(a, requires_grad=True), mg.tensor(b, requires_grad=True)]
    product = lambda a, b: ops.sin(a * b).sum()
    report = taylor_test(product, xs, mg.grad(product(*xs), xs), hvp=lambda v: mg.hvp(product, xs, v))
    assert report.slopes[1:] == pytest.approx((2, 3), abs=0.1)


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0, 1.01, 1.0001])
def test_wrong_gradient(factor):
    with pytest.raises(TaylorTestError, match="the gradient is wrong") as caught:
        taylor_test(f, X, factor * gradient(f, X))
    assert caught.value.report.slopes[1] == pytest.approx(1, abs=0.1)


def test_one_wrong_layer():
    g = gradient(f, X)
    g[2] *= 1.01
    with pytest.raises(TaylorTestError, match=r"R1 vanishes like h\^1\.0"):
        taylor_test(f, X, g)


@pytest.mark.parametrize("factor", [0.0, 1.01, -1.0])
def test_wrong_hessian(factor):
    with pytest.raises(TaylorTestError, match=r"the Hessian is wrong.*R2 vanishes like h\^2"):
        taylor_test(f, X, gradient(f, X), hvp=lambda v: factor * hvp(v).numpy())


def test_linear_and_quadratic_are_exact():
    assert taylor_test(lambda x: (x * 3.0).sum(), X, np.full_like(X, 3.0)).slopes[1] == np.inf
    report = taylor_test(lambda x: (x * x).sum(), X, 2 * X, hvp=lambda v: 2 * v)
    assert report.slopes[1] == pytest.approx(2, abs=0.01)
    assert report.slopes[2] == np.inf
    assert "R2 is at round-off" in str(report)


def test_wrong_gradient_of_a_linear_function():
    with pytest.raises(TaylorTestError, match="the gradient is wrong"):
        taylor_test(lambda x: (x * 3.0).sum(), X, np.full_like(X, 3.0 + 1e-8))


def test_round_off_does_not_spoil_the_slope():
    offset = lambda x: f(x) + 1e6
    assert taylor_test(offset, X, gradient(f, X)).slopes[1] == pytest.approx(2, abs=0.1)


def test_direction_may_be_given():
    v = np.zeros_like(X)
    v[0, 0] = 1.0
    wrong_elsewhere = gradient(f, X)
    wrong_elsewhere[2] = 0
    taylor_test(f, X, wrong_elsewhere, v=v)
    with pytest.raises(TaylorTestError):
        taylor_test(f, X, wrong_elsewhere)


def test_a_kink_has_no_gradient():
    with pytest.raises(TaylorTestError, match="kink"):
        taylor_test(lambda x: ops.abs(x).sum(), np.zeros(3), np.zeros(3))


def test_a_step_into_infinity_is_left_out():
    g = np.array([np.exp(700.0) * 1400])
    assert taylor_test(lambda x: ops.exp(x * x * 700).sum(), np.ones(1), g, v=np.ones(1)).slopes[1] > 1.9


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"x\[0\] is float32"):
        taylor_test(f, X.astype("float32"), X)
    with pytest.raises(ValueError, match=r"g\[0\] has shape \(4,\), x\[0\] has \(3, 4\)"):
        taylor_test(f, X, X[0])
    with pytest.raises(ValueError, match=r"needs a scalar f, it returned shape \(3, 4\)"):
        taylor_test(np.sin, X, np.cos(X))
