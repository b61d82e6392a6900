"""What changes during a run, and that the trainer hands it on."""

import dataclasses
import math

import pytest

from minigan.presets import Config, preset
from minigan.trainers import Trainer, load_data, schedules

R3GAN = dataclasses.replace(preset("r3gan-small"), steps=1000)
RING = dataclasses.replace(preset("toy-ring"), steps=1000)


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("constant", 500, 1.0),
        ("linear", 250, 0.775),
        ("linear", 1000, 0.1),
        ("cosine", 500, 0.55),
        ("cosine", 1000, 0.1),
        ("geometric", 500, 0.1**0.5),
        ("geometric", 1000, 0.1),
        ("burn_in", 100, 0.55),
        ("burn_in", 200, 0.1),
        ("burn_in", 900, 0.1),
    ],
)
def test_learning_rates_fall_to_their_end(schedule, step, factor):
    config = Config(steps=1000, schedule=schedule, lr_end=0.1, burn_in=0.2)
    assert schedules.lr_factor(config, step) == pytest.approx(factor)


def test_r3gan_burns_in_over_the_first_fifth():
    """gamma 1 -> .1, beta2 .9 -> .99, half-life 0 -> 5 % of the run, all along a cosine."""
    halfway = 100
    assert schedules.penalty_weight(R3GAN, 0) == 1.0
    assert schedules.penalty_weight(R3GAN, halfway) == pytest.approx(0.55)
    assert schedules.penalty_weight(R3GAN, 200) == schedules.penalty_weight(R3GAN, 999) == pytest.approx(0.1)
    assert schedules.betas(R3GAN, 0) == (0.0, 0.9)
    assert schedules.betas(R3GAN, halfway) == (0.0, pytest.approx(0.945))
    assert schedules.betas(R3GAN, 999) == (0.0, pytest.approx(0.99))
    assert schedules.half_life(R3GAN, 0) == 0
    assert schedules.half_life(R3GAN, halfway) == pytest.approx(25)
    assert schedules.half_life(R3GAN, 999) == pytest.approx(50)


def test_the_ring_lowers_gamma_by_equal_factors():
    assert [schedules.penalty_weight(RING, step) for step in (0, 350, 700, 999)] == pytest.approx(
        [0.3, math.sqrt(0.3 * 1e-3), 1e-3, 1e-3]
    )


def test_without_ends_nothing_changes():
    config = Config(penalty_weight=3.0, beta1=0.1, beta2=0.2, ema=0.02)
    for step in (0, 100, 4999):
        assert schedules.penalty_weight(config, step) == 3.0
        assert schedules.betas(config, step) == (0.1, 0.2)
        assert schedules.half_life(config, step) == 100
        assert schedules.critic_steps(config, step) == 1


def test_in_the_first_phase_both_take_turns_in_the_second_the_critic_trains_on():
    config = Config(steps=10, first_phase=0.5, critic_steps=3)
    assert [schedules.critic_steps(config, step) for step in range(10)] == [1] * 5 + [3] * 5


def test_the_trainer_hands_everything_on():
    config = dataclasses.replace(RING, batch_size=4, beta2_end=0.999, critic_steps=3, first_phase=0.5, steps=4)
    trainer = Trainer(config, load_data(config))
    seen = []
    for step in range(4):
        before = trainer.game.critic_steps
        trainer.step()
        assert trainer.game.critic_optimizer.betas == schedules.betas(config, step)
        assert trainer.game.generator_optimizer.betas == schedules.betas(config, step)
        assert trainer.game.generator_optimizer.lr == 1e-3 * schedules.lr_factor(config, step)
        assert trainer.game.critic_optimizer.lr == 1e-3 * schedules.lr_factor(config, step)
        assert trainer.ema.half_life == pytest.approx(schedules.half_life(config, step))
        assert trainer.penalty_weight == schedules.penalty_weight(config, step)
        seen.append(trainer.game.critic_steps - before)
    assert seen == [1, 1, 3, 3]


def test_the_penalty_has_the_weight_of_the_step():
    """At a learning rate next to nothing the penalty of one batch is gamma times a constant."""
    still = {"generator_lr": 1e-30, "critic_lr": 1e-30, "drift": 0.0, "penalty_weight_end": 3e-4}
    config = dataclasses.replace(RING, batch_size=4, burn_in=1.0, steps=3, **still)
    trainer = Trainer(config, load_data(config))
    stream, noise = trainer.loader.state_dict(), trainer.noise.state
    penalties = []
    for _ in range(3):
        trainer.loader.load_state_dict(stream)
        trainer.noise.set_state(noise)
        penalties.append(trainer.step()["penalty"])
    assert penalties[1] / penalties[0] == pytest.approx(1e-1)
    assert penalties[2] / penalties[1] == pytest.approx(1e-1)
