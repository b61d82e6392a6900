"""Kernels of minigan that are bound by the memory of a GPU, and the bytes that each reads and writes at least.

An array that is read again counts again if it is too large for a cache; divide by the bandwidth of a copy to see how
far a kernel is from it.
"""

from functools import partial
from math import prod

from minigan import backend, optim
from minigan.backend.cupy import conv
from minigan.ops.conv import conv_geometry
from minigan.random import Generator
from minigan.tensor import Parameter, Tensor

from .gpu_timing import timed

DEVICE = "cuda"
EPS = 1e-5  # of batch norm, added to the variance


def bandwidth(kernel, *shape):
    """Return {"GB/s": bytes per nanosecond, "us": time} of a kernel, one of the functions below, at a size.

    Each of them returns (a function of no arguments that runs the kernel, the bytes that it reads and writes).
    """
    call, size = kernel(*shape)
    milliseconds = timed(call)["ms"]
    return {"GB/s": 1e-6 * size / milliseconds, "us": 1e3 * milliseconds}


def copy(size):
    x = _normal(size)
    return x.copy, 2 * x.nbytes


def leaky_relu(size):
    x, kernels = _normal(size), backend.named(DEVICE)
    return lambda: kernels.leaky_relu(x, 0.2), 2 * x.nbytes


def adam(size):
    """Adam reads p, g, m and v, and writes p, m and v."""
    p, g = Parameter(_normal(size)), Tensor(_normal(size))
    optimizer = optim.Adam([p])
    return lambda: optimizer.step([g]), 7 * g.data.nbytes


def column_sums(rows, columns):
    x, kernels = _normal(rows, columns), backend.named(DEVICE)
    return lambda: kernels.sum_leading(x, 1), x.nbytes


def moments(rows, columns):
    """The mean is computed first, so that x is read twice."""
    x, kernels = _normal(rows, columns), backend.named(DEVICE)
    return lambda: kernels.moments(x, 0), 2 * x.nbytes


def normalize(rows, columns):
    (x, mean, variance, gamma, beta), kernels = _normalization(rows, columns), backend.named(DEVICE)
    return lambda: kernels.normalize(x, gamma, beta, mean, variance, EPS), 2 * x.nbytes


def normalize_gradients(rows, columns):
    """Sums are formed first, so that g and x are read twice."""
    (x, mean, variance, gamma, _), kernels = _normalization(rows, columns), backend.named(DEVICE)
    g = _normal(rows, columns)
    return lambda: kernels.normalize_gradients(g, x, gamma, mean, variance, EPS, 0), 5 * x.nbytes


def im2col(batch, side, channels):
    """Columns of a layer of DCGAN: kernels of 5 x 5 at a stride of 2."""
    images, columns, geometry = _columns(batch, side, channels)
    return partial(conv._columns, images, geometry), images.nbytes + columns.nbytes


def col2im(batch, side, channels):
    images, columns, geometry = _columns(batch, side, channels)
    call = partial(conv._launch, "col2im", columns, images, images, geometry, geometry.input)
    return call, images.nbytes + columns.nbytes


def _normal(*shape):
    return Generator(0, DEVICE).normal(shape)


def _normalization(rows, columns):
    return _normal(rows, columns), *_normal(2, 1, columns), *_normal(2, columns)


def _columns(batch, side, channels):
    geometry = conv_geometry((side, side), (5, 5), 2, "same", 1, 1)
    size = prod(geometry.kernel) * channels
    return _normal(batch, side, side, channels), _normal(batch * prod(geometry.output), size), geometry
