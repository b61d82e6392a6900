"""The Dirac-GAN (Mescheder et al. 2018): a game whose whole trajectory is known.

Data at 0, generator at theta, critic D(x) = psi x.  From (theta, psi) = (1, -1), steps of 0.2, generator first, 500
times.  The final radii are those of an independent simulation of the two update equations.
"""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import gan, nn, optim
from minigan.gan import losses, penalties
from minigan.random import Generator


class Point(nn.Module):
    def __init__(self):
        self.theta = mg.Parameter(np.ones(1))

    def forward(self, z):
        return z * 0.0 + self.theta


class Slope(nn.Module):
    def __init__(self):
        self.psi = mg.Parameter(-np.ones(1))

    def forward(self, x):
        return x * self.psi


def play(loss, penalty=None, clip=None, steps=500, interval=1):
    point, slope = Point(), Slope()
    optimizers = optim.SGD(point.parameters(), 0.2), optim.SGD(slope.parameters(), 0.2)
    game = gan.Game(point, slope, *optimizers, loss, penalty=penalty, penalty_interval=interval)
    real = z = mg.tensor([[0.0]])
    for _ in range(steps):
        game.generator_step(z, real)
        game.critic_step(real, z)
        if clip:
            penalties.clip_weights(slope, clip)
    return point.theta.item(), slope.psi.item()


def r1(weight):
    return lambda critic, real, fake: weight * penalties.r1(critic, real)


def gradient_penalty(critic, real, fake):
    return 0.35 * penalties.gradient_penalty(critic, real, fake, Generator(0))  # gamma / 2 with gamma = 0.7


@pytest.mark.parametrize(
    ("loss", "options", "radius"),
    [
        (losses.minimax, {}, 1.421),
        (losses.non_saturating, {}, 0.2839),
        (losses.relativistic, {}, 0.2839),
        (losses.wasserstein, {"clip": 1.0}, 1.024),
        (losses.wasserstein, {"penalty": gradient_penalty}, 1.221),
        (losses.minimax, {"penalty": r1(0.3)}, 2.301e-7),
        (losses.non_saturating, {"penalty": r1(0.3)}, 1.499e-7),
        (losses.minimax, {"penalty": r1(1.0)}, 7.5e-17),
    ],
    ids=[
        "gan",
        "non-saturating",
        "relativistic",
        "clipped",
        "wgan-gp",
        "gan + r1",
        "non-saturating + r1",
        "gan + critical r1",
    ],
)
def test_final_radius(loss, options, radius):
    assert abs(math.hypot(*play(loss, **options)) / radius - 1) < 5e-3


def test_wgan_steps_by_hand():
    """theta <- theta + 0.2 psi, then psi <- psi - 0.2 theta."""
    theta, psi = 1.0, -1.0
    for _ in range(7):
        theta += 0.2 * psi
        psi -= 0.2 * theta
    np.testing.assert_allclose(play(losses.wasserstein, steps=7), (theta, psi), rtol=1e-13)


def test_lazy_regularisation_by_hand():
    """Every third critic step the penalty's gradient, 0.3 psi, counts three times."""
    theta, psi = 1.0, -1.0
    for t in range(8):
        theta += 0.2 * psi
        psi -= 0.2 * (theta + (3 * 0.3 * psi if t % 3 == 0 else 0))
    np.testing.assert_allclose(play(losses.wasserstein, r1(0.3), steps=8, interval=3), (theta, psi), rtol=1e-13)
