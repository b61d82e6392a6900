"""Winograd convolution on NumPy: 4 times fewer multiplications for 3 x 3 kernels, 6 times for 5 x 5.

Along a line, m outputs y of a kernel w of r taps on m + r - 1 pixels x are a product of polynomials, known from its
values at m + r - 1 points (Toom and Cook). As a trilinear form, with one row of A, B and G for each point p,

    sum_ij y_i x_(i+j) w_j = sum_p (A y)_p (B x)_p (G w)_p:

one product for each point instead of m * r products. In two dimensions the matrices act on rows and on columns, and
with channels every product is a GEMM. For each tile of TILE x TILE outputs, the three functions of `conv.py` are the
partial derivatives of this form:

    y = A^T [(B x) (G w)],    x = B^T [(A y) (G w)^T],    w = G^T [(B x)^T (A y)].

A convolution of stride s is one of stride 1 over the s x s phases of the image, taken as channels.
[Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, Fast algorithms for convolutional neural
networks, 2016]
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from . import threads

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ...ops.conv import ConvGeometry
    from ...types import Array

    Matrix: TypeAlias = list[list[Fraction]]

TILE = 4  # outputs on each side: for 3 x 3 kernels faster than 2 and 6 on images of 8, 14, 28 and 32 pixels
CHUNK_BYTES = 4 << 20  # of values at the points: 2 and 4 MiB are equally fast, 8 MiB take up to 1.5 times as long
# The finite points for a kernel of r taps (the last one is infinity): the most accurate found among small fractions.
POINTS = {2: "1/2 -1/2 5/4 -5/4", 3: "0 5/8 -5/8 3/2 -3/2", 4: "0 1/2 -1/2 1 -1 5/2", 5: "0 1 -1 2 -2 1/2 -1/2"}

# Measured times, in multiply-adds of a GEMM: to transform one value to the points or back, to gather one value for
# im2col, and to start Winograd's algorithm at all.
TRANSFORM, GATHER, CALL = 40, 16, 5e6


def suits(geometry: ConvGeometry, dtype: np.dtype[Any], n: int, c_in: int, c_out: int) -> bool:
    """Return whether Winograd's algorithm is faster than im2col, and accurate enough.

    It must be float32, with 2 to 5 taps on each side of a phase, and enough tiles and channels. float64 is left to
    im2col, because the error is 5e-7 to 8e-6 of the result's norm in float32, where that of a GEMM is 3e-7.
    """
    taps = _taps(geometry)
    if geometry.groups > 1 or geometry.dilation != (1, 1) or not set(taps) <= set(POINTS) or dtype != np.float32:
        return False
    points, tiles = prod(r + TILE - 1 for r in taps), n * prod(_tiles(geometry))
    phases = c_in * prod(geometry.stride)
    products = tiles * phases * c_out
    transforms = tiles * (phases + c_out) + phases * c_out
    direct = n * prod(geometry.output) * prod(geometry.kernel) * c_in * (c_out + GATHER)
    return points * (products + TRANSFORM * transforms) + CALL < direct


def conv2d(x: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the correlation y (N, OH, OW, C_out) of x (N, H, W, C_in) with w (kH, kW, C_in, C_out)."""
    maps = _maps(geometry, np.result_type(x, w))
    kernels = maps.kernels(maps.fold(w))
    y = np.empty((len(x), *geometry.output, w.shape[3]), maps.dtype)

    def correlate(some):
        maps.outputs_transposed(maps.images(x[some]) @ kernels, y[some])

    threads.side_by_side(correlate, maps.chunks(len(x), *kernels.shape[1:]))
    return y


