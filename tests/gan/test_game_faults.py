"""What the game refuses, and what it leaves as the user had it."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import Game, losses, penalties
from minigan.random import Generator


def play(loss=losses.non_saturating, **options):
    rng = Generator(0)
    generator = mg.models.dense.generator(3, (2, 2, 1), 4, rng=rng)
    critic = mg.models.dense.critic((2, 2, 1), 4, rng=rng)
    return Game(
        generator,
        critic,
        mg.optim.SGD(generator.parameters(), 0.1),
        mg.optim.SGD(critic.parameters(), 0.1),
        loss,
        **options,
    )


Z = np.ones((2, 3), np.float32)


def test_a_parameter_frozen_by_the_user_stays_frozen():
    game = play()
    game.critic.out.bias.requires_grad_(False)
    game.generator_step(Z)
    assert [p.requires_grad for p in game.critic.parameters()] == [True] * 5 + [False]


def test_an_error_in_the_generator_step_thaws_the_critic():
    game = play()
    with pytest.raises(ValueError, match="inner lengths differ"):
        game.generator_step(np.ones((2, 5), np.float32))
    assert all(p.requires_grad for p in game.critic.parameters())


def test_a_pairing_loss_asks_for_real_samples():
    with pytest.raises(ValueError, match=r"relativistic.generator needs real_logits"):
        play(losses.relativistic).generator_step(Z)


def test_a_penalty_interval_below_one_is_refused():
    with pytest.raises(ValueError, match="penalty_interval must be at least 1, got 0"):
        play(penalty_interval=0)


def test_a_checkpoint_does_not_hide_batch_norm_from_a_penalty():
    norm = nn.BatchNorm(3)
    with pytest.raises(ValueError, match="couples the samples"):
        penalties.r1(lambda x: mg.checkpoint(norm, x), np.ones((4, 3), np.float32))
