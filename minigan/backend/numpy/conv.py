"""Convolution on NumPy: im2col and one GEMM, in chunks of the batch that stay in cache, or Winograd's algorithm.

With images (N, H, W, C) and kernels (kH, kW, C_in, C_out), a row of the column matrix holds one receptive field, so
`columns @ w.reshape(-1, C_out)` is the output itself, without any transpose. The three functions are the partial
derivatives of one trilinear form <y, conv(x, w)>.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import threads, winograd

if TYPE_CHECKING:
    from ...ops.conv import ConvGeometry
    from ...types import Array

CHUNK_BYTES = 4 << 20  # of the column matrix: about a second-level cache; 2 to 8 MiB are equally fast


@threads.one_thread
def conv2d(x: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the correlation y (N, OH, OW, C_out) of x (N, H, W, C_in) with w (kH, kW, C_in / groups, C_out)."""
    (oh, ow), n = geometry.output, len(x)
    dtype = np.result_type(x, w)
    if winograd.suits(geometry, dtype, n, *w.shape[2:]):
        return winograd.conv2d(x, w, geometry)
    y = np.empty((n, oh, ow, w.shape[3]), dtype)
    for x_group, w_group, y_group in _groups(geometry, x, w, y):
        matrix = w_group.reshape(-1, w_group.shape[3])
        work = partial(_correlate, x_group, matrix, y_group, geometry)
        threads.side_by_side(work, _chunks(n, geometry, w_group))
    return y


def _correlate(x, matrix, y, geometry, some):
    columns, target = im2col(x[some], geometry), y[some]
    if target.flags.c_contiguous:
        np.matmul(columns, matrix, out=target.reshape(len(columns), matrix.shape[1]))
    else:
        target[...] = (columns @ matrix).reshape(target.shape)


