"""Detection of kinks and jumps, where there is no derivative: five points on a line, and a parabola through them.

Over a small distance h a smooth function is a parabola up to h^3 f'''; where the derivative jumps by J, a parabola
misses the function by a fraction of h J.
Source: Chainer's `gradient_check.numerical_grad(detect_nondifferentiable=True)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import on_line
from .differences import EPS, STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import NDArray, TensorLike

__all__ = ["bends", "kinks"]

POINTS = np.array([0.0, -1.0, -0.5, 0.5, 1.0])
_PARABOLAS = np.stack([np.ones(5), POINTS, POINTS**2], 1)
_MISFIT = np.eye(5) - _PARABOLAS @ np.linalg.pinv(_PARABOLAS)  # maps five values to their residuals from a parabola


def kinks(
    f: Callable[..., Any],
    x: TensorLike | Sequence[Any],
    v: TensorLike | Sequence[Any],
    *,
    h: float = STEP,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> Any:
    """Find the outputs of f that have a kink or a jump between x - h v and x + h v.

    Args:
        f: A function that receives Tensors where x holds Tensors, and arrays where x holds arrays.
        x, v: The point and the direction: one array or Tensor each, or sequences of them.
        h: Half the length of the segment, in units of v.
        rtol, atol: An output has a kink where its five values miss the best parabola by more than rtol times their
            range, plus atol times h (a jump of the derivative too small to matter), plus round-off.

    Returns:
        Booleans in the shape of f(x), or a list of such arrays if f returns several outputs. A smooth function with
        h^2 |f'''| above about 0.004 |f'| is taken for one with a kink; a smaller h tells them apart.

    Raises:
        ValueError: If x and v differ in shape.
    """
    found = bends(on_line(f, x, v), h, rtol, atol)
    return found[0] if len(found) == 1 else found


def bends(
    line: Callable[[float], Sequence[NDArray[Any]]], h: float, rtol: float = 1e-4, atol: float = 1e-6
) -> list[NDArray[Any]]:
    """Find kinks, as `kinks` does, in a function of one number that returns a list of arrays."""
    samples = [line(t * h) for t in POINTS]
    return [_misfits(np.stack(values), h, rtol, atol) for values in zip(*samples, strict=True)]


def _misfits(values, h, rtol, atol):
    left = np.abs(np.tensordot(_MISFIT, values, 1)).max(0)
    return left > rtol * np.ptp(values, axis=0) + atol * h + 32 * EPS * np.abs(values).max(0)
