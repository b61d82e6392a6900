"""Conditions for a gradient check to be valid, and the comparison of gradients with and without `create_graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff import grad
from ..op import recording
from .comparison import GradcheckError, place
from .subject import or_zero, subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import NDArray, TensorLike
    from .subject import Subject, Variable

__all__ = ["check_function", "compare_recorded", "create_graph_check", "gradients"]


def check_function(subject: Subject, order: int) -> None:
    """Raise GradcheckError unless f does not change its inputs, gives the same bits twice and is finite."""
    what = "f" if order == 1 else f"the gradient of order {order - 1}"
    tensors = subject.tensors()
    first = [y.numpy().copy() for y in subject.run(tensors)]
    _check_unchanged(subject.variables, tensors, what)
    for j, (a, b) in enumerate(zip(first, subject.evaluate(), strict=True)):
        if not _same_bits(a, b):
            raise GradcheckError(
                f"{what} is not deterministic: output {j} {a.shape} changes from one call to the next",
                cause="a random number drawn inside f; draw it outside and pass it in",
            )
        if not np.isfinite(a).all():
            raise GradcheckError(f"{what} is not finite at this point: output {j} has {a[~np.isfinite(a)][0]}")


def gradients(subject: Subject, cotangents: Sequence[Variable], order: int) -> tuple[list[NDArray[Any]], list[bool]]:
    """Compute the analytic gradients, and whether the outputs depend on each variable.

    Raises:
        GradcheckError: If two sweeps over one graph disagree, or the backward changes an array that it was given.
    """
    tensors = subject.tensors()
    outputs = subject.run(tensors)
    us = [u.tensor(u.value) for u in cotangents]
    first, second = (grad(outputs, tensors, us, retain_graph=True, allow_unused=True) for _ in range(2))
    _check_unchanged([*subject.variables, *cotangents], [*tensors, *us], f"the backward of order {order}")
    for v, a, b in zip(subject.variables, first, second, strict=True):
        if a is not None and b is not None and not _same_bits(a.numpy(), b.numpy()):
            raise GradcheckError(
                f"the backward is not reentrant: at order {order} two sweeps over one graph disagree for {v.label}",
                cause="a vjp that draws random numbers, or overwrites what it was given",
            )
    return [g.numpy() for g in or_zero(first, tensors)], [g is not None for g in first]


def create_graph_check(
    f: Callable[..., Any],
    inputs: TensorLike | Sequence[Any],
    *,
    order: int = 1,
    rtol: float = 1e-10,
    atol: float = 1e-10,
    rng: np.random.Generator | None = None,
    names: Sequence[str] | None = None,
) -> float:
    """Check that create_graph=True gives the same gradient as create_graph=False, at every order up to `order`.

    A first-order gradient check examines the gradient that is computed without create_graph, and a second-order check
    differentiates the one that is computed with it. So an operation whose gradient is wrong only with create_graph=True
    passes both.

    Args:
        f, inputs, rng, names: As in `gradcheck`.
        order: The highest order of derivative.
        rtol, atol: Two gradients a and b agree where |a - b| <= rtol * max|a| + atol. The maximum is taken over all
            inputs, since a gradient that should be 0 may be round-off of the others.

    Returns:
        The largest |a - b| / (max|a| + atol / rtol).

    Raises:
        GradcheckError: If two gradients differ; the message names the input, the index and both numbers.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    worst = 0.0
    examined = subject(f, inputs, names)
    try:
        with recording(True):
            for k in range(1, order + 1):
                cotangents = examined.cotangents(k, rng)
                worst = max(worst, compare_recorded(examined, cotangents, k, rtol, atol))
                examined = examined.gradient(cotangents)
    finally:
        examined.restore()
    return worst


def compare_recorded(
    subject: Subject, cotangents: Sequence[Variable], order: int, rtol: float = 1e-10, atol: float = 1e-10
) -> float:
    """Compare the gradients with and without `create_graph` at one order, as `create_graph_check` does."""
    recorded, plain = (_sweep(subject, cotangents, create_graph) for create_graph in (True, False))
    scale = max(np.abs(p).max(initial=0.0, where=np.isfinite(p)) for p in plain) + atol / rtol
    worst = 0.0
    for v, a, b in zip(subject.variables, recorded, plain, strict=True):
        with np.errstate(invalid="ignore"):
            error = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b)) / scale
        if not (error <= rtol).all():
            index = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
            raise GradcheckError(
                f"create_graph changes the gradient: order {order}, {v.label}, {place(index)}: {a[index]:.12g} with "
                f"create_graph=True, {b[index]:.12g} with False, relative error {error[index]:.1e} > {rtol:g}",
                cause="a vjp that does something else when it is given Tensors, or a fused kernel unlike its reference",
            )
        worst = max(worst, float(error.max(initial=0.0)))
    return worst


def _sweep(subject, cotangents, create_graph):
    tensors = subject.tensors()
    us = [u.tensor(u.value) for u in cotangents]
    found = grad(subject.run(tensors), tensors, us, create_graph=create_graph, allow_unused=True)
    return [g.numpy() for g in or_zero(found, tensors)]


def _check_unchanged(variables, tensors, what):
    for v, t in zip(variables, tensors, strict=True):
        if not _same_bits(v.value, t.numpy()):
            cause = "an in-place operation on its .data, or on g"
            raise GradcheckError(f"{what} changes {v.label} in place", cause=cause)


def _same_bits(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()
