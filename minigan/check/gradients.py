"""Every vjp against central differences, at any order."""

import numpy as np

from ..op import recording
from .arguments import random_like, unit
from .conditions import check_function, compare_recorded, gradients
from .differences import STEP, along, difference, elements
from .hints import likely_cause
from .report import Comparison, GradcheckError, GradcheckReport
from .subject import subject


def gradcheck(f, inputs, *, order=1, mode="full", eps=None, rtol=1e-6, atol=1e-9, rng=None, names=None):
    """Compare the derivatives of f, of every order from 1 to `order`, with central differences in float64.

    f: takes the inputs as Tensors, returns a Tensor or a sequence of them.
    inputs: an array or Tensor, or a sequence of them.  The float64 ones are differentiated; integers and other objects
        are passed on.  A Parameter is varied in place (and restored), so a model that holds it can be checked:
        `gradcheck(lambda x, *_: model(x), [x, *model.parameters()])`.
    mode: "full" checks every element; "fast" one random unit direction *per input*: over all inputs together, a missing
        bias gradient would drown among the weights.
    eps: the step, relative to max(1, |x|); default eps^(1/3) = 6e-6.
    rtol, atol: derivatives a (analytic) and n (numeric) agree where |a - n| / (max(|a|, |n|) + floor) <= rtol.
        The floor is (atol + what round-off may do to n) / rtol, and 0/0 is 0.
    rng: a `numpy.random.Generator` for cotangents and directions; default `default_rng(0)`, so a check is repeatable.
    names: one for each input, for messages; default: a Parameter's own, else those in f's signature.

    Order 1 compares grad <u, f(x)>, for a fixed random cotangent u.  Order k + 1 does the same with the function
    (x, u) -> the gradient of order k, made with create_graph=True.  At every order it also makes sure that the function
    is deterministic and leaves its inputs alone, that the backward is so too, and that `create_graph` does not change
    the gradient (see `create_graph_check`).  An undefined gradient counts as zero.

    Returns a GradcheckReport.  Raises GradcheckError, an AssertionError, which names the input, the element, both
    numbers and the likely cause; TypeError for inputs or outputs in another precision.

    Sources: W. Press et al., Numerical Recipes (2007), section 5.7, for the step; the checks of reentrancy and of
    undefined gradients follow `torch.autograd.gradcheck`.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    return _check(f, inputs, tuple(range(1, order + 1)), mode, eps, rtol, atol, rng, names)


def gradgradcheck(f, inputs, *, mode="full", eps=None, rtol=1e-6, atol=1e-9, rng=None, names=None):
    """The second-order part of `gradcheck(f, inputs, order=2)` alone: is the gradient's gradient right?"""
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
    """One order: a Comparison for each variable.  The parameters move, so the analytic part comes first."""
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


def relative_error(a, n, floor=0.0):
    """|a - n| / (max(|a|, |n|) + floor), with 0/0 = 0; infinite where a number is not finite."""
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.abs(a), np.abs(n)) + floor
        error = np.abs(a - n) / np.where(scale == 0, 1.0, scale)
    return np.where(np.isfinite(error) & np.isfinite(scale), error, np.inf)
