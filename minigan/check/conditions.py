"""What must hold before numbers are worth comparing, and the check that gradcheck and gradgradcheck together miss."""

import numpy as np

from ..autodiff import grad
from ..op import recording
from .report import GradcheckError, place
from .subject import or_zero, subject


def check_function(subject, order):
    """f must leave its inputs alone, give the same bits twice, and be finite.  GradcheckError otherwise."""
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


def gradients(subject, cotangents, order):
    """The analytic gradient, as arrays, and which of its parts were reached.

    The backward must be reentrant and leave alone what it is given.  GradcheckError otherwise.
    """
    tensors = subject.tensors()
    outputs = subject.run(tensors)
    us = [u.tensor(u.value) for u in cotangents]
    first, second = (grad(outputs, tensors, us, retain_graph=True, allow_unused=True) for _ in range(2))
    _check_unchanged([*subject.variables, *cotangents], [*tensors, *us], f"the backward of order {order}")
    for v, a, b in zip(subject.variables, first, second, strict=True):
        if a is not None and not _same_bits(a.numpy(), b.numpy()):
            raise GradcheckError(
                f"the backward is not reentrant: at order {order} two sweeps over one graph disagree for {v.label}",
                cause="a vjp that draws random numbers, or overwrites what it was given",
            )
    return [g.numpy() for g in or_zero(first, tensors)], [g is not None for g in first]


def create_graph_check(f, inputs, *, order=1, rtol=1e-10, atol=1e-10, rng=None, names=None):
    """The gradient with create_graph=True must be the one with create_graph=False, at every order up to `order`.

    A gradient check compares the second, a second-order check differentiates the first: an operation that is wrong only
    while it is being recorded passes both.

    f, inputs, rng, names: as in `gradcheck`.  Two gradients agree where |a - b| <= rtol * max|a| + atol, the maximum
        taken over all inputs, since a gradient that should be 0 may be round-off of the others.
    Returns the largest |a - b| / (max|a| + atol / rtol).  Raises GradcheckError with input, index and both numbers.
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


def compare_recorded(subject, cotangents, order, rtol=1e-10, atol=1e-10):
    """The comparison of `create_graph_check`, at one order."""
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
