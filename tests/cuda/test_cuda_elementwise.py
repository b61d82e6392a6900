"""Activations, their gates, losses and pixels against the operations on NumPy arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan as mg
from minigan import data, ops

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]
ACTIVATIONS = {  # the code that the kernels know it by, its slope, and the operation
    "identity": (0, 0.0, lambda x: x + 0.0),
    "relu": (1, 0.0, ops.relu),
    "leaky_relu": (2, 0.2, lambda x: ops.leaky_relu(x, 0.2)),
    "tanh": (3, 0.0, ops.tanh),
}
matrices = st.tuples(st.integers(1, 30), st.integers(1, 9))


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def mapped(emulator, name, launch, x, *numbers):
    out = np.full_like(x, np.nan)
    emulator(name, *launch, x, out, x.size, *numbers)
    return out


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(matrices, st.sampled_from(LAUNCHES), st.booleans())
def test_bias_and_activation(emulator, dtype, real, tolerance, activation, shape, launch, biased):
    code, slope, op = ACTIVATIONS[activation]
    x, bias = numbers(shape, dtype), numbers(shape[1], dtype, 1) if biased else None
    out = np.full(shape, np.nan, dtype)
    emulator(f"bias_activation_{real}", *launch, x, bias, out, x.size, shape[1], code, slope)
    np.testing.assert_allclose(out, op(x + bias if biased else x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(matrices, st.sampled_from(LAUNCHES))
def test_gradient_of_an_activation(emulator, dtype, real, tolerance, activation, shape, launch):
    code, slope, op = ACTIVATIONS[activation]
    x, g = mg.tensor(numbers(shape, dtype), requires_grad=True), numbers(shape, dtype, 1)
    x.data.flat[0] = 0  # where the slope of relu is that below 0
    out = op(x)
    (expected,) = mg.grad(out, [x], mg.tensor(g))
    emulator(f"activation_gradient_{real}", *launch, g, out.data, g, g.size, code, slope)  # in place
    np.testing.assert_allclose(g, expected.data, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_gate(emulator, dtype, real, tolerance, slope):
    x, mask = numbers((5, 7), dtype), numbers((5, 7), dtype, 1) > 0
    out = np.full_like(x, np.nan)
    emulator(f"gate_{real}", (2,), (8,), x, mask, out, x.size, slope)
    np.testing.assert_allclose(out, np.where(mask, x, dtype(slope) * x), rtol=tolerance)


@pytest.mark.parametrize("name", ["softplus", "sigmoid"])
@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_losses_of_any_size(emulator, dtype, real, tolerance, launch, name):
    """To full relative accuracy, from where the exponential vanishes to where it would overflow."""
    x = np.concatenate([np.linspace(-80, 80, 41), [-1e4, 1e4, 1e-3, -1e-3]]).astype(dtype)
    out = mapped(emulator, f"{name}_{real}", launch, x)
    np.testing.assert_allclose(out, getattr(ops, name)(x), rtol=tolerance)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_nan_and_infinity_pass_as_on_the_cpu(emulator, activation):
    code, slope, op = ACTIVATIONS[activation]
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    out = np.zeros_like(x)
    emulator("bias_activation_float", (1,), (8,), x, None, out, 5, 1, code, slope)
    np.testing.assert_array_equal(out, op(x))


@pytest.mark.parametrize("launch", [((1, 1), (32,)), ((2, 3), (5,))])
def test_pixels_have_the_bits_of_scale(emulator, launch):
    pixels = np.random.default_rng(0).permutation(np.arange(256, dtype=np.uint8)).reshape(8, 4, 4, 2)
    index = np.array([7, 0, 3, 3, 1, 2, 4, 5, 6])
    out = np.full((9, 4, 4, 2), np.nan, np.float32)
    emulator("gather_uint8_float", *launch, pixels, index, out, 9, 32, 127.5, -1.0)
    np.testing.assert_array_equal(out, data.scale(pixels[index]))


def test_pixels_in_double_precision(emulator):
    pixels, out = np.arange(256, dtype=np.uint8).reshape(16, 16), np.full((2, 16), np.nan)
    emulator("gather_uint8_double", (1, 1), (16,), pixels, np.array([15, 2]), out, 2, 16, 255.0, -0.25)
    np.testing.assert_allclose(out, pixels[[15, 2]] / 255 - 0.25, rtol=1e-12)
