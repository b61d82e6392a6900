"""Reductions over axes, and softmax.

`axis` is an int, a tuple of ints, or None for all axes; `keepdims` keeps the reduced axes with length 1, as in NumPy.
"""

from math import prod

import numpy as np

from ..backend import of
from ..op import broadcast_to, op
from .elementwise import exp, quotient, real, where
from .keywords import refuse, refuses_others
from .shape import reshape


@refuses_others
def sum(x, axis=None, keepdims=False, **others):
    """Return the sum over `axis`: an int, a tuple of ints, or None for all axes."""
    axes, kept, final = _shapes(x.shape, axis, keepdims, others)
    return _sum(x, axes=axes, kept=kept, final=final, source=x.shape)


@op(x=lambda g, kept, source: broadcast_to(reshape(g, kept), source))
def _sum(x, *, axes, kept, final, source):
    return x.sum(axes).reshape(final)


@refuses_others
def mean(x, axis=None, keepdims=False, **others):
    """Return the average over `axis`; NaN if there is no element."""
    axes, kept, final = _shapes(x.shape, axis, keepdims, others)
    factor = prod(final) / x.size if x.size else np.nan
    return _mean(x, axes=axes, kept=kept, final=final, source=x.shape, factor=factor)


@op(x=lambda g, kept, source, factor: broadcast_to(reshape(g * factor, kept), source))
def _mean(x, *, axes, kept, final, source, factor):
    return of(x).scaled_sum(x, axes, factor).reshape(final)


def square_mean(x, center=0.0):
    """Return the average of (x - center)^2 over all elements; NaN if there is none."""
    return square_sum(x, 1 / x.size if x.size else np.nan, center)


def square_sum(x, factor=1.0, center=0.0):
    """Return the sum of (x - center)^2 over all elements, times a number."""
    return _square_sum(x, factor=factor, center=center)


@op(x=lambda g, x, factor, center: _scaled(x, g, factor=2 * factor, center=center))
def _square_sum(x, *, factor, center):
    return of(x).scaled_square_sum(x, factor, center)


@op(
    x=lambda g, y, factor: _scaled(g, y, factor=factor, center=0.0),
    y=lambda g, x, factor, center: sum(g * (x - center)) * factor,
)
def _scaled(x, y, *, factor, center):
    return of(x).scaled(x, y, factor, center)


@refuses_others
def var(x, axis=None, keepdims=False, ddof=0, **others):
    """Return the variance over `axis` with divisor n - ddof (NumPy's default 0; PyTorch's default is 1)."""
    xc = x - mean(x, axis, True, **others)
    total = sum(xc * xc, axis, keepdims)
    n = x.size // total.size if total.size else 0
    return total * (1 / (n - ddof) if n > ddof else np.nan)


@refuses_others
def max(x, axis=None, keepdims=False, **others):
    """Return the largest element over `axis`; equal ones share the gradient equally."""
    return _extreme(x, axis, keepdims, np.max, others)


@refuses_others
def min(x, axis=None, keepdims=False, **others):
    """Return the smallest element over `axis`; equal ones share the gradient equally."""
    return _extreme(x, axis, keepdims, np.min, others)


def _extreme(x, axis, keepdims, pick, others):
    axes, kept, final = _shapes(x.shape, axis, keepdims, others)
    values = real(x)
    if 0 in [x.shape[a] for a in axes]:
        raise ValueError(f"{pick.__name__}: an array of shape {x.shape} has no element to pick over axis {axis}")
    ties = values == pick(values, axis=axes, keepdims=True)
    return _pick(x, pick=pick, ties=ties, axes=axes, kept=kept, final=final)


@op(x=lambda g, ties, axes, kept: reshape(g, kept) * np.divide(ties, ties.sum(axes, keepdims=True), dtype=g.dtype))
def _pick(x, *, pick, ties, axes, kept, final):
    if x.dtype.kind != "c":
        return pick(x, axis=axes, keepdims=True).reshape(final)
    return (np.where(ties, x, 0).sum(axes) / ties.sum(axes)).reshape(final)


@refuses_others
def logsumexp(x, axis=None, keepdims=False, **others):
    """Return log(sum(exp(x))) over `axis`, computed after subtracting the maximum so that nothing overflows."""
    axes, _, final = _shapes(x.shape, axis, keepdims, others)
    return reshape(_logsumexp(x, axes=axes), final)


@op(x=lambda g, x, out: g * exp(x - where(np.isfinite(real(out)), out, 0.0)))
def _logsumexp(x, *, axes):
    top = _largest(x.real, axes)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # the sum of no element, or of e ** -inf only, is 0
        return np.log(np.exp(x - top).sum(axes, keepdims=True)) + top


@refuses_others
def softmax(x, axis=-1, **others):
    """Return exp(x) / sum(exp(x)) along `axis`."""
    if others:
        refuse(others)
    return _softmax(x, axis=axis)


@op(x=lambda g, out, axis: out * (g - sum(g * out, axis, keepdims=True)))
def _softmax(x, *, axis):
    e = np.exp(x - _largest(x.real, axis))
    e /= e.sum(axis, keepdims=True)
    return e


@refuses_others
def log_softmax(x, axis=-1, **others):
    """Return log(softmax(x)) along `axis`, accurate where softmax underflows."""
    return x - logsumexp(x, axis, True, **others)


@refuses_others
def norm(x, axis=None, keepdims=False, **others):
    """Return the Euclidean norm over `axis`; its gradient at x = 0 is the subgradient 0 (x / |x| would be NaN)."""
    axes, kept, final = _shapes(x.shape, axis, keepdims, others)
    return _norm(x, axes=axes, kept=kept, final=final)


@op(x=lambda g, x, out, kept: x * reshape(quotient(g, out), kept))
def _norm(x, *, axes, kept, final):
    return of(x).euclidean_norm(x, axes).reshape(final)


def _largest(x, axis):
    """Return the maximum over `axis`, which is kept with length 1; -inf if there is no element."""
    return x.max(axis, keepdims=True) if x.size else np.full_like(x.sum(axis, keepdims=True), -np.inf)


def _shapes(source, axis, keepdims, others):
    """Return the reduced axes as a tuple, the shape in which they have length 1, and the final shape."""
    if others:
        refuse(others)
    ndim = len(source)
    axes = tuple(range(ndim)) if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    count = ndim or 1  # as in NumPy and PyTorch, axis 0 of a single number exists
    if any(not -count <= a < count for a in axes) or len({a % count for a in axes}) < len(axes):
        raise ValueError(f"axis={axis} does not name distinct axes of an array of shape {source}")
    axes = tuple(a % ndim for a in axes) if ndim else ()
    kept = tuple([1 if i in axes else n for i, n in enumerate(source)])
    return axes, kept, kept if keepdims else tuple([n for i, n in enumerate(source) if i not in axes])
