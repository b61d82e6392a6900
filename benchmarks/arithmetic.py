"""Count of the matrix products that a step needs at least, from the shapes of its layers.

A layer takes part in three products of equal size: F, its output; W, the gradient of its weight; D, the gradient of its
input. Convolutions are counted as im2col products, so a fast algorithm (Winograd, FFT) may go below this bound.

    critic step, on real and fake samples at once    F, W and D of the critic, except D of its first layer
    gradient penalty, at points in between           F and D; to differentiate D: F for its cotangent, and W
    R1 + R2, at the samples themselves               the same without the first F, which the loss has computed
    generator step                                   F, W and D of the generator, except D of its first layer; F and D
                                                     of the critic

The critics are piecewise linear, so the second derivative of the activations adds nothing.
"""

from dataclasses import dataclass

from .networks import Gemm
from .workloads import Chain


@dataclass(frozen=True)
class Product:
    """A matrix product of kind "F", the `Gemm` of a forward pass itself, or "W" or "D", one of its two gradients."""

    kind: str
    gemm: Gemm


def products(workload):
    """Return a list of all `Product`s of a step; empty for a `Chain`."""
    if isinstance(workload, Chain):
        return []
    steps = {"critic": _critic_step, "generator": _generator_step}
    return [product for player in workload.players for product in steps[player](workload)]


def flops(workload):
    """Return the floating-point operations of these products; a multiplication with its addition counts as two."""
    return sum(product.gemm.flops for product in products(workload))


def _critic_step(w):
    found = _of("F", w.generator, w.batch)
    for kind, skipped in (("F", 0), ("W", 0), ("D", 1)):
        found += _of(kind, w.critic, 2 * w.batch)[skipped:]
    if w.penalty == "gradient_penalty":
        found += _of("F", w.critic, w.batch) + _twice(w.critic, w.batch)
    if w.penalty == "r1_r2":
        found += _twice(w.critic, 2 * w.batch)
    return found


def _twice(critic, batch):
    """Return the products of the gradient of the input, and of its derivative with respect to the weights.

    The gradient of the logits is constant, so the last layer's cotangent is not needed.
    """
    return _of("D", critic, batch) + _of("F", critic, batch)[:-1] + _of("W", critic, batch)


def _generator_step(w):
    found = _of("F", w.critic, w.batch) if w.loss == "relativistic" else []
    for kind, skipped in (("F", 0), ("W", 0), ("D", 1)):
        found += _of(kind, w.generator, w.batch)[skipped:]
    return found + _of("F", w.critic, w.batch) + _of("D", w.critic, w.batch)


def _of(kind, network, batch):
    return [Product(kind, layer.gemm(batch)) for layer in network if hasattr(layer, "gemm")]
