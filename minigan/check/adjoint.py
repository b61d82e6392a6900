"""The dot-product test: a linear map and its adjoint agree on every inner product.

    <A x, y> = <x, At y>

It needs neither a derivative nor a step size, is exact to round-off, and finds a wrong stride, padding or transpose.
Source: J. Claerbout, Earth Soundings Analysis (1992), "the dot-product test".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import array, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import TensorLike

__all__ = ["AdjointError", "adjoint_test"]


class AdjointError(AssertionError):
    """Failure of `adjoint_test`: At is not the adjoint of A.

    Attributes:
        left, right: The inner products <A x, y> and <x, At y>; None if the shapes were wrong.
    """

    left: float | None
    right: float | None

    def __init__(self, message: str, left: float | None = None, right: float | None = None) -> None:
        super().__init__(message)
        self.left = left
        self.right = right


def adjoint_test(
    A: Callable[..., Any],
    At: Callable[..., Any],
    xs: TensorLike | Sequence[Any],
    ys: TensorLike | Sequence[Any],
    rtol: float = 1e-13,
) -> float:
    """Check that two linear maps are adjoint: |<A x, y> - <x, At y>| <= rtol * s, s = max(|A x| |y|, |x| |At y|).

    Args:
        A: A linear map from xs to results shaped like ys; several results are returned as a sequence.
        At: The map in the other direction.
        xs, ys: One array or Tensor each, or sequences of them, which are passed as separate arguments.
        rtol: The tolerance; the default suits float64, and float32 needs about 1e-5.

    Returns:
        The error |<A x, y> - <x, At y>| / s.

    Raises:
        AdjointError: If the maps are not adjoint (the message has both inner products), or the shapes are wrong.

    Example:
        adjoint_test(lambda x: ops.conv2d(x, w, stride=2), lambda y: ops.conv_transpose2d(y, w, stride=2), x, y)
    """
    x, y = [array(a) for a in sequence(xs)], [array(a) for a in sequence(ys)]
    ax = _apply("A", A, xs, "ys", y)
    aty = _apply("At", At, ys, "xs", x)
    left, right = _dot(ax, y), _dot(x, aty)
    scale = max(_norm(ax) * _norm(y), _norm(x) * _norm(aty))
    error = abs(left - right) / scale if scale else 0.0
    if not error <= rtol:
        raise AdjointError(
            f"At is not the adjoint of A: <A x, y> = {left:.16g} but <x, At y> = {right:.16g}; the difference is "
            f"{error:.1e} of the product of the norms, more than {rtol:g}",
            left,
            right,
        )
    return error


def _apply(name, linear, arguments, other, references):
    """Return linear(*arguments) as a list of arrays, after checking that their shapes are those of `references`."""
    results = [array(r) for r in sequence(linear(*sequence(arguments)))]
    shapes, expected = [r.shape for r in results], [r.shape for r in references]
    if shapes != expected:
        raise AdjointError(f"{name} gives shapes {shapes}, but {other} have {expected}: they must agree")
    return results


def _dot(a, b):
    return sum(np.dot(p.ravel(), q.ravel()).item() for p, q in zip(a, b, strict=True))


def _norm(a):
    return float(np.sqrt(sum(np.linalg.norm(p.ravel()) ** 2 for p in a)))
