"""What the checks accept as an argument: one array or Tensor, or a sequence of them."""

import numpy as np

from ..tensor import Tensor, tensor


def sequence(values):
    """A list of the values; a single value gives a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def array(x):
    """x as a NumPy array, wherever it lives."""
    return np.asarray(x.numpy() if isinstance(x, Tensor) else x)


def like(x, values):
    """`values` as x is: a Tensor on x's device, with requires_grad, where x is a Tensor; else the array itself."""
    return tensor(values, requires_grad=True, device=x.device) if isinstance(x, Tensor) else values


def on_line(f, x, v):
    """The function t -> f(x + t v), its result as a list of arrays.  x and v: one array or Tensor each, or sequences.

    f receives Tensors where x holds Tensors, and arrays where it holds arrays.
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


def random_like(shape, rng):
    """Random signs and magnitudes between 0.5 and 1.5: no element is so small that it would hide an error in it."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def unit(*arrays):
    """The arrays divided by their common Euclidean norm (a zero vector stays zero)."""
    norm = np.sqrt(sum(np.sum(a * a) for a in arrays)) or 1.0
    return [a / norm for a in arrays]
