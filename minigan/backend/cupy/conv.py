"""Convolution on a GPU: im2col by CUDA kernels and a GEMM of cuBLAS, in equal chunks of the batch.

`cuda/conv.cu` describes the layouts, and why nothing is transposed.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import cupy
import numpy as np

from ..cuda.columns import CHUNK_BYTES, LARGE, chunks, struct
from ..cuda.cublas import address
from . import launch
from .matmul import gemm

if TYPE_CHECKING:
    from ...ops.conv import ConvGeometry
    from ...types import Array

VECTORS = {"float32": ("float4", 4), "float64": ("double2", 2)}  # 16 bytes, which a thread moves at once where possible


def conv2d(x: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the correlation y (N, OH, OW, C_out) of x (N, H, W, C_in) with w (kH, kW, C_in / groups, C_out)."""
    x, w = _alike(x, w)
    y = cupy.empty((len(x), *geometry.output, w.shape[3]), x.dtype)
    for images, matrix, rows in _parts(x, w, y, geometry):
        gemm(_columns(images, geometry), matrix, rows)
    return y


def conv_transpose2d(y: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in x: x (N, H, W, C_in) from y (N, OH, OW, C_out) and the same w."""
    y, w = _alike(y, w)
    x = cupy.empty((len(y), *geometry.input, w.shape[2] * geometry.groups), y.dtype)
    for images, matrix, rows in _parts(x, w, y, geometry):
        if geometry.is_pointwise:
            gemm(rows, matrix.T, images)
        else:
            columns = cupy.empty((len(rows), len(matrix)), x.dtype)
            _launch("col2im", gemm(rows, matrix.T, columns), images, images, geometry, geometry.input)
    return x


def conv2d_weight(x: Array, y: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in w: (kH, kW, C_in / groups, C_out) from x (N, H, W, C_in) and y (N, OH, OW, C_out)."""
    x, y = _alike(x, y)
    new = cupy.empty if len(x) else cupy.zeros
    w = new((*geometry.kernel, x.shape[3] // geometry.groups, y.shape[3]), x.dtype)
    for k, (images, matrix, rows) in enumerate(_parts(x, w, y, geometry)):
        first_chunk = k < geometry.groups
        gemm(_columns(images, geometry).T, rows, matrix, beta=0.0 if first_chunk else 1.0)
    return w


def _columns(images, geometry):
    """Return every receptive field of the images (n, H, W, c) as a row: (n * OH * OW, kH * kW * c)."""
    if geometry.is_pointwise:
        return images
    taps, places = geometry.kernel, geometry.output
    columns = cupy.empty((len(images) * prod(places), prod(taps) * images.shape[3]), images.dtype)
    _launch("im2col", images, columns, images, geometry, (*places, *taps))
    return columns


def _launch(name, source, target, images, geometry, sizes):
    """Run im2col or col2im with a thread for each channel of `sizes` places in each image."""
    n, *_, channels = images.shape
    pixel = channels * geometry.groups  # not a stride, which is meaningless for an axis of length 1
    real, width = VECTORS[images.dtype.name]
    if channels % width or pixel % width or address(images) % 16:
        real, width = launch.REALS[images.dtype.name], 1
    most = max(source.size, target.size, images.size * geometry.groups) // width
    size = "_large" if most >= LARGE else ""
    kernel = launch.kernel("conv", f"{name}{size}_{real}", real)
    numbers = struct(geometry, channels // width, pixel // width)  # CuPy passes a host array of size 1 by value
    launch.each(kernel, n * prod(sizes) * channels // width, source, target, n, numbers)


def _parts(x, w, y, geometry):
    """Yield views (images, matrix, rows) of x, w and y for each chunk of the batch and each group of channels.

    The shapes are images (n, H, W, c), or (n * H * W, c) if every receptive field is one pixel; matrix
    (kH * kW * c, C_out); and rows (n * OH * OW, C_out).
    """
    groups, n = geometry.groups, len(x)
    ci, co = x.shape[3] // groups, w.shape[3] // groups
    matrix = w.reshape(-1, w.shape[3])
    bytes_each = 0 if geometry.is_pointwise else prod(geometry.output) * len(matrix) * x.itemsize
    for chunk in chunks(n, bytes_each, CHUNK_BYTES):
        images, rows = x[chunk], y[chunk].reshape(-1, y.shape[3])
        if geometry.is_pointwise:
            images = images.reshape(-1, x.shape[3])
        for k in range(groups):
            into, out = slice(k * ci, (k + 1) * ci), slice(k * co, (k + 1) * co)
            yield images[..., into], matrix[:, out], rows[:, out]


def _alike(*arrays):
    """Return the arrays in C order and in one dtype.

    Raises:
        TypeError: If an array is on the host, or the dtype is not float32 or float64.
    """
    dtype = np.result_type(*[a.dtype for a in arrays])
    if dtype.name not in launch.REALS or any(a.__class__ is not cupy.ndarray for a in arrays):
        given = ", ".join(f"{type(a).__name__} of {a.dtype}" for a in arrays)
        raise TypeError(f"convolution on a GPU takes float32 or float64 arrays that are on it, got {given}")
    return [cupy.ascontiguousarray(a.astype(dtype, copy=False)) for a in arrays]
