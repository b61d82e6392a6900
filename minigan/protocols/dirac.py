"""The Dirac-GAN (Mescheder et al. 2018, section 2): the smallest game, whose outcome is known to every digit.

The data are a point at 0, the generator is a point at theta, and the critic is D(x) = psi x. Training starts at
(theta, psi) = (1, -1) and takes 500 steps with a learning rate of 0.2; in each, both players move at once, or the
generator moves first. The final distance from the equilibrium (0, 0) shows which methods converge. Losses, penalties
and derivatives are the library's own, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..autodiff import grad
from ..gan import losses, penalties
from ..tensor import Parameter, Tensor

STEP, STEPS = 0.2, 500


@dataclass(frozen=True)
class Method:
    """Row of the table: the losses and penalties of a method, and the final distances in an independent simulation."""

    name: str
    loss: losses.Loss
    simultaneous: float
    alternating: float
    r1: float = 0.0  # gamma
    gradient_penalty: float = 0.0  # gamma of gamma / 2 (|grad D| - 1)^2
    consensus: float = 0.0  # weight of 1/2 |v|^2, where v holds the gradients of both players (Mescheder et al. 2017)
    clip: float = math.inf

    def critic_loss(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss with its penalties."""
        loss = self.loss.critic(critic(real), critic(fake)) + self.r1 * penalties.r1(critic, real)
        if self.gradient_penalty:
            norm = ops.norm(penalties.input_gradient(critic, Tensor(fake.data, requires_grad=True)))
            loss = loss + 0.5 * self.gradient_penalty * (norm - 1) ** 2
        return loss


METHODS = (
    Method("GAN, saturating", losses.minimax, 3.097, 1.421),
    Method("non-saturating", losses.non_saturating, 0.6402, 0.2839),
    Method("WGAN, clip 1", losses.wasserstein, 1.002, 1.024, clip=1.0),
    Method("WGAN-GP, gamma 0.7, target 1", losses.wasserstein, 1.802, 1.221, gradient_penalty=0.7),
    Method("GAN + R1, gamma 0.3", losses.minimax, 2.643e-6, 2.301e-7, r1=0.3),
    Method("GAN + R1, gamma 1 (critical)", losses.minimax, 9.529e-22, 7.481e-17, r1=1.0),
    Method("consensus 1", losses.minimax, 2.579e-10, 1.724e-11, consensus=1.0),
    Method("non-saturating + R1, gamma 0.3", losses.non_saturating, 2.212e-6, 1.499e-7, r1=0.3),
)


def radius(method: Method, alternating: bool) -> float:
    """Return the distance of (theta, psi) from the equilibrium after STEPS steps of `method`."""
    theta, psi = Parameter(np.ones((1, 1)), "theta"), Parameter(-np.ones((1, 1)), "psi")
    for _ in range(STEPS):
        d_theta, d_psi = _forces(method, theta, psi)
        theta.assign_(theta.data - STEP * d_theta)
        if alternating:
            _, d_psi = _forces(method, theta, psi)
        psi.assign_(np.clip(psi.data - STEP * d_psi, -method.clip, method.clip))
    return math.hypot(theta.item(), psi.item())


def _forces(method, theta, psi):
    """Return the gradient of each player's loss in its own parameter, as arrays, before either moves."""

    def critic(x):
        return x @ psi

    real = Tensor(np.zeros((1, 1)))
    (d_psi,) = grad(method.critic_loss(critic, real, theta), [psi], create_graph=True)
    (d_theta,) = grad(method.loss.generator(critic(theta)), [theta], create_graph=True)
    if method.consensus:
        energy = 0.5 * method.consensus * ((d_theta**2).sum() + (d_psi**2).sum())
        pull_theta, pull_psi = grad(energy, [theta, psi])
        d_theta, d_psi = d_theta + pull_theta, d_psi + pull_psi
    return d_theta.data, d_psi.data


def run() -> list[dict[str, str | float]]:
    """Return the whole table, a list of rows {method, simultaneous, alternating, expected ...}."""
    return [
        {
            "method": method.name,
            "simultaneous": radius(method, alternating=False),
            "expected simultaneous": method.simultaneous,
            "alternating": radius(method, alternating=True),
            "expected alternating": method.alternating,
        }
        for method in METHODS
    ]
