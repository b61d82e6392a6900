"""Gradient checks: every vjp is compared with central differences, at any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..op import recording
from .arguments import random_like, unit
from .comparison import Comparison, GradcheckError, GradcheckReport
from .conditions import check_function, compare_recorded, gradients
from .differences import STEP, along, difference, elements
from .hints import likely_cause
from .subject import subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import TensorLike

__all__ = ["gradcheck", "gradgradcheck", "relative_error"]


def gradcheck(
    f: Callable[..., Any],
    inputs: TensorLike | Sequence[Any],
    *,
    order: int = 1,
    mode: Literal["full", "fast"] = "full",
    eps: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    rng: np.random.Generator | None = None,
    names: Sequence[str] | None = None,
) -> GradcheckReport:
    """Compare the derivatives of f, of every order from 1 to `order`, with central differences in float64.

    Order 1 compares grad <u, f(x)>, for a fixed random cotangent u. Order k + 1 does the same with the function
    (x, u) -> the gradient of order k, computed with create_graph=True. At every order it also checks that the function
    and its backward are deterministic and change none of their inputs, and that `create_graph` does not change the
    gradient (see `create_graph_check`). An undefined gradient counts as zero.

    Sources: W. Press et al., Numerical Recipes (2007), section 5.7, for the step; the checks of reentrancy and of
    undefined gradients follow `torch.autograd.gradcheck`.

    Args:
        f: Takes the inputs as Tensors and returns a Tensor or a sequence of them.
        inputs: An array or Tensor, or a sequence of them. The float64 ones are differentiated; integers and other
            objects are passed on. A Parameter is varied in place, and restored, so a model that holds it can be
            checked.
        order: The highest order of derivative.
        mode: "full" checks every element, "fast" one random unit direction per input. (With one direction over all
            inputs together, a missing gradient of a bias would be too small to notice next to the weights.)
        eps: The step, relative to max(1, |x|); by default the cube root of the machine epsilon, 6e-6.
        rtol, atol: The analytic derivative a and the numeric derivative n agree where
            |a - n| / (max(|a|, |n|) + floor) <= rtol, with floor = (atol + bound on the round-off in n) / rtol and
            0/0 = 0.
        rng: Draws cotangents and directions; by default `numpy.random.default_rng(0)`, so a check is repeatable.
        names: A name for each input, for messages; by default the name of a Parameter, or the name in the signature of
            f.

    Returns:
        A report with the comparison that came closest to failing, for every order and variable; `print` shows it.

    Raises:
        GradcheckError: If a derivative is wrong, or f cannot be checked. The message names the input, the element, both
            numbers and the likely cause.
        TypeError: If an input or output is floating-point but not float64, or an output is not a Tensor.
        ValueError: If order or mode is invalid, or no input is float64.

    Example:
        gradcheck(ops.tanh, np.array([0.5, -2.0]), order=2)
        gradcheck(lambda x, *_: model(x), [x, *model.parameters()], mode="fast")
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    return _check(f, inputs, tuple(range(1, order + 1)), mode, eps, rtol, atol, rng, names)


def gradgradcheck(
    f: Callable[..., Any],
    inputs: TensorLike | Sequence[Any],
    *,
    mode: Literal["full", "fast"] = "full",
    eps: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    rng: np.random.Generator | None = None,
    names: Sequence[str] | None = None,
) -> GradcheckReport:
    """Compare the second derivatives of f with central differences: the second-order part of `gradcheck` alone.

    Args:
        f, inputs, mode, eps, rtol, atol, rng, names: As in `gradcheck`, with the same report and errors.
    """
    return _check(f, inputs, (2,), mode, eps, rtol, atol, rng, names)


def _check(f, inputs, orders, mode, eps, rtol, atol, rng, names):
    if mode not in ("full", "fast"):
        raise ValueError(f"mode must be 'full' or 'fast', got {mode!r}")
    rng = np.random.default_rng(0) if rng is None else rng
    eps = STEP if eps is None else eps
    examined = subject(f, inputs, names)
    comparisons = []
    try:
        with recording(True):
            for order in range(1, max(orders) + 1):
                check_function(examined, order)
                cotangents = examined.cotangents(order, rng)
                if order in orders:
                    comparisons += _compare(examined, cotangents, order, mode, eps, rtol, atol, rng)
                examined = examined.gradient(cotangents)
    finally:
        examined.restore()
    return GradcheckReport(tuple(comparisons), orders, mode, rtol)


def _compare(subject, cotangents, order, mode, eps, rtol, atol, rng):
    """Return a Comparison for each variable at one order.

    The analytic gradients come first, because the differences then vary Parameters in place.
    """
    analytic, reached = gradients(subject, cotangents, order)
    compare_recorded(subject, cotangents, order)
    found = []
    for k, (v, g) in enumerate(zip(subject.variables, analytic, strict=True)):
        if mode == "full":
            probes = elements(v.value, eps)
        else:
            (direction,) = unit(random_like(v.value.shape, rng))
            g = np.asarray(np.sum(g * direction))
            probes = along(v.value, direction, eps)
        found.append(_compare_one(subject, k, g, probes, cotangents, order, rtol, atol, reached[k]))
    return found


def _compare_one(subject, k, analytic, probes, cotangents, order, rtol, atol, reached):
    v = subject.variables[k]
    if not probes:
        return Comparison(order, v.input, v.name, v.label, None, 0.0, 0.0, 0.0, rtol, reached)
    numbers = [difference(subject, k, probe, cotangents) for probe in probes]
    numeric, noise = np.array(numbers).T.reshape(2, *analytic.shape)
    error = relative_error(analytic, numeric, (atol + noise) / rtol)
    at = int(np.argmax(error))
    index = probes[at].index
    a, n, e = (float(array.flat[at]) for array in (analytic, numeric, error))
    worst = Comparison(order, v.input, v.name, v.label, index, a, n, e, rtol, reached)
    wrong = error > rtol
    if wrong.any():
        cause = likely_cause(subject, k, probes[at], cotangents, worst, analytic, numeric, wrong)
        count = f" ({wrong.sum()} of {wrong.size} elements disagree)" if index is not None else ""
        raise GradcheckError(f"gradcheck: {worst} > {rtol:g}{count}", worst, cause)
    return worst


def relative_error(a: Any, n: Any, floor: Any = 0.0) -> Any:
    """Return |a - n| / (max(|a|, |n|) + floor) by element, with 0/0 = 0; infinity where a number is not finite."""
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.abs(a), np.abs(n)) + floor
        error = np.abs(a - n) / np.where(scale == 0, 1.0, scale)
    return np.where(np.isfinite(error) & np.isfinite(scale), error, np.inf)
