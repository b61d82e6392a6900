"""Arguments that the game refuses, and settings of the user that it leaves as they are."""

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


@pytest.mark.parametrize("loss", ["wasserstein", losses.wasserstein.critic])
def test_the_name_or_the_half_of_a_loss_is_refused(loss):
    with pytest.raises(
        TypeError, match=r"loss must be one of gan\.losses, such as gan\.losses\.wasserstein, got a (str|method)$"
    ):
        play(loss)


def test_a_penalty_interval_below_one_is_refused():
    with pytest.raises(ValueError, match="penalty_interval must be at least 1, got 0"):
        play(penalty_interval=0)


def test_a_checkpoint_does_not_hide_batch_norm_from_a_penalty():
    norm = nn.BatchNorm(3)
    with pytest.raises(ValueError, match="couples the samples"):
        penalties.r1(lambda x: mg.checkpoint(norm, x), np.ones((4, 3), np.float32))


# --- arguments -----------------------------------------------------------------------------------------------

REAL = np.zeros((2, 2, 2, 1), np.float32)
PIXELS = np.full((2, 2, 2, 1), 200, np.uint8)


def swapped(call):
    return (
        rf"{call}: the arguments are swapped: real has shape \(2, 3\) and z has shape \(2, 2, 2, 1\), but the "
        r"generator makes samples \(N, 2, 2, 1\) of noise \(N, 3\)"
    )


@pytest.mark.parametrize("captured", [False, True, "if possible"])
def test_swapped_arguments_are_refused_by_a_sentence_that_says_so(captured):
    game = play(captured=captured)
    with pytest.raises(ValueError, match=swapped(r"critic_step\(real, z\)")):
        game.critic_step(Z, REAL)
    with pytest.raises(ValueError, match=swapped(r"generator_step\(z, real\)")):
        game.generator_step(REAL, Z)
    with pytest.raises(ValueError, match=swapped(r"generator_step\(z, real\)")):
        play(losses.relativistic).generator_step(REAL, Z)


def test_shapes_that_fit_in_neither_order_keep_the_message_of_the_operation():
    with pytest.raises(ValueError, match="inner lengths differ"):
        play().critic_step(REAL, np.ones((2, 5), np.float32))


def test_looking_for_the_right_order_leaves_no_trace():
    game = play()
    norm = game.generator = nn.Sequential(norm=nn.BatchNorm(3), body=game.generator)
    with pytest.raises(ValueError, match="swapped"):
        game.critic_step(Z, REAL)
    np.testing.assert_array_equal(norm.norm.running_mean, 0)


def test_integers_are_refused_wherever_a_critic_would_see_them():
    said = r"real \(2, 2, 2, 1\) has dtype uint8, .* mg\.data\.scale"
    rng, critic = Generator(0), play().critic
    for step in (
        lambda: play().critic_step(PIXELS, Z),
        lambda: play(losses.relativistic).generator_step(Z, PIXELS),
        lambda: penalties.gradient_penalty(critic, PIXELS, REAL, rng),
        lambda: penalties.zero_centered(critic, PIXELS, REAL, rng),
        lambda: penalties.r1(critic, PIXELS),
        lambda: penalties.dragan(critic, PIXELS, rng),
        lambda: penalties.drift(critic, PIXELS, REAL),
    ):
        with pytest.raises(TypeError, match=said):
            step()
    with pytest.raises(TypeError, match=r"fake .* uint8"):
        penalties.gradient_penalty(critic, REAL, PIXELS, rng)
    with pytest.raises(TypeError, match="uint8"):
        mg.gan.Diagnosis(train=PIXELS, held_out=PIXELS)


# --- what a game says of itself ------------------------------------------------------------------------------


def test_the_text_of_a_game_names_loss_penalty_and_sizes():
    sizes = "generator of 56 parameters, critic of 45 parameters"
    assert repr(play()) == f"Game(loss=non_saturating, penalty=None, {sizes})"
    game = play(losses.hinge, penalty=penalties.r1_r2, penalty_interval=16)
    assert "loss=hinge, penalty=r1_r2 every 16 steps, " in repr(game)


def test_the_old_name_of_gradients_warns():
    game = play()
    with pytest.warns(DeprecationWarning, match=r"Game\.gradients"):
        terms, gradients, _ = game.slope("generator", Z)
    assert set(terms) == {"generator_loss"}
    assert len(gradients) == len(game.generator.parameters())
