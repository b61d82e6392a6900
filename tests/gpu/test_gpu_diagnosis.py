"""Looks at a game on a GPU, some of them in double precision on purpose: vitals, what is not finite, profiles."""

from dataclasses import asdict

import numpy as np
import pytest
from against_numpy import put

import minigan as mg
from minigan import gan, models, optim
from minigan.gan import losses, penalties
from minigan.gan.probe import measure, weight_norms
from minigan.random import Generator

pytestmark = pytest.mark.gpu


def begun(device):
    """A game, real samples and noise."""
    generator = models.dense.generator(3, (5,), 16, 2, batch_norm=True, rng=Generator(0)).to(device)
    critic = models.dense.critic((5,), 16, 2, rng=Generator(1)).to(device)
    optimizers = [optim.Adam(net.parameters(), 1e-3, eps=1e-3) for net in (generator, critic)]
    rng = Generator(5)
    penalty = lambda *seen: 10.0 * penalties.gradient_penalty(*seen, rng)
    data = [Generator(2).normal((6, 5)), Generator(3).normal((6, 3))]
    game = gan.Game(generator, critic, *optimizers, losses.non_saturating, penalty=penalty)
    return game, *(put(data) if device == "cuda" else data)


def test_a_step_that_is_not_finite_is_refused_and_explained():
    def refused(device):
        game, real, z = begun(device)
        weight = game.critic.parameters()[0]
        weight.assign_(np.full(weight.shape, 1e38, "float32"))
        before = game.critic.state_dict()
        with np.errstate(all="ignore"):
            with pytest.raises(FloatingPointError, match="the step is not finite"):
                game.critic_step(real, z)
            after = game.critic.state_dict()
            assert all(after[key].tobytes() == array.tobytes() for key, array in before.items())
            return gan.explain_nan(game, real, z)

    assert refused("cuda") == refused("cpu")


def test_the_vitals_of_a_game():
    def measured(device):
        game, real, z = begun(device)
        game.critic_step(real, z)
        vitals = asdict(measure(game, real, z, None, 1, weight_norms(game)))
        return {name: value for name, value in vitals.items() if isinstance(value, float)}

    found, expected = map(measured, ("cuda", "cpu"))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4, nan_ok=True)
    assert expected


def test_a_profile(capsys):
    game, real, z = begun("cuda")
    with mg.profile():
        game.critic_step(real, z)
    assert "critic.dense1" in capsys.readouterr().out
