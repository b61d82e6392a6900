"""Activations, their gates, losses and pixels against the operations on NumPy arrays."""

import numpy as np
import pytest

from minigan import data, ops

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def mapped(emulator, name, launch, x, *numbers):
    out = np.full_like(x, np.nan)
    emulator(name, *launch, x, out, x.size, *numbers)
    return out


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_leaky_relu(emulator, dtype, real, tolerance, launch, slope):
    """NaN and infinities pass as on the CPU."""
    x = np.concatenate([numbers(40, dtype), np.array([np.nan, np.inf, 0.0, -0.0, -np.inf], dtype)])
    found = mapped(emulator, f"leaky_relu_{real}", launch, x, slope)
    np.testing.assert_array_equal(found, ops.leaky_relu(x, slope))


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_gate(emulator, dtype, real, tolerance, slope):
    """The gate is open where the mask is positive: neither at 0 nor at NaN."""
    x, mask = numbers((5, 7), dtype), numbers((5, 7), dtype, 1)
    mask[0, :5] = np.nan, np.inf, 0.0, -0.0, -np.inf
    out = np.full_like(x, np.nan)
    emulator(f"gate_{real}", (2,), (8,), x, mask, out, x.size, slope)
    np.testing.assert_allclose(out, np.where(mask > 0, x, dtype(slope) * x), rtol=tolerance)


@pytest.mark.parametrize("name", ["softplus", "sigmoid"])
@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_losses_of_any_size(emulator, dtype, real, tolerance, launch, name):
    """To full relative accuracy, from where the exponential vanishes to where it would overflow."""
    x = np.concatenate([np.linspace(-80, 80, 41), [-1e4, 1e4, 1e-3, -1e-3]]).astype(dtype)
    out = mapped(emulator, f"{name}_{real}", launch, x)
    np.testing.assert_allclose(out, getattr(ops, name)(x), rtol=tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
def test_pixels_have_the_bits_of_scale(emulator, launch):
    pixels = np.random.default_rng(0).permutation(np.arange(256, dtype=np.uint8))
    out = np.full(256, np.nan, np.float32)
    emulator("scale_pixels", *launch, pixels, out, 256)
    np.testing.assert_array_equal(out, data.scale(pixels))


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_quotient(emulator, dtype, real, tolerance, launch):
    x, y, out = numbers(67, dtype), numbers(67, dtype, 1), np.full(67, np.nan, dtype)
    y[:3], expected = (0.0, -0.0, np.inf), np.zeros(67, dtype)
    expected[3:] = x[3:] / y[3:]
    emulator(f"quotient_{real}", *launch, x, y, out, out.size)
    np.testing.assert_allclose(out, expected, rtol=tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_scaled(emulator, dtype, real, tolerance, launch):
    x, y, out = numbers(67, dtype), numbers(1, dtype, 1), np.full(67, np.nan, dtype)
    emulator(f"scaled_{real}", *launch, x, y, out, out.size, 0.3, 0.5)
    np.testing.assert_allclose(out, (x - dtype(0.5)) * (y[0] * dtype(0.3)), rtol=tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_points_between(emulator, dtype, real, tolerance, launch):
    x, y, out = numbers((5, 2, 7), dtype), numbers((5, 2, 7), dtype, 1), np.full((5, 2, 7), np.nan, dtype)
    e = np.array([0.0, 1.0, 0.3, 0.5, 0.9], dtype)
    emulator(f"between_{real}", *launch, e, x, y, out, out.size, 14)
    expected = [a * t + b * (1 - t) for a, b, t in zip(x, y, e, strict=True)]
    np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
