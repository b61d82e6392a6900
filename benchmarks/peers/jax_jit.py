"""JAX: the whole step, Adam included, as one jitted function with donated buffers.

Its batch norm keeps no running statistics, because every function would have to pass them on.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import networks
from ..workloads import ADAM, Chain
from .transforms import OTHER, Losses

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)  # permits float64; float32 stays float32


def version():
    return jax.__version__


def refuses(workload):
    return "it measures an engine's overhead, which a compiler does not have" if isinstance(workload, Chain) else None


def build(workload):
    return JitRun(workload)


class JitRun:
    """Steps of the two players."""

    def __init__(self, workload):
        self.workload, data = workload, workload.data()
        self.data = tuple(map(jnp.asarray, (data.real, data.z, data.between)))
        losses = Losses(workload, jnp, jax.grad, _convolve)
        self.value_and_grad = {p: jax.value_and_grad(getattr(losses, p)) for p in workload.players}
        weights = jax.tree.map(jnp.asarray, data.weights)
        self.state = weights, jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights), 0
        self.jitted = jax.jit(self._step, donate_argnums=0)

    def step(self):
        self.state = jax.block_until_ready(self.jitted(self.state, *self.data))

    def gradients(self):
        found = {}
        for player in self.workload.players:
            weights = self.state[0]
            function = jax.jit(self.value_and_grad[player])
            loss, gradients = function(weights[player], weights[OTHER[player]], *self.data)
            found |= {f"{player} loss": np.asarray(loss)} | networks.named(player, jax.tree.map(np.asarray, gradients))
        return found

    def _step(self, state, *data):
        weights, means, squares, t = state
        for p in self.workload.players:
            _, gradients = self.value_and_grad[p](weights[p], weights[OTHER[p]], *data)
            new = _adam(weights[p], gradients, means[p], squares[p], t + 1)
            weights, means, squares = (old | {p: x} for old, x in zip((weights, means, squares), new, strict=True))
        return weights, means, squares, t + 1


def _adam(p, g, m, v, t):
    """Return the parameters and both moments, trees of arrays, after one step of Adam."""
    (b1, b2), lr = ADAM["betas"], ADAM["lr"]
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
    rate, root = lr / (1 - b1**t), jnp.sqrt(1 - b2**t)
    p = jax.tree.map(lambda p, m, v: (p - rate * m / (jnp.sqrt(v) / root + 1e-8)).astype(p.dtype), p, m, v)
    return p, m, v


def _convolve(layer, weight, x):
    k, s, p = layer.kernel, layer.stride, layer.kernel // 2
    layout = ("NHWC", "HWIO", "NHWC")
    if isinstance(layer, networks.Conv):
        return lax.conv_general_dilated(x, weight, (s, s), [(p, p)] * 2, dimension_numbers=layout)
    around = [(k - 1 - p, k - 1 - p + s - 1)] * 2  # padding of the input, after its dilation by the stride
    return lax.conv_transpose(x, weight, (s, s), around, dimension_numbers=layout, transpose_kernel=True)
