"""Penalties on the critic's gradient in its input, by double backpropagation, and weight clipping.

The gradient is taken per sample: D acts on each sample alone, so the gradient of sum_i D(x_i) in x_i is that of D(x_i).
A layer that couples the samples of a batch (batch norm in training) breaks this and is refused by name.
Norms run over all axes but the first.
"""

import numpy as np

from .. import backend, nn, ops
from ..autodiff import ancestors, grad
from ..op import recording
from ..tensor import Tensor, leaf_owning
from .evaluation import OneBatch


def gradient_penalty(critic, real, fake, rng, target=1.0):
    """E (||grad_x D(x^)||_2 - target)^2 at x^ = e x + (1 - e) G(z), e ~ U(0, 1), one per sample.

    real, fake: (N, ...), arrays or Tensors of one shape; rng: the `minigan.random.Generator` of e.
    Source: Gulrajani et al. 2017, equation 3 (without its factor lambda = 10).
    """
    norms = _norms(critic, _between(real, fake, rng))
    return _mean_square(norms - target)


def zero_centered(critic, real, fake, rng):
    """E ||grad_x D(x^)||^2 at the same points as `gradient_penalty` (Thanh-Tung et al. 2019, equation 7)."""
    return _mean_squared_norm(critic, _between(real, fake, rng))


def r1(critic, real):
    """1/2 E ||grad_x D(x)||^2 on real data (Mescheder et al. 2018, equation 9, without its factor gamma)."""
    return 0.5 * _mean_squared_norm(critic, _leaf(real))


def r2(critic, fake):
    """1/2 E ||grad_x D(G(z))||^2 on generated data, the generator held fixed (Mescheder et al. 2018, equation 10)."""
    return 0.5 * _mean_squared_norm(critic, _leaf(fake))


def r1_r2(critic, real, fake):
    """r1(critic, real) + r2(critic, fake) (Huang et al. 2024, equation 3)."""
    if isinstance(critic, OneBatch) and critic.holds(real, fake) and len(real) == len(fake):
        return _mean_squared_norm(critic, critic.samples)  # of twice as many: the factor 1/2 is in the mean
    return r1(critic, real) + r2(critic, fake)


def drift(critic, real, fake):
    """Var D over the real and the generated samples: how far apart the critic's scores are.

    Gradient penalties hold the critic's slope where there are samples; how high it stands over one mode and over
    another, with nothing in between, they leave free, and the two players trade mass between such modes in circles.  A
    small weight, .01 or so, damps that.
    Source: Karras et al. 2018, appendix A.1 (there E D(x)^2; the mean of D is left out as some losses leave it free).
    """
    known = isinstance(critic, OneBatch) and critic.holds(real, fake)
    logits = critic.logits if known else ops.concatenate([critic(real), critic(fake)])
    return _mean_square(logits - logits.mean())


def dragan(critic, real, rng, target=1.0):
    """E (||grad_x D(x + d)||_2 - target)^2 around real data (Kodali et al. 2017, section 2.3).

    d = std(x) / 2 * U(0, 1).
    """
    x = _data(real)
    rng = rng.on(backend.device_of(x))
    noise = rng.uniform(x.shape, dtype=x.dtype) * (0.5 * x.std())
    return _mean_square(_norms(critic, _leaf(x + noise)) - target)


def clip_weights(module, limit):
    """Hold every weight in [-limit, limit], in place (Arjovsky et al. 2017, algorithm 1).

    Normalisation layers are left alone: a clipped gamma would switch them off.
    """
    if not limit > 0:
        raise ValueError(f"clip_weights: limit must be positive, got {limit}")
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm | nn.LayerNorm)]
    spared = {parameter for layer in norms for parameter in layer.parameters()}
    for parameter in module.parameters():
        if parameter not in spared:
            np.clip(parameter.data, -limit, limit, out=parameter.data)
            parameter.touch()


def input_gradient(critic, x):
    """grad_x sum_i D(x_i), differentiable in the critic's weights; x is a leaf Tensor (N, ...)."""
    with recording(True):
        logits = critic(x)
        if isinstance(logits, Tensor) and logits.node is not None:
            _refuse_coupling(logits.node, x)
            (g,) = grad(logits.sum(), [x], create_graph=True, allow_unused=True)
            if g is not None:
                return g
    raise ValueError(
        "a penalty needs a critic whose output depends on its input, but there is no path from one to the other: "
        "does the critic detach it, or convert it to an array?"
    )


def _refuse_coupling(root, x):
    for node in ancestors(root, x.node.id):
        if node.op is not None and node.op.couples_samples:
            leaves = [leaf_owning(s) for s in node.saved if hasattr(s, "base")]  # also those of a frozen critic
            names = [leaf.name.rpartition(".")[0] for leaf in leaves if leaf is not None]
            layer = f"layer {names[0]!r} ({node.op.name})" if any(names) else f"a {node.op.name} of shape {node.shape}"
            raise ValueError(
                f"a gradient penalty through {layer}: it couples the samples of a batch, so there is no "
                "gradient per sample to penalise. Use layer norm or no normalisation in a penalised critic"
            )


def _norms(critic, x):
    return ops.norm(ops.flatten(input_gradient(critic, x)), axis=1)


def _mean_squared_norm(critic, x):
    return ops.square(input_gradient(critic, x)).sum() * (1 / len(x))


def _mean_square(x):
    return (x * x).mean()


def _between(real, fake, rng):
    real, fake = _data(real), _data(fake)
    if real.shape != fake.shape:
        raise ValueError(f"a penalty between real {real.shape} and fake {fake.shape} samples needs one shape for both")
    rng = rng.on(backend.device_of(real))
    e = rng.uniform((len(real),) + (1,) * (real.ndim - 1), dtype=real.dtype)
    return _leaf(e * real + (1 - e) * fake)


def _leaf(x):
    return Tensor(_data(x), requires_grad=True)


def _data(x):
    return x.data if isinstance(x, Tensor) else backend.as_array(x)
