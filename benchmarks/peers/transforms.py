"""Losses as pure functions of the weights, for libraries that differentiate functions: JAX and HIPS autograd.

Both have a NumPy of their own and use minigan's layout.
"""

from dataclasses import dataclass
from typing import Any

from .. import networks
from ..workloads import PENALTY_WEIGHT, GanStep


@dataclass(frozen=True)
class Losses:
    """Losses of a workload, each a function whose first argument is the weights of that player.

    Args:
        workload: The step.
        np: The library's NumPy.
        grad: The library's function that differentiates a scalar function with respect to its first argument.
        convolve: Function (layer, weight, x) for `Conv` and `ConvTranspose`, or None.
    """

    workload: GanStep
    np: Any
    grad: Any
    convolve: Any = None

    def critic(self, weights, generator, real, z, between):
        w, np = self.workload, self.np
        fake = self.play(w.generator, generator, z)
        loss = self._critic_loss(self.play(w.critic, weights, real), self.play(w.critic, weights, fake))
        if w.penalty == "gradient_penalty":
            gradient = self._input_gradient(weights, between * real + (1 - between) * fake)
            norms = np.sqrt(np.sum(np.square(gradient.reshape(len(gradient), -1)), axis=1))
            loss = loss + PENALTY_WEIGHT[w.penalty] * np.mean(np.square(norms - 1))
        if w.penalty == "r1_r2":
            squares = [np.sum(np.square(self._input_gradient(weights, x))) / len(x) for x in (real, fake)]
            loss = loss + PENALTY_WEIGHT[w.penalty] * 0.5 * sum(squares)
        return loss

    def generator(self, weights, critic, real, z, between):
        w, np = self.workload, self.np
        fake = self.play(w.critic, critic, self.play(w.generator, weights, z))
        if w.loss == "wasserstein":
            return -np.mean(fake)
        if w.loss == "non_saturating":
            return np.mean(np.logaddexp(0, -fake))
        return np.mean(np.logaddexp(0, self.play(w.critic, critic, real) - fake))

    def play(self, layers, weights, x):
        """Return the output of a network for x."""
        for layer, own in zip(layers, weights, strict=True):
            x = self._apply(layer, own, x)
        return x

    def _critic_loss(self, real, fake):
        np = self.np
        return {
            "wasserstein": lambda: np.mean(fake) - np.mean(real),
            "non_saturating": lambda: np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake)),
            "relativistic": lambda: np.mean(np.logaddexp(0, fake - real)),
        }[self.workload.loss]()

    def _input_gradient(self, weights, x):
        return self.grad(lambda x: self.np.sum(self.play(self.workload.critic, weights, x)))(x)

    def _apply(self, layer, weights, x):
        np = self.np
        match layer:
            case networks.Dense():
                y = x.reshape(len(x), -1) @ weights["weight"]
                y = y + weights["bias"] if layer.bias else y
                return y.reshape(len(x), *layer.outputs)
            case networks.Conv():
                return self.convolve(layer, weights["weight"], x) + weights["bias"]
            case networks.ConvTranspose():
                return self.convolve(layer, weights["weight"], x)
            case networks.BatchNorm():
                mean, variance = np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))
                return weights["gamma"] * (x - mean) / np.sqrt(variance + layer.eps) + weights["beta"]
            case networks.LeakyReLU():
                return np.where(x > 0, x, layer.slope * x)
            case networks.Tanh():
                return np.tanh(x)


OTHER = {"critic": "generator", "generator": "critic"}
