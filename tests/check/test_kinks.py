"""Five points on a line tell a kink from a curve."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.check import kinks

SMOOTH = {
    "sin": np.sin,
    "cube": lambda x: x**3,
    "exp": np.exp,
    "linear": lambda x: 3 * x + 1e6,
    "constant": lambda x: 0 * x + 7,
    "steep": lambda x: np.tanh(100 * x),
    "hinge squared": lambda x: np.maximum(x, 0) ** 2,
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("point", [0.0, 0.7, -30.0])
def test_smooth_functions_have_none(name, point):
    assert not kinks(SMOOTH[name], np.array([point]), np.ones(1)).any()


KINKED = {
    "abs": np.abs,
    "relu": ops.relu,
    "jump": np.sign,
    "maximum": lambda x: np.maximum(x, 2 * x),
    "on a slope": lambda x: 50 * x + np.abs(x),
    "root": lambda x: np.sqrt(np.abs(x)),
    "1 % of a slope": lambda x: np.where(x > 0, 1.01 * x, x),
}


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize("offset", [0.0, 0.3, -0.7])
def test_kinks_are_found_anywhere_within_the_step(name, offset):
    h = 1e-5
    assert kinks(KINKED[name], np.array([offset * h]), np.ones(1), h=h).all()


def test_elements_are_told_apart():
    x = np.array([0.0, 1.0, 1e-6, -2.0])
    np.testing.assert_array_equal(kinks(np.abs, x, np.ones(4)), [True, False, True, False])


def test_only_along_the_direction():
    f = lambda x: np.abs(x[:1]) + x[1:]
    assert kinks(f, np.zeros(2), np.array([1.0, 0.0])).all()
    assert not kinks(f, np.zeros(2), np.array([0.0, 1.0])).any()


def test_outside_the_step_does_not_count():
    assert not kinks(np.abs, np.array([2e-5]), np.ones(1), h=1e-5).any()


def test_tensors_sequences_and_shapes():
    x = mg.tensor(np.zeros((2, 3)))
    smooth, kinked = kinks(lambda x, y: (ops.exp(x + y), ops.relu(x)), [x, x], [np.ones((2, 3))] * 2)
    assert smooth.shape == kinked.shape == (2, 3)
    assert not smooth.any()
    assert kinked.all()
    with pytest.raises(ValueError, match="a direction is shaped like x"):
        kinks(np.abs, np.zeros(3), np.ones(2))
