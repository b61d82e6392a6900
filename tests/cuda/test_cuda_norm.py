"""Sums and batch normalisation against the NumPy backend; the same numbers from any launch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.backend.numpy import norm as numpy_norm
from minigan.backend.numpy import reduce as numpy_reduce

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
matrices = st.tuples(st.integers(1, 70), st.integers(1, 40))
# Threads over columns and rows, and slabs of rows.
launches = st.sampled_from([(32, 8, 1), (5, 7, 3), (1, 64, 2), (8, 1, 4)])


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def over_rows(emulator, name, inputs, shape, launch, *numbers, parts=1):
    """A sum over rows in slabs, and where there are several the sum of theirs: (parts, columns)."""
    (rows, columns), (x, y, slabs) = shape, launch
    dtype, real = inputs[0].dtype, name.rpartition("_")[2]
    blocks = -(-columns // (2 * x))  # each has two turns
    out = np.full((slabs, parts * columns), np.nan, dtype)
    emulator(name, (blocks, slabs), (x, y), *inputs, out, rows, columns, *numbers)
    total = np.full((1, parts * columns), np.nan, dtype)
    emulator(f"column_sums_{real}", (blocks,), (x, y), out, total, slabs, parts * columns, 1.0)
    return total.reshape(parts, columns)


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, launches)
def test_column_sums(emulator, dtype, real, tolerance, shape, launch):
    x = numbers(shape, dtype)
    (total,) = over_rows(emulator, f"column_sums_{real}", [x], shape, launch, 3.0)
    np.testing.assert_allclose(total, numpy_reduce.sum_leading(x, 1) / 3, rtol=tolerance, atol=tolerance * shape[0])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, launches)
def test_halves_that_cancel_leave_exactly_nothing(emulator, shape, launch):
    half = numbers(shape, np.float32)
    x = np.concatenate([half, -half])
    assert not over_rows(emulator, "column_sums_float", [x], x.shape, launch, 1.0).any()


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, launches, st.sampled_from([0.0, 1e3]))
def test_mean_and_variance(emulator, dtype, real, tolerance, shape, launch, offset):
    """In two passes: far from 0, where a mean of squares would have lost every digit, too."""
    x, rows = numbers(shape, dtype) + dtype(offset), float(shape[0])
    mean = over_rows(emulator, f"column_sums_{real}", [x], shape, launch, rows)
    variance = over_rows(emulator, f"squared_deviations_{real}", [x, mean], shape, launch, rows)
    # A difference of means shifts the variance by its square: both are told the same mean.
    expected_mean, _ = numpy_norm.moments(x, 0)
    expected = ((x - mean) ** 2).mean(0, keepdims=True)
    np.testing.assert_allclose(mean, expected_mean, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(variance, expected, rtol=tolerance, atol=tolerance)


def norm_inputs(shape, dtype):
    """g, x, gamma with a 0 in it, beta, mean and variance; nothing but shapes ties mean and variance to x."""
    g, x = numbers(shape, dtype), numbers(shape, dtype, 1)
    gamma, beta, mean = numbers((3, shape[1]), dtype, 2)
    gamma[0] = 0
    mu, variance = numpy_norm.moments(x, 0)
    return g, x, gamma, beta, mu[0] + mean * dtype(0.1), variance[0] * dtype(1.1)


EPS = 1e-2


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, st.sampled_from([(1, 32), (3, 7)]))
def test_normalize(emulator, dtype, real, tolerance, shape, launch):
    _, x, gamma, beta, mean, variance = norm_inputs(shape, dtype)
    expected = numpy_norm.normalize(x, gamma, beta, mean, variance, EPS)
    out, (blocks, threads) = np.full(shape, np.nan, dtype), launch
    arguments = (x, gamma, beta, mean, variance, out, x.size, shape[1], EPS)
    emulator(f"normalize_{real}", (blocks,), (threads,), *arguments)
    np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, launches)
def test_gradients_of_normalize(emulator, dtype, real, tolerance, shape, launch):
    g, x, gamma, _, mean, variance = norm_inputs(shape, dtype)
    expected = numpy_norm.normalize_gradients(g, x, gamma, mean, variance, EPS, 0)
    sums = over_rows(emulator, f"normalize_sums_{real}", [g, x, mean, variance, EPS], shape, launch, parts=2)
    dx = np.full(shape, np.nan, dtype)
    emulator(f"normalize_gradient_{real}", (2,), (32,), g, x, gamma, mean, variance, sums, dx, *shape, EPS)
    for mine, reference in zip((dx, sums[1], sums[0]), expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("launch", [((1,), (32,)), ((3,), (7,)), ((70,), (1,))])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_running_statistics(emulator, dtype, real, tolerance, launch):
    """The variance becomes unbiased, the mean does not."""
    mean, variance, running_mean, running_var = np.abs(numbers((4, 67), dtype))
    expected = 0.7 * running_mean + 0.3 * mean, 0.7 * running_var + 0.3 * (variance * 8 / 7)
    emulator(f"track_{real}", *launch, running_mean, running_var, mean, variance, 67, 8 / 7, 0.3)
    np.testing.assert_allclose((running_mean, running_var), expected, rtol=tolerance)


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, st.sampled_from([(1, 256), (3, 7), (2, 1)]))
def test_norms_of_rows(emulator, dtype, real, tolerance, shape, launch):
    x, out, (blocks, threads) = numbers(shape, dtype), np.full(shape[0], np.nan, dtype), launch
    emulator(f"row_norms_{real}", (blocks,), (1, threads), x, out, *shape)
    np.testing.assert_allclose(out, np.linalg.norm(x, axis=1), rtol=tolerance)


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(matrices, launches)
def test_column_squares(emulator, dtype, real, tolerance, shape, launch):
    x = numbers(shape, dtype)
    (total,) = over_rows(emulator, f"column_squares_{real}", [x, 0.5], shape, launch, 3.0)
    np.testing.assert_allclose(total, ((x - 0.5) ** 2).sum(0) / 3, rtol=tolerance * 10)
