"""Many numbers in, fewer out."""

import numpy as np

from ..op import broadcast_to, op
from .elementwise import exp, real, sqrt, where
from .shape import reshape


def sum(x, axis=None, keepdims=False):
    """The sum over `axis`: an int, a tuple, or None for all."""
    axes, kept, final = _shapes(x.shape, axis, keepdims)
    return _sum(x, axes=axes, kept=kept, final=final, source=x.shape)


@op(x=lambda g, kept, source: broadcast_to(reshape(g, kept), source))
def _sum(x, *, axes, kept, final, source):
    return x.sum(axes).reshape(final)


def mean(x, axis=None, keepdims=False):
    """The average over `axis`."""
    total = sum(x, axis, keepdims)
    return total * (total.size / x.size if x.size else np.nan)


def var(x, axis=None, keepdims=False, ddof=0):
    """The variance over `axis`, with divisor n - ddof (0 as in NumPy; PyTorch's default is 1)."""
    xc = x - mean(x, axis, keepdims=True)
    total = sum(xc * xc, axis, keepdims)
    n = x.size // total.size if total.size else 0
    return total * (1 / (n - ddof) if n > ddof else np.nan)


def max(x, axis=None, keepdims=False):
    """The largest element over `axis`; equal ones share the gradient equally."""
    return _extreme(x, axis, keepdims, np.max)


def min(x, axis=None, keepdims=False):
    """The smallest element over `axis`; equal ones share the gradient equally."""
    return _extreme(x, axis, keepdims, np.min)


def _extreme(x, axis, keepdims, pick):
    axes, kept, final = _shapes(x.shape, axis, keepdims)
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


def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, shifted by the maximum so that nothing overflows."""
    axes, _, final = _shapes(x.shape, axis, keepdims)
    return reshape(_logsumexp(x, axes=axes), final)


@op(x=lambda g, x, out: g * exp(x - where(np.isfinite(real(out)), out, 0.0)))
def _logsumexp(x, *, axes):
    top = _largest(x.real, axes)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # the sum of no element, or of e ** -inf only, is 0
        return np.log(np.exp(x - top).sum(axes, keepdims=True)) + top


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`."""
    return _softmax(x, axis=axis)


@op(x=lambda g, out, axis: out * (g - sum(g * out, axis, keepdims=True)))
def _softmax(x, *, axis):
    e = np.exp(x - _largest(x.real, axis))
    e /= e.sum(axis, keepdims=True)
    return e


def log_softmax(x, axis=-1):
    """log(softmax(x)), accurate where softmax underflows."""
    return x - logsumexp(x, axis, keepdims=True)


def norm(x, axis=None, keepdims=False):
    """The Euclidean norm over `axis`.  At x = 0 it takes the subgradient 0, where the quotient x / |x| would be NaN."""
    total = sum(x * x, axis, keepdims)
    zero = real(total) == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, total)))


def _largest(x, axis):
    """The maximum over `axis`, which is kept; -inf where there is no element."""
    return x.max(axis, keepdims=True) if x.size else np.full_like(x.sum(axis, keepdims=True), -np.inf)


def _shapes(source, axis, keepdims):
    """The reduced axes as a tuple, the shape with them kept at length 1, and the final shape."""
    ndim = len(source)
    axes = tuple(range(ndim)) if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if any(not -ndim <= a < ndim for a in axes) or len({a % ndim for a in axes}) < len(axes):
        raise ValueError(f"axis={axis} does not name distinct axes of an array of shape {source}")
    axes = tuple(a % ndim for a in axes)
    kept = tuple([1 if i in axes else n for i, n in enumerate(source)])
    return axes, kept, kept if keepdims else tuple([n for i, n in enumerate(source) if i not in axes])
