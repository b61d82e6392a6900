"""One step of gradient descent on a sum of terms; a step that is not finite is refused before it changes a weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..autodiff import grad
from ..backend import of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..optim import Optimizer
    from ..types import Array, Parameter, Tensor

__all__ = ["descend", "gradients_of", "refusal"]


def gradients_of(
    terms: dict[str, Tensor], parameters: Sequence[Parameter]
) -> tuple[dict[str, Tensor], tuple[Tensor, ...], Array | float]:
    """Differentiate the sum of `terms`.

    Args:
        terms: Scalar Tensors by name.
        parameters: Parameters with respect to which the sum is differentiated.

    Returns:
        The terms, the gradients in the order of the parameters, and the sum of the squares of all gradients: the
        arguments of `descend`.
    """
    first, *others = terms.values()
    gradients = grad(sum(others, first), parameters)
    with np.errstate(all="ignore"):  # `descend` checks the sum for NaN and infinity
        arrays = [g.data for g in gradients]
        return terms, gradients, of(arrays[0]).square_sum(arrays)


def descend(
    optimizer: Optimizer, terms: dict[str, Tensor], gradients: Sequence[Tensor], square: Array | float
) -> tuple[dict[str, float], float]:
    """Make one step of the optimizer on the sum of `terms`.

    Args:
        optimizer: The optimizer of the parameters that were given to `gradients_of`.
        terms, gradients, square: The results of `gradients_of`.

    Returns:
        The terms as numbers, by name, and the norm of all gradients together.

    Raises:
        FloatingPointError: If a term or a gradient is NaN or infinite. No weight has changed then, so `gan.explain_nan`
            can run the step again and name the operation that caused it.
    """
    *numbers, square = of(square).numbers([term.data for term in terms.values()] + [square])
    report = dict(zip(terms, numbers, strict=True))
    if optimizer.pool is not None:
        report, gradients = optimizer.pool(report, gradients)
        square = math.nan
    norm = math.sqrt(square) if math.isfinite(square) else _norm(gradients)
    if not math.isfinite(norm) or not all(map(math.isfinite, report.values())):
        pairs = zip(optimizer.parameters, gradients, strict=True)
        raise refusal(report, norm, [p for p, g in pairs if not np.isfinite(g.numpy()).all()])
    optimizer.step(gradients)
    return report, norm


def refusal(report: dict[str, float], norm: float, wrong: Sequence[Parameter]) -> FloatingPointError:
    """Return the error for a step that is not finite.

    Args:
        report: The terms as numbers, by name.
        norm: The norm of all gradients together.
        wrong: The parameters whose gradients are not finite.
    """
    said = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in report.items())
    names = ", ".join(p.name or f"a parameter {p.shape}" for p in wrong)
    culprits = f"the gradients of {names} are not" if wrong else "the gradients are finite"
    return FloatingPointError(
        f"the step is not finite: {said}, gradient norm {norm:g}, and {culprits}. "
        "No weight was changed; gan.explain_nan(game, real, z) names the operation that caused it"
    )


def _norm(gradients):
    """Return the norm of all gradients in float64, where the square of a large float32 does not overflow."""
    wide = [g.data.astype(np.float64) for g in gradients]
    with np.errstate(all="ignore"):
        return math.sqrt(of(wide[0]).square_sum(wide))
