"""HIPS autograd, which differentiates NumPy code; dense networks only.

Its own Adam is a whole training loop, so this module has a step of Adam in NumPy.
"""

from importlib.metadata import version as installed

import autograd
import autograd.numpy as anp
import numpy as np

from .. import networks
from ..workloads import ADAM, Chain
from .transforms import OTHER, Losses


def version():
    return installed("autograd")


def refuses(workload):
    conv = not isinstance(workload, Chain) and isinstance(workload.critic[0], networks.Conv)
    return "it has no strided convolution" if conv else None


def build(workload):
    return ChainRun(workload) if isinstance(workload, Chain) else GanRun(workload)


class GanRun:
    """Steps of the two players."""

    def __init__(self, workload):
        self.workload, data = workload, workload.data()
        self.data, self.weights = (data.real, data.z, data.between), data.weights
        losses = Losses(workload, anp, autograd.grad)
        self.value_and_grad = {p: autograd.value_and_grad(getattr(losses, p)) for p in workload.players}
        self.moments = {p: [_zeros(layers), _zeros(layers)] for p, layers in self.weights.items()}
        self.t = 0

    def step(self):
        self.t += 1
        for player in self.workload.players:
            _, gradients = self._gradients(player)
            for layer, g, m, v in zip(self.weights[player], gradients, *self.moments[player], strict=True):
                for name in layer:
                    _adam(layer[name], g[name], m[name], v[name], self.t)

    def gradients(self):
        found = {}
        for player in self.workload.players:
            loss, gradients = self._gradients(player)
            found |= {f"{player} loss": np.asarray(loss)} | networks.named(player, gradients)
        return found

    def _gradients(self, player):
        return self.value_and_grad[player](self.weights[player], self.weights[OTHER[player]], *self.data)


class ChainRun:
    """The chain and its derivatives, up to the order of the workload, each made from the previous function."""

    def __init__(self, workload):
        self.workload, self.data = workload, workload.data()
        self.function = self._chain
        for _ in range(workload.order):
            self.function = autograd.elementwise_grad(self.function)

    def step(self):
        return self.function(self.data)

    def gradients(self):
        return {"value": self.step()}

    def _chain(self, x):
        y = x
        for _ in range(self.workload.length):
            y = y * x
        return y


def _zeros(layers):
    return [{name: np.zeros_like(array) for name, array in layer.items()} for layer in layers]


def _adam(p, g, m, v, t):
    """Take one step of Adam, in place."""
    b1, b2 = ADAM["betas"]
    m += (1 - b1) * (g - m)
    v += (1 - b2) * (g * g - v)
    p -= ADAM["lr"] / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + 1e-8)
