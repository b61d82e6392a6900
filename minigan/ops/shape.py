"""Operations that move elements without changing them: all are linear, and each is declared beside its adjoint."""

from operator import index as as_int

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..backend import as_array, full_like, of
from ..op import Op, apply_rule, op
from ..tensor import Tensor
from .keywords import refuse, refuses_others


def reshape(x, *shape):
    """Return the same elements in a new shape, given as a tuple or as numbers; one entry may be -1."""
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | np.integer) else shape
    return _reshape(x, shape=tuple(shape), source=x.shape)


@op(x=lambda g, source: _reshape(g, shape=source, source=g.shape))
def _reshape(x, *, shape, source):
    return x.reshape(shape)


def flatten(x):
    """Reshape (N, ...) to (N, product of the rest): the batch axis stays, as in PyTorch's `nn.Flatten`.

    The method `x.flatten()` is NumPy's: it returns all elements in one row, as `ops.ravel(x)` does.
    """
    return reshape(x, x.shape[0], int(np.prod(x.shape[1:])))


def ravel(x):
    """Return all elements in one row.

    This is also the method `x.flatten()`, as in NumPy, whereas the function `ops.flatten(x)` keeps the batch axis.
    """
    return reshape(x, -1)


def squeeze(x, axis=None):
    """Return x without its axes of length 1, or without the axes `axis`, which must have length 1."""
    return reshape(x, np.squeeze(np.broadcast_to(0, x.shape), axis).shape)


def expand_dims(x, axis):
    """Return x with a new axis of length 1 at the position or positions `axis`."""
    return reshape(x, np.expand_dims(np.broadcast_to(0, x.shape), axis).shape)


def transpose(x, *axes):
    """Return x with its axes in the order `axes` (a tuple or numbers); reversed if none are given."""
    axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int | np.integer) else axes
    axes = normalize_axis_tuple(axes, x.ndim) if axes else tuple(reversed(range(x.ndim)))
    return _transpose(x, axes=axes)


@op(x=lambda g, axes: _transpose(g, axes=tuple(np.argsort(axes).tolist())))
def _transpose(x, *, axes):
    return x.transpose(axes)


def swapaxes(x, a, b):
    """Return x with the axes a and b exchanged."""
    axes = list(range(x.ndim))
    a, b = normalize_axis_index(a, x.ndim), normalize_axis_index(b, x.ndim)
    axes[a], axes[b] = axes[b], axes[a]
    return _transpose(x, axes=tuple(axes))


def flip(x, axis):
    """Return x with the order along `axis` (an int or a tuple) reversed."""
    axes = normalize_axis_tuple(axis, x.ndim)
    return getitem(x, tuple(slice(None, None, -1) if a in axes else slice(None) for a in range(x.ndim)))


def getitem(x, key):
    """Return x[key] as in NumPy: key holds integers, slices, None, Ellipsis, integer or boolean arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(p.data if isinstance(p, Tensor) else p for p in parts)
    return _getitem(x, key=parts if isinstance(key, tuple) else parts[0], source=x.shape)


@op(x=lambda g, key, source: _scatter_add(g, key=key, source=source))
def _getitem(x, *, key, source):
    return x[key]


@op(x=lambda g, key, source: _getitem(g, key=key, source=source))
def _scatter_add(x, *, key, source):
    if not _repeats(key):
        return of(x).placed(x, key, source)
    out = full_like(x, 0, source)
    of(out).add_at(out, key, x)
    return out


def _repeats(key):
    """Return whether `key` may pick an element twice: only sequences and arrays of integers can."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [as_array(p) for p in parts if not (p is None or p is Ellipsis or isinstance(p, slice))]
    return any(a.ndim and a.dtype.kind in "iu" for a in arrays)


