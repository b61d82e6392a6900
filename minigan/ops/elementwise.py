"""Elementwise operations.

Kernels are analytic functions, so that a complex argument gives the complex-step derivative: comparisons use `.real`,
and no kernel conjugates or takes a modulus.
"""

import numpy as np

from ..backend import as_array, device_of, full_like, of
from ..op import mixed_devices, op
from ..tensor import Tensor, wrap


@op(x=lambda g: g, y=lambda g: g)
def add(x, y):
    """Return x + y."""
    return x + y


@op(x=lambda g: g, y=lambda g: -g)
def sub(x, y):
    """Return x - y."""
    return x - y


@op(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x, y):
    """Return x * y, element by element."""
    return x * y


@op(x=lambda g, y: g / y, y=lambda g, y, out: -(g * out) / y)
def div(x, y):
    """Return x / y."""
    return x / y


@op(x=lambda g, y: quotient(g, y), y=lambda g, y, out: -quotient(g * out, y))
def quotient(x, y):
    """Return x / y, and 0 with derivative 0 where y is 0."""
    return of(y).quotient(x, y)


@op(x=lambda g: -g)
def neg(x):
    """Return -x."""
    return -x


def power(x, p):
    """Return x ** p.

    Args:
        x: The base.
        p: A number, or an array or Tensor; the derivative with respect to a Tensor p is NaN where x < 0, because there
            x ** p exists only for integers p.
    """
    if isinstance(p, int | float | np.number):
        return _power(x, p=p.item() if isinstance(p, np.number) else p)
    if isinstance(x, int | float | np.number):
        x = x.item() if isinstance(x, np.number) else x
        x = full_like(real(p), x, (), np.result_type(x, p.dtype))
    return _power_of(x, p)


@op(x=lambda g, x, p: g * (p * _power(x, p=p - 1)) if p else g * 0.0)
def _power(x, *, p):
    return x**p


# At x = 0 the plain formulas give 0 * infinity = NaN, although the derivative is 0.
@op(
    x=lambda g, x, p: g * p * _power_of(where((real(x) == 0) & (real(p) == 0), 1.0, x), p - 1.0),
    p=lambda g, x, out: g * out * log(where(real(x) == 0, 1.0, x)),
)
def _power_of(x, p):
    return x**p


@op(x=lambda g, x: g * (x + x))
def square(x):
    """Return x * x."""
    return x * x


@op(x=lambda g, out: g * 0.5 / out)
def sqrt(x):
    """Return the square root; its derivative at 0 is infinite (see `norm`, whose derivative at 0 is 0)."""
    return np.sqrt(x)


@op(x=lambda g, out: g * out)
def exp(x):
    """Return e ** x."""
    return np.exp(x)


@op(x=lambda g, out: g * (out + 1.0))
def expm1(x):
    """Return e ** x - 1, accurate near 0."""
    return np.expm1(x)


@op(x=lambda g, x: g / x)
def log(x):
    """Return the natural logarithm."""
    return np.log(x)


@op(x=lambda g, x: g / (x + 1.0))
def log1p(x):
    """Return log(1 + x), accurate near 0."""
    return np.log1p(x)


@op(x=lambda g, x: g * cos(x))
def sin(x):
    """Return the sine of x in radians."""
    return np.sin(x)


@op(x=lambda g, x: -(g * sin(x)))
def cos(x):
    """Return the cosine of x in radians."""
    return np.cos(x)


@op(x=lambda g, out: g * (1.0 - out * out))
def tanh(x):
    """Return the hyperbolic tangent."""
    return np.tanh(x)


@op(x=lambda g, out: g * (out * (1.0 - out)))
def sigmoid(x):
    """Return 1 / (1 + e^-x), without overflow and with full relative accuracy on both sides."""
    return of(x).sigmoid(x)


@op(x=lambda g, x: g * sigmoid(x))
def softplus(x):
    """Return log(1 + e^x), computed as max(x, 0) + log(1 + e^-|x|)."""
    return of(x).softplus(x)


def log_sigmoid(x):
    """Return log(sigmoid(x)), computed as -softplus(-x)."""
    return -softplus(-x)


