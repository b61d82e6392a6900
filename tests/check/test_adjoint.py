"""The dot-product test holds for adjoint pairs to the last bits, and for nothing else."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.check import AdjointError, adjoint_test


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


A = normal(3, 4)


def apply(x):
    return A @ x


def transposed(y):
    return A.T @ y


def test_a_matrix_and_its_transpose():
    assert adjoint_test(apply, transposed, normal(4, seed=1), normal(3, seed=2)) < 1e-15


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": "same"}, {"stride": 3, "padding": 2}])
def test_convolution_and_its_transpose(options):
    x, w = mg.tensor(normal(2, 7, 6, 2)), mg.tensor(normal(3, 3, 2, 4, seed=1))
    y = ops.conv2d(x, w, **options)

    def back(y):
        return mg.vjp(lambda x: ops.conv2d(x, w, **options), x)[1](y)[0]

    adjoint_test(lambda x: ops.conv2d(x, w, **options), back, x, normal(*y.shape, seed=2))


def test_sequences():
    x = [normal(4, seed=1), normal(3, seed=2)]
    y = [normal(3, seed=3), normal(2, seed=4)]
    adjoint_test(
        lambda a, b: (A @ a + b, b[:2]),
        lambda p, q: (A.T @ p, p + np.concatenate([q, [0.0]])),
        x,
        y,
    )


def test_both_sides_zero():
    assert adjoint_test(lambda x: 0 * x, lambda y: 0 * y, normal(3), normal(3)) == 0


WRONG = {
    "factor": lambda y: 2 * A.T @ y,
    "sign": lambda y: -(A.T @ y),
    "order": lambda y: (A.T @ y)[::-1],
    "last digits": lambda y: (1 + 1e-11) * A.T @ y,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_adjoint(wrong):
    x, y = normal(4, seed=1), normal(3, seed=2)
    with pytest.raises(AdjointError, match="not the adjoint") as caught:
        adjoint_test(apply, wrong, x, y)
    error = caught.value
    assert error.left == pytest.approx(y @ A @ x)
    assert f"<A x, y> = {error.left:.16g} but <x, At y> = {error.right:.16g}" in str(error)


def test_one_wrong_element_among_many():
    def wrong(y):
        out = y.copy()
        out[17] *= 1.000001
        return out

    with pytest.raises(AdjointError):
        adjoint_test(lambda x: x, wrong, normal(10000, seed=1), normal(10000, seed=2))


def test_nan_is_wrong():
    with pytest.raises(AdjointError):
        adjoint_test(lambda x: x * np.nan, lambda y: y, normal(3), normal(3))


def test_shapes_are_checked():
    with pytest.raises(AdjointError, match=r"A gives shapes \[\(3,\)\], but ys have \[\(4,\)\]"):
        adjoint_test(apply, transposed, normal(4), normal(4))
    with pytest.raises(AdjointError, match=r"At gives shapes \[\(3,\)\], but xs have \[\(4,\)\]"):
        adjoint_test(apply, lambda y: y, normal(4), normal(3))
    with pytest.raises(AdjointError, match="A gives shapes"):
        adjoint_test(lambda x: (x, x), lambda y: y, normal(3), normal(3))


def test_float32_needs_a_tolerance():
    a = A.astype("float32")
    x, y = normal(4, seed=1).astype("float32"), normal(3, seed=2).astype("float32")
    adjoint_test(lambda x: a @ x, lambda y: a.T @ y, x, y, rtol=1e-5)
