"""Taylor's formula as a test: the remainder must vanish with the right power of h.

    R0(h) = |f(x + h v) - f(x)|                                  ~ h
    R1(h) = |f(x + h v) - f(x) - h <g, v>|                       ~ h^2  if g is the gradient
    R2(h) = |f(x + h v) - f(x) - h <g, v> - h^2/2 <v, H v>|      ~ h^3  if H v is right too

The powers are read off at the smallest steps that round-off still leaves alone.  At larger steps a gradient that is
wrong by 1 % looks right, because the curvature hides the error: the steepest slope of all would let it pass.

Sources: P. Farrell, D. Ham, S. Funke and M. Rognes, Automated derivation of the adjoint of high-level transient finite
element programs, SIAM J. Sci. Comput. 35 (2013); the noise estimate is a short form of J. More and S. Wild, Estimating
computational noise, SIAM J. Sci. Comput. 33 (2011).
"""

from dataclasses import dataclass

import numpy as np

from .arguments import array, on_line, random_like, sequence, unit

STEPS = 2.0 ** -np.arange(1, 27)
FINEST, FITTED = 8, 4  # the smallest clear steps, and how many of them make a slope: a factor of 8 in h
CLEAR = 100  # a remainder counts where it is this many times the noise


@dataclass(frozen=True)
class TaylorReport:
    """steps (n,); remainders (orders, n); slopes: the observed power of h for each order, inf if exact to round-off."""

    steps: np.ndarray
    remainders: np.ndarray
    slopes: tuple[float, ...]

    def __str__(self):
        return ", ".join(
            f"R{k} ~ h^{slope:.2f}" if np.isfinite(slope) else f"R{k} is at round-off"
            for k, slope in enumerate(self.slopes)
        )


class TaylorTestError(AssertionError):
    """A remainder vanishes too slowly.  report: the TaylorReport."""

    def __init__(self, message, report):
        super().__init__(message)
        self.report = report


def taylor_test(f, x, g, *, v=None, hvp=None, steps=STEPS, tol=0.2, rng=None):
    """Check the gradient g of a scalar f at x, and with `hvp` its Hessian, by the slopes of Taylor remainders.

    f: returns one number, as a float, an array or a Tensor; it gets Tensors where x holds Tensors.
    x, g: float64, one array or Tensor each, or sequences of them.
    v: the direction, shaped like x; default: a random unit one, from `rng` (default `default_rng(0)`).
    hvp: a function from v (as x is: one or a list) to H v, such as `lambda v: mg.hvp(f, x, v)`.
    steps: the h to look at, times max(1, root mean square of x).
    tol: the slope of R1 may be this much below 2, that of R2 this much below 3.

    A remainder that is nowhere clear of round-off, as of a linear f, passes; its slope is inf.
    Returns a TaylorReport.  Raises TaylorTestError with the slopes; TypeError if x is not float64.
    """
    xs, gs = [array(a) for a in sequence(x)], [array(a) for a in sequence(g)]
    _check(xs, gs)
    if v is None:
        rng = np.random.default_rng(0) if rng is None else rng
        v = unit(*[random_like(a.shape, rng) for a in xs])
        v = v if isinstance(x, list | tuple) else v[0]
    value = _number(on_line(f, x, v))
    steps = np.asarray(steps) * max(1.0, np.sqrt(np.mean(np.concatenate([a.ravel() for a in xs]) ** 2)))
    terms = [_dot(gs, v)] if hvp is None else [_dot(gs, v), _dot([array(a) for a in sequence(hvp(v))], v) / 2]
    remainders = _remainders(value, steps, terms)
    noise = _noise(value)
    report = TaylorReport(steps, np.abs(remainders), tuple(_slope(steps, np.abs(r), noise) for r in remainders))
    for k, slope in enumerate(report.slopes[1:], start=1):
        if slope < k + 1 - tol:
            what = "the gradient is wrong" if k == 1 else "the Hessian is wrong"
            power = f"R{k} vanishes like h^{slope:.2f}, not h^{k + 1}"
            raise TaylorTestError(f"{what}, or f has a kink near x: {power} ({report})", report)
    return report


def _check(xs, gs):
    for k, (a, g) in enumerate(zip(xs, gs, strict=True)):
        if a.dtype != np.float64:
            raise TypeError(f"taylor_test needs float64, but x[{k}] is {a.dtype}: use .astype('float64')")
        if a.shape != g.shape:
            raise ValueError(f"g[{k}] has shape {g.shape}, x[{k}] has {a.shape}: they must agree")


def _number(line):
    def value(t):
        (y,) = line(t)
        if y.size != 1:
            raise ValueError(f"taylor_test needs a scalar f, it returned shape {y.shape}")
        return y.item()

    return value


def _dot(gs, v):
    return sum(float(np.sum(g * array(d))) for g, d in zip(gs, sequence(v), strict=True))


def _remainders(value, steps, terms):
    """R0, R1, ... with their signs, one row each."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = [np.array([value(h) for h in steps]) - value(0.0)]
    for k, term in enumerate(terms, start=1):
        rows.append(rows[-1] - term * steps**k)
    return np.stack(rows)


def _noise(value):
    """The round-off in f, from second differences on so fine a grid that nothing else is left in them."""
    samples = np.array([value(k * 2.0**-34) for k in range(-4, 5)])
    return max(np.max(np.abs(np.diff(samples, 2))), np.finfo(float).eps * np.max(np.abs(samples)))


def _slope(steps, remainder, noise):
    """The power of h in `remainder`: the steepest segment among the smallest steps at which it is clear of the noise.

    One segment is not enough: where two terms of the remainder cancel, its slope is anything on the finer side.
    """
    clear = np.isfinite(remainder) & (remainder > CLEAR * noise)
    if clear.sum() < 3:
        return np.inf
    finest = np.flatnonzero(clear)[np.argsort(steps[clear])[:FINEST]]
    h, r = np.log(steps[finest]), np.log(remainder[finest])
    segments = [slice(i, i + FITTED) for i in range(max(1, len(h) - FITTED + 1))]
    return max(float(np.polyfit(h[s], r[s], 1)[0]) for s in segments)
