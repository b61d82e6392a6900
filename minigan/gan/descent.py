"""A step down a loss, refused before it changes a weight if it is not a number."""

import math

import numpy as np

from ..autodiff import grad
from ..backend import of


def slope_of(terms, parameters):
    """(terms, the gradients in `parameters` of their sum as a tuple, the sum of the squares of all gradients).

    terms: {name: scalar Tensor}.
    """
    first, *others = terms.values()
    gradients = grad(sum(others, first), parameters)
    with np.errstate(all="ignore"):  # whether it is a number is asked once, of this sum
        return terms, gradients, sum(of(g.data).square_sum(g.data) for g in gradients)


def descend(optimizer, terms, gradients, square):
    """One step of the optimizer down the sum of `terms`, given what `slope_of` gives.

    Returns ({name: number}, the norm of all gradients together).  FloatingPointError if a term or a gradient is NaN or
    infinite; all weights are then as they were, so `gan.explain_nan` can run the step again and name the operation that
    did it.
    """
    *numbers, square = of(square).numbers([term.data for term in terms.values()] + [square])
    report = dict(zip(terms, numbers, strict=True))
    if optimizer.pool is not None:
        report, gradients = optimizer.pool(report, gradients)
        square = math.nan
    norm = math.sqrt(square) if math.isfinite(square) else _norm(gradients)
    if not math.isfinite(norm) or not all(map(math.isfinite, report.values())):
        said = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in report.items())
        raise FloatingPointError(
            f"the step is not finite: {said}, gradient norm {norm:g}, and "
            f"{_culprits(optimizer.parameters, gradients)}. "
            "No weight was changed; gan.explain_nan(game, real, z) names the operation that it began with"
        )
    optimizer.step(gradients)
    return report, norm


def _norm(gradients):
    """Of all together; NaN or infinite only if one of their numbers is, or its square overflows float64."""
    wide = [g.data.astype(np.float64) for g in gradients]
    with np.errstate(all="ignore"):
        return math.sqrt(sum(of(g).square_sum(g) for g in wide))


def _culprits(parameters, gradients):
    wrong = [p.name or f"a parameter {p.shape}" for p, g in zip(parameters, gradients, strict=True)
             if not np.isfinite(g.numpy()).all()]  # fmt: skip
    return f"the gradients of {', '.join(wrong)} are not" if wrong else "the gradients are finite"
