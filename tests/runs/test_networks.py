"""From settings to networks, and to data in the range that they work in."""

import dataclasses

import numpy as np
import pytest

from minigan import data, gan, models, nn
from minigan.presets import Config, preset
from minigan.random import Generator
from minigan.trainers import Trainer, load_data
from minigan.trainers.networks import build
from minigan.trainers.sources import load_unseen

TINY = Config(data="digits-8x8", batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def images(n, channels=1):
    return Generator(1).normal((n, 8, 8, channels))


def critic_of(classes=0, **change):
    return build(dataclasses.replace(TINY, **change), (8, 8, 1), classes, Generator(0))[1]


@pytest.mark.parametrize("flat", [False, True])
def test_concatenation_puts_the_class_beside_every_pixel_or_number(flat):
    class Seen(nn.Module):
        def forward(self, x):
            self.x = np.asarray(x)

    x, labels, seen = images(3), np.array([2, 0, 1]), Seen()
    models.conditional.ConcatenationCritic(seen, 4, flat)(x, labels)
    x = x.reshape(3, 64) if flat else x
    assert np.array_equal(seen.x[..., : x.shape[-1]], x)
    chosen = np.eye(4)[labels].reshape(3, *[1] * (x.ndim - 2), 4)
    assert np.array_equal(seen.x[..., x.shape[-1] :], np.broadcast_to(chosen, (*x.shape[:-1], 4)))


@pytest.mark.parametrize("conditioning", ["projection", "concatenation"])
@pytest.mark.parametrize("model", [{}, {"model": "dense", "kernel": 5}, {"model": "residual", "kernel": 5}])
def test_a_conditional_critic_tells_classes_apart(conditioning, model):
    critic = critic_of(10, conditional=True, conditioning=conditioning, augment="cutout", **model)
    for _, parameter in critic.named_parameters():
        parameter.assign_(Generator(2).normal(parameter.shape))  # the residual blocks start at 0
    x = images(2)[[0, 0, 1, 1]]
    critic.eval()
    logits = critic(x, np.array([3, 4, 3, 4])).numpy()
    assert logits.shape == (4, 1)
    assert len(np.unique(logits)) == 4


@pytest.mark.parametrize("model", [{}, {"model": "dense", "kernel": 5}])
def test_a_packed_critic_gives_one_logit_for_each_pack(model):
    critic = critic_of(packing=4, instance_noise=0.1, **model)
    assert isinstance(critic, gan.PackedCritic)
    assert critic(images(8)).shape == (2, 1)


def test_minibatch_std_sees_the_rest_of_the_batch():
    x = images(6)
    for yes in (True, False):
        critic = critic_of(minibatch_std=yes)
        change = abs(critic(x).numpy()[0] - critic(x[[0, 0, 0, 0]]).numpy()[0]).max()
        assert (change > 1e-6) == yes


def test_what_the_critic_sees_its_images_through():
    critic = critic_of(augment="translation", instance_noise=0.1)
    assert [type(m).__name__ for m in critic.front.children()] == ["Augment", "InstanceNoise"]


def test_sigmoid_images_are_trained_on_from_0_and_drawn_from_minus_1(digits):
    trainer = Trainer(dataclasses.replace(TINY, output="sigmoid", held_out=64), digits)
    for batch in (trainer.loader.next_batch(), trainer.source.held_out):
        assert (batch[0].min(), batch[0].max()) == (0, 1)
    drawn = trainer.draw(np.zeros((1, 4), np.float32))
    raw = trainer.generator.eval()(np.zeros((1, 4), np.float32)).numpy()
    assert np.array_equal(drawn, 2 * raw - 1)


def test_linear_images_stay_in_range(digits):
    trainer = Trainer(dataclasses.replace(TINY, output="linear", model="dense", kernel=5), digits)
    drawn = trainer.draw(Generator(0).normal((100, 4)) * 100)
    assert (drawn.min(), drawn.max()) == (-1, 1)


def test_size_and_channels_make_the_data_fit():
    config = dataclasses.replace(TINY, size=6, channels=3)
    assert load_data(config).images.shape == (1797, 6, 6, 3)


def test_unseen_images_are_the_test_part_where_there_is_one(tmp_path):
    assert load_unseen(TINY) is None
    assert load_unseen(preset("toy-ring")) is None
    parts = {"x_train": np.zeros((4, 8, 8), np.uint8), "x_test": np.ones((2, 8, 8), np.uint8)}
    np.savez(tmp_path / "x.npz", **parts)
    unseen = load_unseen(dataclasses.replace(TINY, data=str(tmp_path / "x.npz"), size=4))
    assert unseen.images.shape == (2, 4, 4, 1)
    assert (unseen.images == 1).all()