@threads.one_thread
def conv_transpose2d(y: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in x: x (N, H, W, C_in) from y (N, OH, OW, C_out) and the same w."""
    n, groups = len(y), geometry.groups
    dtype = np.result_type(y, w)
    if winograd.suits(geometry, dtype, n, *w.shape[2:]):
        return winograd.conv_transpose2d(y, w, geometry)
    x = np.empty((n, *geometry.input, w.shape[2] * groups), dtype)
    for x_group, w_group, y_group in _groups(geometry, x, w, y):
        taps = w_group.reshape(-1, *w_group.shape[2:])
        work = partial(_spread, y_group, taps, x_group, geometry)
        threads.side_by_side(work, _chunks(n, geometry, w_group))
    return x


def _spread(y, taps, x, geometry, some):
    if geometry.is_pointwise:
        rows = np.ascontiguousarray(y[some]).reshape(-1, taps.shape[2])
        x[some] = (rows @ taps[0].T).reshape(x[some].shape)
    else:
        rows = np.ascontiguousarray(y[some].transpose(1, 2, 0, 3)).reshape(-1, taps.shape[2])
        scatter_taps(_per_tap(rows, taps), geometry, x[some])


@threads.one_thread
def conv2d_weight(x: Array, y: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in w: (kH, kW, C_in / groups, C_out) from x (N, H, W, C_in) and y (N, OH, OW, C_out)."""
    dtype, n, groups = np.result_type(x, y), len(x), geometry.groups
    if winograd.suits(geometry, dtype, n, x.shape[3], y.shape[3]):
        return winograd.conv2d_weight(x, y, geometry)
    w = np.empty((*geometry.kernel, x.shape[3] // groups, y.shape[3]), dtype)
    for x_group, w_group, y_group in _groups(geometry, x, w, y):
        work = partial(_correlate_weight, x_group, y_group, geometry)
        chunks = _chunks(n, geometry, w_group)
        w_group[...] = np.reshape(sum(threads.side_by_side(work, chunks)), w_group.shape)
    return w


def _correlate_weight(x, y, geometry, some):
    rows = np.ascontiguousarray(y[some]).reshape(-1, y.shape[3])
    return im2col(x[some], geometry).T @ rows


def im2col(x: Array, geometry: ConvGeometry) -> Array:
    """Return every receptive field as a row: (N * OH * OW, kH * kW * C)."""
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    (oh, ow), n, c = geometry.output, len(x), x.shape[3]
    if geometry.is_pointwise:
        return np.ascontiguousarray(x).reshape(-1, c)
    padded = _padded(x, geometry)
    a, b, d, e = padded.strides
    if c == 1:  # the same matrix, filled by columns: a row of pixels is a longer run of memory than a row of taps
        taps = as_strided(padded, (kh, kw, n, oh, ow), (b * dh, d * dw, a, b * sh, d * sw), writeable=False)
        return taps.reshape(kh * kw, n * oh * ow).T
    fields = as_strided(padded, (n, oh, ow, kh, kw, c), (a, b * sh, d * sw, b * dh, d * dw, e), writeable=False)
    return fields.reshape(n * oh * ow, kh * kw * c)


def scatter_taps(columns: Array, geometry: ConvGeometry, x: Array) -> None:
    """Write into x (N, H, W, C) the adjoint of taking its receptive fields.

    columns: (kH * kW, OH * OW * N, C), one matrix for each tap of the kernel; its values are added to the pixels that
    the tap read.

    The sums are formed in one plane for each residue of the position modulo the stride: there the pixels that a tap
    reads are neighbours in memory. The batch is the third axis, so that whole rows of all images are added at once.
    """
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    (oh, ow), (h, w), ((top, _), (left, _)) = geometry.output, geometry.input, geometry.padding
    n, c = len(x), x.shape[3]
    columns = columns.reshape(kh, kw, oh, ow, n * c)
    high, wide = _ceil(top + h, sh, oh + (kh - 1) * dh // sh), _ceil(left + w, sw, ow + (kw - 1) * dw // sw)
    planes = np.zeros((sh, sw, high, wide, n * c), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            (down, a), (right, b) = divmod(i * dh, sh), divmod(j * dw, sw)
            planes[a, b, down : down + oh, right : right + ow] += columns[i, j]
    images = planes.reshape(sh, sw, high, wide, n, c).transpose(0, 1, 4, 2, 3, 5)
    for a in range(sh):
        for b in range(sw):
            # Row r of x is row top + r of the padded image, that is row (top + r) // sh of plane (top + r) % sh.
            first, left_most = (a - top) % sh, (b - left) % sw
            target = x[:, first::sh, left_most::sw]
            r, q = (top + first) // sh, (left + left_most) // sw
            target[...] = images[a, b, :, r : r + target.shape[1], q : q + target.shape[2]]


def _ceil(length, stride, least):
    return max(-(-length // stride), least)


def _per_tap(rows, taps):
    """Return (taps, M, C_in) from rows (M, C_out) and taps (taps, C_in, C_out); one product for a single channel."""
    if taps.shape[1] == 1:
        return taps[:, 0] @ rows.T
    return rows @ taps.swapaxes(1, 2)


def _padded(x, geometry):
    (h, w), ((top, bottom), (left, right)) = geometry.input, geometry.padding
    if not (top or bottom or left or right):
        return x
    padded = np.zeros((len(x), top + h + bottom, left + w + right, x.shape[3]), x.dtype)
    padded[:, top : top + h, left : left + w] = x
    return padded


def _groups(geometry, x, w, y):
    """Return views of x, w and y, one triple for each group of channels."""
    g = geometry.groups
    if g == 1:
        return [(x, w, y)]
    ci, co = x.shape[3] // g, w.shape[3] // g
    return [
        (x[..., k * ci : (k + 1) * ci], w[..., k * co : (k + 1) * co], y[..., k * co : (k + 1) * co]) for k in range(g)
    ]


def _chunks(n, geometry, w):
    """Return slices of the batch whose columns fit in CHUNK_BYTES."""
    columns = prod(geometry.output) * w[..., 0].size
    work = n * columns * (w.shape[3] + winograd.GATHER)
    return threads.slices(n, CHUNK_BYTES // max(columns * w.itemsize, 1), work)
