"""Penalties on the critic's gradient with respect to its input, by double backpropagation, and weight clipping.

The gradient is taken per sample: D acts on each sample alone, so the gradient of sum_i D(x_i) with respect to x_i is
the gradient of D(x_i). A layer that couples the samples of a batch (batch norm in training) breaks this, and the error
names it. Norms run over all axes except the first.

A critic here is a function from samples (N, ...) to logits (N, 1) or (N,), such as a module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import backend, nn, ops
from ..autodiff import ancestors, grad
from ..op import recording
from ..ops.reduce import square_mean, square_sum
from ..tensor import Tensor, leaf_owning
from .evaluation import OneBatch
from .inputs import constant, refuse_integers

if TYPE_CHECKING:
    from ..types import Array, Generator, TensorFunction

__all__ = [
    "clip_weights",
    "dragan",
    "drift",
    "gradient_penalty",
    "input_gradient",
    "r1",
    "r1_r2",
    "r2",
    "zero_centered",
]


# Usual names of the penalties, with their names here.
_ELSEWHERE = {
    "wgan_gp": "use penalties.gradient_penalty",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)


def gradient_penalty(
    critic: TensorFunction, real: Tensor | Array, fake: Tensor | Array, rng: Generator, target: float = 1.0
) -> Tensor:
    """Gradient penalty of WGAN-GP: E (||grad_x D(x^)||_2 - target)^2 at points x^ between real and generated samples.

    x^ = e x + (1 - e) G(z) with e ~ U(0, 1), one number per sample.
    Source: Gulrajani et al. 2017, equation 3 (without its factor lambda = 10).

    Args:
        critic: The critic D.
        real, fake: Real and generated samples (N, ...) of one shape, floating-point.
        rng: Draws e.
        target: The gradient norm that is not penalised.

    Returns:
        A scalar, differentiable with respect to the critic's weights.

    Raises:
        TypeError: If the samples are integers.
        ValueError: If real and fake differ in shape, a layer of the critic couples the samples of a batch, or the
            output of the critic does not depend on its input.
    """
    norms = _norms(critic, _between(real, fake, rng))
    return square_mean(norms, target)


def zero_centered(critic: TensorFunction, real: Tensor | Array, fake: Tensor | Array, rng: Generator) -> Tensor:
    """Zero-centred gradient penalty E ||grad_x D(x^)||^2 at the same points as `gradient_penalty`.

    Source: Thanh-Tung et al. 2019, equation 7.

    Args:
        critic, real, fake, rng: As in `gradient_penalty`, with the same errors.

    Returns:
        A scalar, differentiable with respect to the critic's weights.
    """
    return _mean_squared_norm(critic, _between(real, fake, rng))


def r1(critic: TensorFunction, real: Tensor | Array) -> Tensor:
    """Gradient penalty on real data, R1: 1/2 E ||grad_x D(x)||^2.

    Source: Mescheder et al. 2018, equation 9, without its factor gamma.

    Args:
        critic: The critic D.
        real: Real samples (N, ...), floating-point.

    Returns:
        A scalar, differentiable with respect to the critic's weights.

    Raises:
        TypeError: If the samples are integers.
        ValueError: If a layer of the critic couples the samples of a batch, or its output does not depend on its input.
    """
    return 0.5 * _mean_squared_norm(critic, _leaf(real, "real"))


def r2(critic: TensorFunction, fake: Tensor | Array) -> Tensor:
    """Gradient penalty on generated data, R2: 1/2 E ||grad_x D(G(z))||^2, with the generator held fixed.

    Source: Mescheder et al. 2018, equation 10, without its factor gamma.

    Args:
        critic: The critic D.
        fake: Generated samples (N, ...); their history is ignored.

    Returns:
        A scalar, differentiable with respect to the critic's weights; errors as in `r1`.
    """
    return 0.5 * _mean_squared_norm(critic, _leaf(fake, "fake"))


def r1_r2(critic: TensorFunction, real: Tensor | Array, fake: Tensor | Array) -> Tensor:
    """Sum of both penalties, r1(critic, real) + r2(critic, fake); in a `Game` it is cheaper than two separate calls.

    Source: Huang et al. 2024, equation 3.
    """
    if isinstance(critic, OneBatch) and critic.holds(real, fake) and len(real) == len(fake):
        return _mean_squared_norm(critic, critic.samples)  # the mean over 2 N samples contains the factor 1/2
    return r1(critic, real) + r2(critic, fake)


def drift(critic: TensorFunction, real: Tensor | Array, fake: Tensor | Array) -> Tensor:
    """Variance of the critic's scores D over the real and the generated samples together.

    Gradient penalties bound the critic's gradient where there are samples. Between modes that are far apart there are
    none, so nothing fixes the difference of the scores at two such modes, and the generator can move its samples from
    one to the other and back for ever. A small weight, about 0.01, damps this oscillation.
    Source: Karras et al. 2018, appendix A.1 (there E D(x)^2; the mean of D is left out because some losses do not
    depend on it).

    Args:
        critic: The critic D.
        real, fake: Real and generated samples (N, ...), floating-point.

    Returns:
        A scalar, differentiable with respect to the critic's weights.

    Raises:
        TypeError: If the samples are integers.
    """
    if isinstance(critic, OneBatch) and critic.holds(real, fake):
        logits = critic.logits
    else:
        refuse_integers(real, "real")
        refuse_integers(fake, "fake")
        logits = ops.concatenate([critic(real), critic(fake)])
    return square_mean(logits - logits.mean())


def dragan(critic: TensorFunction, real: Tensor | Array, rng: Generator, target: float = 1.0) -> Tensor:
    """Gradient penalty of DRAGAN: E (||grad_x D(x + d)||_2 - target)^2 around real data, d = std(x) / 2 * U(0, 1).

    Source: Kodali et al. 2017, section 2.3.

    Args:
        critic: The critic D.
        real: Real samples (N, ...), floating-point; std(x) is the standard deviation of all their numbers.
        rng: Draws U(0, 1), one number for every element.
        target: The gradient norm that is not penalised.

    Returns:
        A scalar, differentiable with respect to the critic's weights; errors as in `r1`.
    """
    x = constant(real, "real").data
    rng = rng.on(backend.device_of(x))
    noise = rng.uniform(x.shape, dtype=x.dtype) * (0.5 * x.std())
    return square_mean(_norms(critic, _leaf(x + noise)), target)


def clip_weights(module: nn.Module, limit: float) -> None:
    """Clip every weight of a network to [-limit, limit], in place.

    The parameters of normalisation layers are not clipped, because a small gamma would switch the layer off.
    Source: Arjovsky et al. 2017, algorithm 1.

    Raises:
        ValueError: If the limit is not positive.
    """
    if not limit > 0:
        raise ValueError(f"clip_weights: limit must be positive, got {limit}")
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm | nn.LayerNorm)]
    spared = {parameter for layer in norms for parameter in layer.parameters()}
    for parameter in module.parameters():
        if parameter not in spared:
            np.clip(parameter.data, -limit, limit, out=parameter.data)
            parameter.touch()


def input_gradient(critic: TensorFunction, x: Tensor) -> Tensor:
    """Return grad_x D(x_i) for each sample, differentiable with respect to the critic's weights.

    Args:
        critic: The critic D.
        x: A leaf Tensor (N, ...), made with requires_grad=True.

    Raises:
        ValueError: If a layer of the critic couples the samples of a batch, or the output does not depend on x.
    """
    with recording(True):
        logits = critic(x)
        if isinstance(logits, Tensor) and logits.node is not None:
            _refuse_coupling(logits.node, x)
            one = np.broadcast_to(backend.full_like(logits.data, 1, ()), logits.shape)  # the gradient of their sum
            (g,) = grad(logits, [x], one, create_graph=True, allow_unused=True)
            if g is not None:
                return g
    raise ValueError(
        "a penalty needs a critic whose output depends on its input, but there is no path from one to the other: "
        "does the critic detach it, or convert it to an array?"
    )


def _refuse_coupling(root, x):
    for node in ancestors(root, x.node.id):
        if node.op is not None and node.op.couples_samples:
            leaves = [leaf_owning(s) for s in node.saved if hasattr(s, "base")]  # `parents` lacks frozen parameters
            names = [leaf.name.rpartition(".")[0] for leaf in leaves if leaf is not None]
            layer = f"layer {names[0]!r} ({node.op.name})" if any(names) else f"a {node.op.name} of shape {node.shape}"
            raise ValueError(
                f"a gradient penalty through {layer}: it couples the samples of a batch, so there is no "
                "gradient per sample to penalise. Use layer norm or no normalisation in a penalised critic"
            )


def _norms(critic, x):
    return ops.norm(ops.flatten(input_gradient(critic, x)), axis=1)


def _mean_squared_norm(critic, x):
    return square_sum(input_gradient(critic, x), 1 / len(x))


def _between(real, fake, rng):
    real, fake = constant(real, "real").data, constant(fake, "fake").data
    if real.shape != fake.shape:
        raise ValueError(f"a penalty between real {real.shape} and fake {fake.shape} samples needs one shape for both")
    rng = rng.on(backend.device_of(real))
    e = rng.uniform((len(real),) + (1,) * (real.ndim - 1), dtype=real.dtype)
    return _leaf(backend.of(real).between(e, real, fake))


def _leaf(x, name="samples"):
    return Tensor(constant(x, name).data, requires_grad=True)
