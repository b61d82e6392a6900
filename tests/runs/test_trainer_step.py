"""What a step of the trainer hands to the game, how samples are drawn, and that a restored trainer goes on."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from minigan import data
from minigan.presets import Config
from minigan.random import Generator
from minigan.trainers import Trainer
from minigan.trainers.gan import _labels

TINY = Config(
    data="digits-8x8", steps=8, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3,
    loss="relativistic", critic_steps=3,
)  # fmt: skip
Z = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def bits(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


def test_every_update_has_samples_and_noise_of_its_own(digits, monkeypatch):
    """The generator's update compares with the real samples that the critic saw last."""
    trainer, reals, noises = Trainer(TINY, digits), [], []
    critic_step, generator_step = trainer.game.critic_step, trainer.game.generator_step

    def watched_critic(real, z, *rest):
        reals.append(np.array(real))
        noises.append(z.numpy().copy())
        return critic_step(real, z, *rest)

    def watched_generator(z, real, *rest):
        assert np.array_equal(real, reals[-1])
        noises.append(z.numpy().copy())
        return generator_step(z, real, *rest)

    monkeypatch.setattr(trainer.game, "critic_step", watched_critic)
    monkeypatch.setattr(trainer.game, "generator_step", watched_generator)
    trainer.step()
    trainer.step()
    assert (len(reals), len(noises)) == (6, 8)
    assert not any(np.array_equal(a, b) for seen in (reals, noises) for a, b in combinations(seen, 2))


def test_an_image_does_not_depend_on_those_it_is_drawn_with(digits):
    trainer = Trainer(TINY, digits)
    trainer.step()
    before = bits(trainer.generator.state_dict())
    together, alone = trainer.draw(Z), [trainer.draw(Z[k : k + 1]) for k in range(len(Z))]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-6)
    assert trainer.generator.training
    assert bits(trainer.generator.state_dict()) == before


def test_a_restored_trainer_goes_on_and_draws_as_if_it_had_never_stopped(digits):
    """Its samples are compared too: what is missing from the state itself would not be missed in it."""
    config = replace(TINY, critic_steps=1, ema=0.5, augment="translation")
    through, restored = Trainer(config, digits), Trainer(config, digits)
    for _ in range(3):
        through.step()
    arrays, state = through.state()
    restored.load_state(arrays, {"step": 3} | json.loads(json.dumps(state)))
    assert np.array_equal(restored.draw(Z), through.draw(Z))
    for _ in range(3):
        assert through.step() == restored.step()
    assert np.array_equal(restored.draw(Z), through.draw(Z))
    assert bits(through.state()[0]) == bits(restored.state()[0])


def test_labels_are_drawn_as_often_as_in_the_data():
    labels = _labels([1, 0, 3], 4000, Generator(0))
    counts = np.bincount(labels, minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 1000) < 120, "four standard deviations"