def pad(x, pad_width, value=0.0):
    """Return x surrounded by elements equal to `value`.

    Args:
        x: The input.
        pad_width: ((before, after), ...), the number of new elements on both sides of each axis, or an int for all.
        value: The value of the new elements.

    Raises:
        ValueError: If a width is negative.
    """
    widths = np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2))
    if (widths < 0).any():
        raise ValueError(f"pad: widths must be >= 0, got {widths.tolist()}")
    inside = tuple(slice(before, before + n) for (before, _), n in zip(widths.tolist(), x.shape, strict=True))
    shape = tuple(int(n + sum(w)) for w, n in zip(widths.tolist(), x.shape, strict=True))
    padded = _scatter_add(x, key=inside, source=shape)
    if not value:
        return padded
    frame = full_like(real_data(x), value, shape)
    frame[inside] = 0
    return padded + frame


@refuses_others
def concatenate(xs, axis=0, **others):
    """Return the arrays of the sequence `xs` joined along an existing `axis`."""
    if others:
        refuse(others)
    xs = list(xs)
    if not xs:
        raise ValueError("concatenate: needs at least one array")
    if not xs[0].ndim:
        raise ValueError("concatenate: an array of shape () has no axis to be joined along; use stack")
    return _concatenate(*xs, axis=normalize_axis_index(axis, xs[0].ndim))


@refuses_others
def stack(xs, axis=0, **others):
    """Return the arrays of the sequence `xs`, all of one shape, joined along a new `axis`."""
    xs = list(xs)
    if len({x.shape for x in xs}) > 1:
        raise ValueError(f"stack: all arrays need one shape, got {[x.shape for x in xs]}")
    return concatenate([expand_dims(x, axis) for x in xs], axis, **others)


class _Concatenate(Op):
    """Operation with any number of arguments: instead of one vjp per argument it uses the position of each one."""

    name = "concatenate"
    couples_samples = False
    out = None

    def __init__(self, kernel):
        self.kernel = kernel
        self.plans = {}
        self.arguments = []
        self.attributes = {"axis"}
        self.defaults = {}

    def explain(self, *arrays, axis):
        return f"the shapes {', '.join(str(a.shape) for a in arrays)} must agree along all axes except axis {axis}"

    def plan(self, active):
        return self

    def keep(self, values):
        return [value.shape for value in values[:-1]]

    def pull(self, node, g, path, create_graph):
        axis, start, pulled = node.attrs["axis"], 0, []
        for parent, shape in zip(node.parents, node.saved, strict=True):
            stop = start + shape[axis]
            if parent in path:
                pulled.append((parent, getitem(g, (slice(None),) * axis + (slice(start, stop),))))
            start = stop
        return pulled


def _join(*xs, axis):
    return of(xs[0]).concatenate(xs, axis)


_concatenate = apply_rule(_Concatenate(_join))


def upsample(x, scale=2):
    """Enlarge images (N, H, W, C) by an integer factor (nearest neighbour): every pixel becomes a block of equal ones.

    It is the adjoint of `block_sum`.
    """
    scale = as_int(scale)
    if np.ndim(real_data(x)) != 4 or scale < 1:
        raise ValueError(f"upsample: needs images (N, H, W, C) and a scale >= 1, got shape {x.shape} and scale {scale}")
    return _upsample(x, scale=scale)


def block_sum(x, scale=2):
    """Return sums over blocks of scale x scale pixels of images (N, H, W, C).

    Divided by scale ** 2 this is average pooling.
    """
    scale = as_int(scale)
    if np.ndim(real_data(x)) != 4 or scale < 1 or x.shape[1] % scale or x.shape[2] % scale:
        raise ValueError(f"block_sum: needs images (N, H, W, C) with sides divisible by {scale}, got shape {x.shape}")
    return _block_sum(x, scale=scale)


@op(x=lambda g, scale: _block_sum(g, scale=scale))
def _upsample(x, *, scale):
    return x.repeat(scale, axis=1).repeat(scale, axis=2)


@op(x=lambda g, scale: _upsample(g, scale=scale))
def _block_sum(x, *, scale):
    n, h, w, c = x.shape
    return x.reshape(n, h // scale, scale, w // scale, scale, c).sum((2, 4))


def real_data(x):
    """Return the array of a Tensor, and anything else unchanged."""
    return x.data if isinstance(x, Tensor) else x
