"""Arguments of the checks: one array or Tensor, or a sequence of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor import Tensor, tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import NDArray, Shape

__all__ = ["array", "like", "on_line", "random_like", "sequence", "unit"]


def sequence(values: Any) -> list[Any]:
    """Return a list of the values; a single value gives a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def array(x: Any) -> NDArray[Any]:
    """Return x as a NumPy array, copied from a GPU if necessary."""
    return np.asarray(x.numpy() if isinstance(x, Tensor) else x)


def like(x: Any, values: NDArray[Any]) -> Tensor | NDArray[Any]:
    """Return `values` in the form of x: a Tensor on x's device that requires a gradient, or the array itself."""
    return tensor(values, requires_grad=True, device=x.device) if isinstance(x, Tensor) else values


def on_line(f: Callable[..., Any], x: Any, v: Any) -> Callable[[complex], list[NDArray[Any]]]:
    """Return the function t -> f(x + t v), which gives the outputs of f as a list of arrays.

    Args:
        f: Receives Tensors where x holds Tensors, and arrays where x holds arrays.
        x, v: One array or Tensor each, or sequences of them.

    Raises:
        ValueError: If x and v differ in shape.
    """
    xs = sequence(x)
    points, directions = [array(a) for a in xs], [array(a) for a in sequence(v)]
    if [p.shape for p in points] != [d.shape for d in directions]:
        raise ValueError(
            f"v has shapes {[d.shape for d in directions]}, x has {[p.shape for p in points]}: "
            "a direction is shaped like x"
        )

    def evaluate(t):
        moved = [like(a, p + t * d) for a, p, d in zip(xs, points, directions, strict=True)]
        return [array(y) for y in sequence(f(*moved))]

    return evaluate


def random_like(shape: Shape, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw numbers of random sign and magnitudes from 0.5 to 1.5, so that none is small enough to hide an error."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def unit(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Divide the arrays by their common Euclidean norm; a zero vector stays zero."""
    norm = np.sqrt(sum(np.sum(a * a) for a in arrays)) or 1.0
    return [a / norm for a in arrays]
