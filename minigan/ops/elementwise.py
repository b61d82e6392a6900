"""One number in, one number out, at every position.

Kernels stay analytic, so that a complex argument gives the complex step: comparisons look at `.real`, and nothing
conjugates or takes a modulus.
"""

import numpy as np

from ..backend import as_array, device_of, full_like, of
from ..op import mixed_devices, op
from ..tensor import Tensor, wrap


@op(x=lambda g: g, y=lambda g: g)
def add(x, y):
    """x + y."""
    return x + y


@op(x=lambda g: g, y=lambda g: -g)
def sub(x, y):
    """x - y."""
    return x - y


@op(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x, y):
    """x * y, element by element."""
    return x * y


@op(x=lambda g, y: g / y, y=lambda g, y, out: -(g * out) / y)
def div(x, y):
    """x / y."""
    return x / y


@op(x=lambda g: -g)
def neg(x):
    """-x."""
    return -x


def power(x, p):
    """x ** p.

    p: a number, or an array or Tensor (then d/dp is NaN where x < 0, as x ** p exists only for integers).
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


# At x = 0 the two formulas are 0 * infinity where the derivative is 0.
@op(
    x=lambda g, x, p: g * p * _power_of(where((real(x) == 0) & (real(p) == 0), 1.0, x), p - 1.0),
    p=lambda g, x, out: g * out * log(where(real(x) == 0, 1.0, x)),
)
def _power_of(x, p):
    return x**p


@op(x=lambda g, x: g * (x + x))
def square(x):
    """x * x."""
    return x * x


@op(x=lambda g, out: g * 0.5 / out)
def sqrt(x):
    """The square root; its derivative at 0 is infinite (see `norm` for a safe one)."""
    return np.sqrt(x)


@op(x=lambda g, out: g * out)
def exp(x):
    """e ** x."""
    return np.exp(x)


@op(x=lambda g, out: g * (out + 1.0))
def expm1(x):
    """e ** x - 1, accurate near 0."""
    return np.expm1(x)


@op(x=lambda g, x: g / x)
def log(x):
    """The natural logarithm."""
    return np.log(x)


@op(x=lambda g, x: g / (x + 1.0))
def log1p(x):
    """log(1 + x), accurate near 0."""
    return np.log1p(x)


@op(x=lambda g, x: g * cos(x))
def sin(x):
    """The sine of x in radians."""
    return np.sin(x)


@op(x=lambda g, x: -(g * sin(x)))
def cos(x):
    """The cosine of x in radians."""
    return np.cos(x)


@op(x=lambda g, out: g * (1.0 - out * out))
def tanh(x):
    """The hyperbolic tangent."""
    return np.tanh(x)


@op(x=lambda g, out: g * (out * (1.0 - out)))
def sigmoid(x):
    """1 / (1 + e^-x), without overflow and with full relative accuracy on both sides."""
    return of(x).sigmoid(x)


@op(x=lambda g, x: g * sigmoid(x))
def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return of(x).softplus(x)


def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x)."""
    return -softplus(-x)


def binary_cross_entropy_with_logits(logits, targets, reduction="mean"):
    """-[t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))] = softplus(x) - t x, averaged over all elements.

    logits x and targets t in [0, 1] have one shape: losses do not broadcast.  reduction: "mean", "sum" or "none".
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
    """|x|, with derivative 0 at 0."""
    return _scale(x, factor=np.sign(real(x)))


def relu(x):
    """max(x, 0), with derivative 0 at 0."""
    return _leaky_relu(x, slope=0.0)


def leaky_relu(x, slope=0.01):
    """x where x > 0, slope * x elsewhere; 0 <= slope <= 1."""
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: slope must lie in [0, 1], got {slope}")
    return _leaky_relu(x, slope=float(slope))


# The sign of the output is that of the input, and the output is what the next layer keeps anyway.
@op(x=lambda g, out, slope: _gate(g, mask=real(out) > 0, slope=slope))
def _leaky_relu(x, *, slope):
    return of(x).leaky_relu(x, slope)


@op(x=lambda g, mask, slope: _gate(g, mask=mask, slope=slope))
def _gate(x, *, mask, slope):
    return of(x).gate(x, mask, slope)


def maximum(x, y):
    """The larger of x and y; where they are equal each gets half of the gradient."""
    return _choose(x, y, pick=np.maximum, halves=_halves("maximum", real(x), real(y)))


def minimum(x, y):
    """The smaller of x and y; where they are equal each gets half of the gradient."""
    return _choose(x, y, pick=np.minimum, halves=_halves("minimum", real(y), real(x)))


@op(
    x=lambda g, halves: _scale(g, factor=np.multiply(halves, 0.5, dtype=g.dtype)),
    y=lambda g, halves: _scale(g, factor=np.multiply(2 - halves, 0.5, dtype=g.dtype)),
)
def _choose(x, y, *, pick, halves):
    return pick(x, y)


def _halves(name, larger, other):
    """How many halves of the gradient belong to `larger`: 2 where it is that, 1 where both are equal."""
    try:
        return np.add(larger > other, larger >= other, dtype=np.int8)
    except TypeError as error:
        raise TypeError(f"{name}: {mixed_devices({'one': larger, 'the other': other}) or error}") from error


def clip(x, low=None, high=None):
    """x held between low and high (numbers, or None for no bound); derivative 1 on the bounds themselves, 0 outside."""
    low, high = -np.inf if low is None else float(low), np.inf if high is None else float(high)
    if low > high:
        raise ValueError(f"clip: low={low} is above high={high}")
    inside = (real(x) >= low) & (real(x) <= high)
    return where(inside, x, np.clip(real(x), low, high))


def where(condition, x, y):
    """x where `condition`, y elsewhere, broadcast together."""
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
    """x with each element set to 0 with probability p, the others divided by 1 - p; x itself when not training.

    rng: a `minigan.random.Generator`.  Source: Srivastava et al. 2014 (inverted form).
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must lie in [0, 1), got {p}")
    if not training or p == 0:
        return x
    kept = rng.on(device_of(real(x))).uniform(x.shape, dtype=np.float32) >= p
    return _scale(x, factor=np.multiply(kept, 1 / (1 - p), dtype=x.dtype))


def astype(x, dtype):
    """x converted to `dtype`; its gradient is converted back.  An integer result is a constant."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return wrap(x.data.astype(dtype), None) if isinstance(x, Tensor) else x.astype(dtype)
    return x if x.dtype == dtype else _astype(x, dtype=dtype, source=x.dtype)


@op(x=lambda g, source: astype(g, source))
def _astype(x, *, dtype, source):
    return x.astype(dtype)


def real(x):
    """The values that comparisons look at: x without history and without a complex step's imaginary part."""
    return (x.data if isinstance(x, Tensor) else x).real
