"""The Dirac-GAN table against its update equations, with every derivative written out by hand."""

import math

import pytest

from minigan.protocols import dirac


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


def by_hand(method, alternating):
    """L_D = softplus(psi theta) or psi theta; L_G = -L_D, or softplus(-psi theta) where it does not saturate."""
    saturating, linear = method.loss.name == "minimax", method.loss.name == "wasserstein"

    def forces(theta, psi):
        t = theta * psi
        slope = 1.0 if linear else sigmoid(t)
        g = -psi * (slope if saturating or linear else 1 - slope)
        d = theta * slope + method.r1 * psi + method.gradient_penalty * (abs(psi) - 1) * math.copysign(1, psi)
        if method.consensus:
            bend = slope * (1 - slope)
            g_theta, g_psi = -psi * psi * bend, -slope - t * bend
            d_theta, d_psi = slope + t * bend, theta * theta * bend
            g, d = (
                g + method.consensus * (g * g_theta + d * d_theta),
                d + method.consensus * (g * g_psi + d * d_psi),
            )
        return g, d

    theta, psi = 1.0, -1.0
    for _ in range(dirac.STEPS):
        g, d = forces(theta, psi)
        theta -= dirac.STEP * g
        if alternating:
            _, d = forces(theta, psi)
        psi = max(-method.clip, min(method.clip, psi - dirac.STEP * d))
    return math.hypot(theta, psi)


@pytest.mark.parametrize("alternating", [False, True])
@pytest.mark.parametrize("method", dirac.METHODS, ids=lambda m: m.name)
def test_the_library_follows_the_update_equations(method, alternating):
    radius = dirac.radius(method, alternating)
    assert radius == pytest.approx(by_hand(method, alternating), rel=1e-6)
    assert radius == pytest.approx(method.alternating if alternating else method.simultaneous, rel=3e-4)
