"""A step down a loss, refused before it changes a weight if it is not a number."""

import math

import numpy as np

from ..autodiff import grad


def gradients_of(terms, parameters):
    """The gradients in `parameters` of the sum of `terms`, {name: scalar Tensor}, as a tuple."""
    first, *others = terms.values()
    return grad(sum(others, first), parameters)


def descend(optimizer, terms, gradients):
    """One step of the optimizer by `gradients`, those of the sum of `terms`, {name: scalar Tensor}.

    Returns ({name: number}, the norm of all gradients together).  FloatingPointError if a term or a gradient is NaN or
    infinite; all weights are then as they were, so `gan.explain_nan` can run the step again and name the operation that
    did it.
    """
    report = {name: term.item() for name, term in terms.items()}
    norm = _norm([g.data.ravel() for g in gradients])
    if not math.isfinite(norm) or not all(map(math.isfinite, report.values())):
        said = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in report.items())
        raise FloatingPointError(
            f"the step is not finite: {said}, gradient norm {norm:g}, and "
            f"{_culprits(optimizer.parameters, gradients)}. "
            "No weight was changed; gan.explain_nan(game, real, z) names the operation that it began with"
        )
    optimizer.step(gradients)
    return report, norm


def _norm(vectors):
    """Of all together; NaN or infinite only if one of their numbers is, or its square overflows float64."""
    with np.errstate(all="ignore"):
        norm = math.sqrt(sum(x @ x for x in vectors))  # one number, and on a GPU one transfer
    if math.isfinite(norm) or vectors[0].dtype == np.float64:
        return norm
    return _norm([x.astype(np.float64) for x in vectors])


def _culprits(parameters, gradients):
    wrong = [p.name or f"a parameter {p.shape}" for p, g in zip(parameters, gradients, strict=True)
             if not np.isfinite(g.numpy()).all()]  # fmt: skip
    return f"the gradients of {', '.join(wrong)} are not" if wrong else "the gradients are finite"
