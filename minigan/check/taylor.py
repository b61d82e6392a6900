"""Taylor's formula as a test: the remainder must vanish with the right power of h.

    R0(h) = |f(x + h v) - f(x)|                                  ~ h
    R1(h) = |f(x + h v) - f(x) - h <g, v>|                       ~ h^2  if g is the gradient
    R2(h) = |f(x + h v) - f(x) - h <g, v> - h^2/2 <v, H v>|      ~ h^3  if H v is right too

The power is the slope of log R over log h, at the smallest steps at which round-off does not matter. At larger steps a
gradient that is wrong by 1 % looks right, because the curvature hides the error.

Sources: P. Farrell, D. Ham, S. Funke and M. Rognes, Automated derivation of the adjoint of high-level transient finite
element programs, SIAM J. Sci. Comput. 35 (2013); the noise estimate is a short form of J. More and S. Wild, Estimating
computational noise, SIAM J. Sci. Comput. 33 (2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import array, on_line, random_like, sequence, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import ArrayLike, NDArray, TensorLike

__all__ = ["STEPS", "TaylorReport", "TaylorTestError", "taylor_test"]

STEPS: NDArray[Any] = 2.0 ** -np.arange(1, 27)
"""The default steps h."""

FINEST, FITTED = 8, 4  # the number of smallest usable steps, and of consecutive ones per fit: a factor of 8 in h
CLEAR = 100  # a remainder is usable where it is this many times the noise


@dataclass(frozen=True)
class TaylorReport:
    """Result of a Taylor test; `print` shows it as text.

    Attributes:
        steps: The steps h (n,).
        remainders: The magnitudes of R0, R1 and, with a Hessian, R2 at these steps, (orders, n).
        slopes: The observed power of h of each remainder; infinity if it is nowhere above round-off.
    """

    steps: NDArray[np.float64]
    remainders: NDArray[np.float64]
    slopes: tuple[float, ...]

    def __str__(self) -> str:
        return ", ".join(
            f"R{k} ~ h^{slope:.2f}" if np.isfinite(slope) else f"R{k} is at round-off"
            for k, slope in enumerate(self.slopes)
        )


class TaylorTestError(AssertionError):
    """Failure of `taylor_test`: a remainder vanishes too slowly.

    Attributes:
        report: The `TaylorReport` with the observed powers.
    """

    report: TaylorReport

    def __init__(self, message: str, report: TaylorReport) -> None:
        super().__init__(message)
        self.report = report


def taylor_test(
    f: Callable[..., Any],
    x: TensorLike | Sequence[Any],
    g: TensorLike | Sequence[Any],
    *,
    v: TensorLike | Sequence[Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    steps: ArrayLike = STEPS,
    tol: float = 0.2,
    rng: np.random.Generator | None = None,
) -> TaylorReport:
    """Check the gradient of a scalar function, and with `hvp` its Hessian, by the powers of h of Taylor remainders.

    Args:
        f: Returns one number, as a float, an array or a Tensor; it receives Tensors where x holds Tensors.
        x, g: The point and the gradient there, float64: one array or Tensor each, or sequences of them.
        v: The direction, shaped like x; by default a random unit vector.
        hvp: A function from v, in the form of x, to H v, such as `lambda v: mg.hvp(f, x, v)`.
        steps: The steps h, which are multiplied by max(1, root mean square of x).
        tol: The amount by which the power of R1 may be below 2, and the power of R2 below 3.
        rng: Draws the direction; by default `numpy.random.default_rng(0)`.

    Returns:
        A report with the observed powers. A remainder that is nowhere above round-off, such as R1 of a linear f, passes
        with the power infinity.

    Raises:
        TaylorTestError: If a power is too low, so the gradient or the Hessian is wrong, or f has a kink near x.
        TypeError: If x is not float64.
        ValueError: If shapes do not agree, or f returns more than one number.

    Example:
        taylor_test(lambda x: (x**3).sum(), x, 3 * x**2)
    """
    xs, gs = [array(a) for a in sequence(x)], [array(a) for a in sequence(g)]
    _check(xs, gs)
    if v is None:
        rng = np.random.default_rng(0) if rng is None else rng
        v = unit(*[random_like(a.shape, rng) for a in xs])
        v = v if isinstance(x, list | tuple) else v[0]
    value = _number(on_line(f, x, v))
    scaled = np.asarray(steps) * max(1.0, np.sqrt(np.mean(np.concatenate([a.ravel() for a in xs]) ** 2)))
    terms = [_dot(gs, v)] if hvp is None else [_dot(gs, v), _dot([array(a) for a in sequence(hvp(v))], v) / 2]
    remainders = _remainders(value, scaled, terms)
    noise = _noise(value)
    report = TaylorReport(scaled, np.abs(remainders), tuple(_slope(scaled, np.abs(r), noise) for r in remainders))
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
    """Return R0, R1, ... with their signs, one row each."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = [np.array([value(h) for h in steps]) - value(0.0)]
    for k, term in enumerate(terms, start=1):
        rows.append(rows[-1] - term * steps**k)
    return np.stack(rows)


def _noise(value):
    """Return the round-off in f: its second differences on a grid so fine that they contain nothing else."""
    samples = np.array([value(k * 2.0**-34) for k in range(-4, 5)])
    return max(np.max(np.abs(np.diff(samples, 2))), np.finfo(float).eps * np.max(np.abs(samples)))


def _slope(steps, remainder, noise):
    """Return the power of h in `remainder`: the steepest segment among the smallest steps where it exceeds the noise.

    One segment is not enough: below a step at which two terms of the remainder cancel, the slope can have any value.
    """
    clear = np.isfinite(remainder) & (remainder > CLEAR * noise)
    if clear.sum() < 3:
        return np.inf
    finest = np.flatnonzero(clear)[np.argsort(steps[clear])[:FINEST]]
    h, r = np.log(steps[finest]), np.log(remainder[finest])
    segments = [slice(i, i + FITTED) for i in range(max(1, len(h) - FITTED + 1))]
    return max(float(np.polyfit(h[s], r[s], 1)[0]) for s in segments)
