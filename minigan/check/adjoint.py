"""The dot-product test: a linear map and its adjoint agree on every inner product.

    <A x, y> = <x, At y>

It needs no derivative and no step, holds to the last bits, and catches a wrong stride, padding or transposition.
Source: J. Claerbout, Earth Soundings Analysis (1992), "the dot-product test".
"""

import numpy as np

from .arguments import array, sequence


class AdjointError(AssertionError):
    """At is not the adjoint of A.  left, right: <A x, y> and <x, At y>, None where the shapes were wrong."""

    def __init__(self, message, left=None, right=None):
        super().__init__(message)
        self.left = left
        self.right = right


def adjoint_test(A, At, xs, ys, rtol=1e-13):
    """Check |<A x, y> - <x, At y>| <= rtol * s, s = max(|A x| |y|, |x| |At y|); return the error over s.

    A: a linear map from xs to something shaped like ys; At: the reverse.
    xs, ys: one array or Tensor each, or sequences of them, which are passed as separate arguments; several results come
        back as a sequence.
    rtol suits float64; float32 needs about 1e-5.

    Raises AdjointError with both inner products, or with the shapes if they are wrong.
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
    """linear(*arguments) as a list of arrays, once sure that their shapes are those of `references`."""
    results = [array(r) for r in sequence(linear(*sequence(arguments)))]
    shapes, expected = [r.shape for r in results], [r.shape for r in references]
    if shapes != expected:
        raise AdjointError(f"{name} gives shapes {shapes}, but {other} have {expected}: they must agree")
    return results


def _dot(a, b):
    return sum(np.dot(p.ravel(), q.ravel()).item() for p, q in zip(a, b, strict=True))


def _norm(a):
    return float(np.sqrt(sum(np.linalg.norm(p.ravel()) ** 2 for p in a)))