def binary_cross_entropy_with_logits(logits, targets, reduction="mean"):
    """Return the binary cross-entropy -[t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))] = softplus(x) - t x.

    Args:
        logits: The logits x.
        targets: The targets t in [0, 1], of the same shape: losses do not broadcast.
        reduction: "mean" or "sum" over all elements, or "none".

    Raises:
        ValueError: If the shapes differ or the reduction is unknown.
    """
    if np.shape(logits) != np.shape(targets):
        raise ValueError(
            f"binary_cross_entropy_with_logits: logits have shape {np.shape(logits)}, targets {np.shape(targets)}; "
            "a loss does not broadcast, so reshape one of them"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    loss = softplus(logits) - logits * targets
    return loss if reduction == "none" else getattr(loss, reduction)()


def abs(x):
    """Return |x|, with derivative 0 at 0."""
    return _scale(x, factor=np.sign(real(x)))


def relu(x):
    """Return max(x, 0), with derivative 0 at 0."""
    return _leaky_relu(x, slope=0.0)


def leaky_relu(x, slope=0.01):
    """Return x where x > 0, and slope * x elsewhere.

    Args:
        x: The input.
        slope: A number in [0, 1]; the layer `nn.LeakyReLU` has another default, 0.2.

    Raises:
        ValueError: If the slope is outside of [0, 1].
    """
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: slope must lie in [0, 1], got {slope}")
    return _leaky_relu(x, slope=float(slope))


# The mask is computed from the output, which has the sign of the input and which the next layer keeps anyway.
@op(x=lambda g, out, slope: _gate(g, mask=_positive(real(out)), slope=slope))
def _leaky_relu(x, *, slope):
    return of(x).leaky_relu(x, slope)


@op(x=lambda g, mask, slope: _gate(g, mask=mask, slope=slope))
def _gate(x, *, mask, slope):
    return of(x).gate(x, mask, slope)


def _positive(x):
    return of(x).positive(x)


def maximum(x, y):
    """Return the larger of x and y; where they are equal, each gets half of the gradient."""
    return _choose(x, y, pick=np.maximum, halves=_halves("maximum", real(x), real(y)))


def minimum(x, y):
    """Return the smaller of x and y; where they are equal, each gets half of the gradient."""
    return _choose(x, y, pick=np.minimum, halves=_halves("minimum", real(y), real(x)))


@op(
    x=lambda g, halves: _scale(g, factor=np.multiply(halves, 0.5, dtype=g.dtype)),
    y=lambda g, halves: _scale(g, factor=np.multiply(2 - halves, 0.5, dtype=g.dtype)),
)
def _choose(x, y, *, pick, halves):
    return pick(x, y)


def _halves(name, larger, other):
    """Return the number of halves of the gradient that `larger` gets: 2 where it is larger, 1 where both are equal."""
    try:
        return np.add(larger > other, larger >= other, dtype=np.int8)
    except TypeError as error:
        raise TypeError(f"{name}: {mixed_devices({'one': larger, 'the other': other}) or error}") from error


def clip(x, low=None, high=None):
    """Return x limited to [low, high]; the derivative is 1 inside and on the bounds, and 0 outside.

    Args:
        x: The input.
        low: The lower bound, a number, or None for no bound.
        high: The upper bound, a number, or None for no bound.

    Raises:
        ValueError: If `low` is above `high`.
    """
    low, high = -np.inf if low is None else float(low), np.inf if high is None else float(high)
    if low > high:
        raise ValueError(f"clip: low={low} is above high={high}")
    inside = (real(x) >= low) & (real(x) <= high)
    return where(inside, x, np.clip(real(x), low, high))


def where(condition, x, y):
    """Return x where `condition` holds and y elsewhere, all three broadcast to one shape."""
    return _where(x, y, condition=condition.data if isinstance(condition, Tensor) else as_array(condition))


@op(
    x=lambda g, condition: _where(g, 0.0, condition=condition),
    y=lambda g, condition: _where(0.0, g, condition=condition),
)
def _where(x, y, *, condition):
    return np.where(condition, x, y)


@op(x=lambda g, factor: _scale(g, factor=factor))
def _scale(x, *, factor):
    return x * factor


def dropout(x, p, rng, training=True):
    """Set each element of x to 0 with probability p and divide the others by 1 - p.

    Source: Srivastava et al. 2014 (inverted form).

    Args:
        x: The input.
        p: A probability in [0, 1).
        rng: A `minigan.random.Generator`.
        training: If False, return x itself.

    Raises:
        ValueError: If p is outside of [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must lie in [0, 1), got {p}")
    if not training or p == 0:
        return x
    kept = rng.on(device_of(real(x))).uniform(x.shape, dtype=np.float32) >= p
    return _scale(x, factor=np.multiply(kept, 1 / (1 - p), dtype=x.dtype))


def astype(x, dtype):
    """Return x converted to `dtype`; the gradient is converted back. An integer result is a constant."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return wrap(x.data.astype(dtype), None) if isinstance(x, Tensor) else x.astype(dtype)
    return x if x.dtype == dtype else _astype(x, dtype=dtype, source=x.dtype)


@op(x=lambda g, source: astype(g, source))
def _astype(x, *, dtype, source):
    return x.astype(dtype)


def real(x):
    """Return the values of x for comparisons: without history and without the imaginary part of a complex step."""
    return (x.data if isinstance(x, Tensor) else x).real  # pyright: ignore[reportAttributeAccessIssue]
