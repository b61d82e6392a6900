"""im2col and col2im against the NumPy backend, as the two halves of an adjoint pair, and as a whole convolution."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minigan.backend.cuda.columns import struct
from minigan.backend.numpy import conv as numpy_conv
from minigan.ops.conv import ConvGeometry

LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((40,), (1,))]
small = st.integers(1, 3)


@st.composite
def convolutions(draw):
    """(images, channels of one group, geometry) of small convolutions of every kind."""
    pair = st.tuples(small, small)
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    size = st.tuples(st.integers(1, 6), st.integers(1, 6))
    geometry = ConvGeometry(draw(size), draw(pair), draw(pair), draw(st.tuples(sides, sides)), draw(pair), draw(small))
    assume(min(geometry.output) >= 1)
    return draw(small), draw(small), geometry


def shapes(n, channels, geometry):
    """Of the images of one group and of the column matrix."""
    (oh, ow), (kh, kw) = geometry.output, geometry.kernel
    return (n, *geometry.input, channels), (n * oh * ow, kh * kw * channels)


def im2col(emulator, x, geometry, launch=LAUNCHES[0], real=None, size=""):
    n, channels = len(x), x.shape[3]
    columns = np.full(shapes(n, channels, geometry)[1], np.nan, x.dtype)
    width = 1 if real is None else 16 // x.itemsize
    pixel = x.strides[2] // x.itemsize
    name = f"im2col{size}_{real or ctype(x)}"
    emulator(name, *launch, x, columns, n, struct(geometry, channels // width, pixel // width)[()])
    return columns


def col2im(emulator, columns, geometry, x, launch=LAUNCHES[0], real=None, size=""):
    """Into x, which may be a slice of channels."""
    width = 1 if real is None else 16 // x.itemsize
    pixel = x.strides[2] // x.itemsize
    name = f"col2im{size}_{real or ctype(x)}"
    emulator(name, *launch, columns, x, len(x), struct(geometry, x.shape[3] // width, pixel // width)[()])
    return x


def ctype(x):
    return {"float32": "float", "float64": "double"}[x.dtype.name]


def numbers(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def scattered(columns, n, channels, geometry):
    """The adjoint as the NumPy backend computes it."""
    taps = columns.reshape(n, *geometry.output, -1, channels).transpose(3, 1, 2, 0, 4)  # (taps, OH, OW, N, C)
    x = np.full((n, *geometry.input, channels), np.nan, columns.dtype)
    numpy_conv.scatter_taps(np.ascontiguousarray(taps), geometry, x)
    return x


@pytest.mark.parametrize("size", ["", "_large"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from(LAUNCHES))
def test_columns_and_images_equal_those_of_numpy(emulator, dtype, size, case, launch):
    n, channels, geometry = case
    images, matrix = shapes(n, channels, geometry)
    x, columns = numbers(images, dtype), numbers(matrix, dtype, 1)
    np.testing.assert_array_equal(im2col(emulator, x, geometry, launch, size=size), numpy_conv.im2col(x, geometry))
    gathered = col2im(emulator, columns, geometry, np.full(images, np.nan, dtype), launch, size=size)
    np.testing.assert_array_equal(gathered, scattered(columns, n, channels, geometry))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(convolutions())
def test_they_are_adjoint(emulator, case):
    n, channels, geometry = case
    images, matrix = shapes(n, channels, geometry)
    x, columns = numbers(images), numbers(matrix, seed=1)
    there = np.vdot(im2col(emulator, x, geometry), columns)
    back = np.vdot(x, col2im(emulator, columns, geometry, np.full(images, np.nan)))
    assert abs(there - back) <= 1e-12 * np.linalg.norm(x) * np.linalg.norm(columns)


@pytest.mark.parametrize("size", ["", "_large"])
@pytest.mark.parametrize(("dtype", "real"), [(np.float32, "float4"), (np.float64, "double2")])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(convolutions())
def test_several_channels_at_once(emulator, dtype, real, size, case):
    n, channels, geometry = case
    images, matrix = shapes(n, 4 * channels, geometry)
    x, columns = numbers(images, dtype), numbers(matrix, dtype, 1)
    np.testing.assert_array_equal(im2col(emulator, x, geometry, real=real, size=size), numpy_conv.im2col(x, geometry))
    gathered = col2im(emulator, columns, geometry, np.full(images, np.nan, dtype), real=real, size=size)
    np.testing.assert_array_equal(gathered, scattered(columns, n, 4 * channels, geometry))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(convolutions(), small)
def test_one_layout_serves_the_trio_without_a_copy(emulator, case, per_group):
    """With the vendor's GEMM in between, here NumPy's, on views: groups are slices of columns and of channels."""
    n, channels, geometry = case
    x = numbers((n, *geometry.input, channels * geometry.groups))
    w = numbers((*geometry.kernel, channels, per_group * geometry.groups), seed=1)
    y = numbers((n, *geometry.output, per_group * geometry.groups), seed=2)
    conv, back, weight = np.full(y.shape, np.nan), np.full(x.shape, np.nan), np.full(w.shape, np.nan)
    matrix, rows = w.reshape(-1, w.shape[3]), y.reshape(-1, y.shape[3])
    for k in range(geometry.groups):
        ci = slice(k * channels, (k + 1) * channels)
        co = slice(k * per_group, (k + 1) * per_group)
        columns = im2col(emulator, x[..., ci], geometry)
        conv.reshape(rows.shape)[:, co] = columns @ matrix[:, co]
        weight.reshape(matrix.shape)[:, co] = columns.T @ rows[:, co]
        col2im(emulator, rows[:, co] @ matrix[:, co].T, geometry, back[..., ci])
    np.testing.assert_allclose(conv, numpy_conv.conv2d(x, w, geometry), atol=1e-12)
    np.testing.assert_allclose(back, numpy_conv.conv_transpose2d(y, w, geometry), atol=1e-12)
    np.testing.assert_allclose(weight, numpy_conv.conv2d_weight(x, y, geometry), atol=1e-12)