def conv_transpose2d(y: Array, w: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in x: x (N, H, W, C_in) from y (N, OH, OW, C_out) and the same w."""
    maps = _maps(geometry, np.result_type(y, w))
    # The kernels are a copy, since a GEMM with a transposed factor took up to 1.7 times as long.
    kernels = maps.kernels(maps.fold(w).swapaxes(2, 3))
    x = np.empty((len(y), *geometry.input, w.shape[2]), maps.dtype)

    def spread(some):
        maps.images_transposed(maps.outputs(y[some]) @ kernels, x[some])

    threads.side_by_side(spread, maps.chunks(len(y), *kernels.shape[1:]))
    return x


def conv2d_weight(x: Array, y: Array, geometry: ConvGeometry) -> Array:
    """Return the adjoint in w: (kH, kW, C_in, C_out) from x (N, H, W, C_in) and y (N, OH, OW, C_out)."""
    maps = _maps(geometry, np.result_type(x, y))
    channels = x.shape[3] * prod(geometry.stride), y.shape[3]

    def correlate(some: slice) -> Array:
        return maps.kernels_transposed(maps.images(x[some]).swapaxes(1, 2) @ maps.outputs(y[some]))

    return maps.unfold(sum(threads.side_by_side(correlate, maps.chunks(len(x), *channels))))


@lru_cache(maxsize=256)
def _maps(geometry, dtype):
    return _Maps(geometry, dtype)


class _Maps:
    """The matrices A, B and G of one geometry, which map arrays to values at points (points, rows, channels) and back.

    Inside, images have the layout (H, W, N, C), where a row of pixels of the whole batch is one long row of a GEMM.
    """

    def __init__(self, geometry, dtype):
        self.geometry, self.dtype = geometry, dtype
        self.taps = _taps(geometry)
        matrices = [[np.array(matrix, dtype) for matrix in toom_cook(TILE, r)] for r in self.taps]
        self.a, self.b, self.g = zip(*matrices, strict=True)
        self.tiles = _tiles(geometry)
        self.points = tuple(len(a) for a in self.a)
        self.count = prod(self.points)

    def chunks(self, n, c_in, c_out):
        """Return slices of the batch whose values at the points fit in CHUNK_BYTES or twice the size of the kernels."""
        per_tile, kernels = self.count * (c_in + c_out), self.count * c_in * c_out
        most = max(CHUNK_BYTES // self.dtype.itemsize, 2 * kernels) // max(prod(self.tiles) * per_tile, 1)
        return threads.slices(n, most, n * prod(self.tiles) * kernels)

    def images(self, x):
        n, c, phases = len(x), x.shape[3], self.geometry.stride
        height, width = (t * TILE + r - 1 for t, r in zip(self.tiles, self.taps, strict=True))
        image = np.empty((height, width, n, *phases, c), self.dtype)
        for plane, covered, pixels in self._phases(image, x):
            _set_with_zeros(plane, covered, pixels)
        image = image.reshape(height, width, n * prod(phases) * c)
        rows = _along(1, self.b[0], _windows(image, 0, self.points[0]))
        return self._to_points(self.b[1], _windows(rows, 2, self.points[1]), prod(phases) * c)

    def images_transposed(self, values, x):
        tiles = _overlap_add(2, self.b[1].T, self._from_points(values))
        image = _overlap_add(0, self.b[0].T, tiles)
        image = image.reshape(*image.shape[:2], len(x), *self.geometry.stride, x.shape[3])
        x[...] = 0
        for plane, covered, pixels in self._phases(image, x):
            pixels[...] = plane[covered]

    def outputs(self, y):
        (oh, ow), (th, tw), (n, *_, c) = self.geometry.output, self.tiles, y.shape
        image = np.empty((th * TILE, tw * TILE, n, c), self.dtype)
        _set_with_zeros(image, (slice(0, oh), slice(0, ow)), y.transpose(1, 2, 0, 3))
        rows = _along(1, self.a[0], image.reshape(th, TILE, tw, TILE, n * c))
        return self._to_points(self.a[1], rows, c)

    def outputs_transposed(self, values, y):
        (oh, ow), (th, tw), (n, *_, c) = self.geometry.output, self.tiles, y.shape
        image = _along(1, self.a[0].T, _along(3, self.a[1].T, self._from_points(values)))
        y[...] = image.reshape(th * TILE, tw * TILE, n, c)[:oh, :ow].transpose(2, 0, 1, 3)

    def kernels(self, w):
        taps = np.ascontiguousarray(w, self.dtype).reshape(*self.taps, -1)
        return _along(0, self.g[0], _along(1, self.g[1], taps)).reshape(self.count, *w.shape[2:])

    def kernels_transposed(self, values):
        taps = _along(1, self.g[1].T, _along(0, self.g[0].T, values.reshape(*self.points, -1)))
        return taps.reshape(*self.taps, *values.shape[1:])

    def fold(self, w):
        """Return the kernel by phases, (rH, rW, sH * sW * C_in, C_out): tap (a, b) is of phase (a % sH, b % sW)."""
        (kh, kw, ci, co), (sh, sw), (rh, rw) = w.shape, self.geometry.stride, self.taps
        if (sh, sw) == (1, 1):
            return w
        whole = np.zeros((rh * sh, rw * sw, ci, co), self.dtype)
        whole[:kh, :kw] = w
        return whole.reshape(rh, sh, rw, sw, ci, co).swapaxes(1, 2).reshape(rh, rw, sh * sw * ci, co)

    def unfold(self, w):
        (kh, kw), (sh, sw), (rh, rw, c, co) = self.geometry.kernel, self.geometry.stride, w.shape
        whole = w.reshape(rh, rw, sh, sw, c // (sh * sw), co).swapaxes(1, 2)
        return np.ascontiguousarray(whole.reshape(rh * sh, rw * sw, -1, co)[:kh, :kw])

    def _phases(self, image, x):
        """Yield for each phase its plane of the image (H, W, N, sH, sW, C), the index of the pixels, and those of x."""
        (sh, sw), ((top, _), (left, _)) = self.geometry.stride, self.geometry.padding
        for a in range(sh):
            for b in range(sw):
                first, left_most = (a - top) % sh, (b - left) % sw
                pixels = x[:, first::sh, left_most::sw].transpose(1, 2, 0, 3)
                r, q = (top + first) // sh, (left + left_most) // sw
                pixels = pixels[: image.shape[0] - r, : image.shape[1] - q]  # no window covers the remaining pixels
                yield image[:, :, :, a, b], (slice(r, r + len(pixels)), slice(q, q + pixels.shape[1])), pixels

    def _to_points(self, matrix, rows, channels):
        """Return (points, rows, channels): `matrix` applied to the columns of (tiles, points, tiles, pixels, N * C)."""
        values = np.empty((*self.points, *self.tiles, rows.shape[-1]), self.dtype)
        _along(3, matrix, rows, out=values.transpose(2, 0, 3, 1, 4))
        return values.reshape(self.count, values[0, 0].size // channels, channels)

    def _from_points(self, values):
        """Return a view (tiles, points, tiles, points, N * C)."""
        return values.reshape(*self.points, *self.tiles, values[0].size // prod(self.tiles)).transpose(2, 0, 3, 1, 4)


def _set_with_zeros(plane, index, values):
    """Set plane[index] = values, where `index` is a pair of slices, and everything around them to 0."""
    rows, columns = index
    plane[: rows.start], plane[rows.stop :] = 0, 0
    plane[rows, : columns.start], plane[rows, columns.stop :] = 0, 0
    plane[index] = values


def _along(axis, matrix, t, out=None):
    """Return the product of `matrix` with t along one axis, by GEMMs on views whose rows are the last axis of t."""
    if out is None:
        out = np.empty((*t.shape[:axis], len(matrix), *t.shape[axis + 1 :]), t.dtype)
    np.matmul(matrix, np.moveaxis(t, axis, -2), out=np.moveaxis(out, axis, -2))
    return out


def _windows(t, axis, size):
    """Return a writable view of the axis as (tiles, size): windows that begin at every multiple of TILE."""
    every = (slice(None),) * axis + (slice(None, None, TILE),)
    return np.moveaxis(sliding_window_view(t, size, axis, writeable=True)[every], -1, axis + 1)


def _overlap_add(axis, matrix, t):
    """Return the adjoint of `_windows`: the axes (tiles, size) become one, where overlapping ends of windows add up."""
    tiles, size = t.shape[axis : axis + 2]
    tail = size - TILE
    out = np.empty((*t.shape[:axis], tiles * TILE + tail, *t.shape[axis + 2 :]), t.dtype)
    before = (slice(None),) * axis
    out[(*before, slice(tiles * TILE, None))] = 0
    _along(axis + 1, matrix[:TILE], t, out=_windows(out[(*before, slice(tiles * TILE))], axis, TILE))
    ends = _windows(out[(*before, slice(TILE, None))], axis, tail)
    ends += _along(axis + 1, matrix[TILE:], t)
    return out


def toom_cook(m: int, r: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return A (n, m), B (n, n) and G (n, r) as lists of Fractions, n = m + r - 1.

    Row p of A and of G evaluates a polynomial at point p, and B holds the transposed inverse of the evaluation at all n
    points. The denominators are put into G, so that A and B are exact in binary.
    """
    points = [Fraction(point) for point in POINTS[r].split()]
    a = [[p**i for i in range(m)] for p in points] + [[Fraction(0)] * (m - 1) + [Fraction(1)]]
    b, g = [], []
    for i, p in enumerate(points):
        others = points[:i] + points[i + 1 :]
        b.append(_coefficients(others) + [Fraction(0)])
        g.append([p**j / prod(p - q for q in others) for j in range(r)])
    return a, [*b, _coefficients(points)], [*g, [Fraction(0)] * (r - 1) + [Fraction(1)]]


def _coefficients(roots):
    """Return the coefficients of prod (z - root), lowest power first."""
    c = [Fraction(1)]
    for root in roots:
        c = [low - root * high for low, high in zip([Fraction(0), *c], [*c, Fraction(0)], strict=True)]
    return c


def _taps(geometry):
    """Return the sides of the kernel over the phases."""
    return tuple(-(-k // s) for k, s in zip(geometry.kernel, geometry.stride, strict=True))


def _tiles(geometry):
    return tuple(-(-o // TILE) for o in geometry.output)
