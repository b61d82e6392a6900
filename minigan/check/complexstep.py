"""The complex step: a numerical derivative without a difference of function values.

    f(x + i h v) = f(x) + i h f'(x) v - h^2 f''(x) v^2 / 2 - ...     so     Im f(x + i h v) / h = f'(x) v - O(h^2)

Nothing is subtracted, so nothing cancels, and h can be so small that h^2 vanishes: the result is exact to round-off.
It works for analytic code only: comparisons must use the real part, and no operation may conjugate or take a modulus.

Source: W. Squire and G. Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40
(1998).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import on_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import TensorLike

__all__ = ["complex_step"]


def complex_step(
    f: Callable[..., Any], x: TensorLike | Sequence[Any], v: TensorLike | Sequence[Any], h: float = 1e-30
) -> Any:
    """Compute the directional derivative of f at x along v, exact to round-off.

    Args:
        f: An analytic function. It receives complex128 arrays where x holds arrays, and Tensors that require a
            gradient where x holds Tensors, so it may itself call `mg.grad`.
        x, v: The point and the direction: one array or Tensor each, or sequences of them.
        h: The step: so small that 1 + h^2 rounds to 1, and so large that h v is not denormal.

    Returns:
        An array in the shape of f(x), or a list of them if f returns several outputs.

    Raises:
        TypeError: If an output of f is real: an operation has dropped the imaginary part, and with it the derivative.
        ValueError: If x and v differ in shape.

    Example:
        complex_step(lambda x: mg.grad(f(x), [x])[0], x, v)     # H v, the Hessian of f times v
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            outputs = on_line(f, x, v)(h * 1j)
        except np.exceptions.ComplexWarning as error:
            raise TypeError(
                "complex_step: f casts a complex array to real values, and drops the derivative with it"
            ) from error
    for j, y in enumerate(outputs):
        if y.dtype.kind != "c":
            raise TypeError(
                f"complex_step: output {j} of f is {y.dtype}, not complex: some operation is not analytic (abs, .real, "
                "a comparison as a number, a cast to float), or f does not depend on x"
            )
    found = [np.imag(y) / h for y in outputs]
    return found[0] if len(found) == 1 else found
