"""A term of the generator's loss beside the critic's judgement, such as the L1 distance to a target."""

import numpy as np
import pytest

import minigan as mg
from minigan import gan, models, optim
from minigan.gan import losses
from minigan.models.translation import PairedGenerator, patch_critic, unet
from minigan.random import Generator

N, SHAPE = 3, (8, 8, 1)


def images(seed, channels=1):
    return Generator(seed).uniform((N, 8, 8, channels), -1, 1, "float64")


def l1(real, fake):
    return 100 * abs(fake - real).mean()


def make(content=l1, loss=losses.non_saturating):
    make = {"width": 2, "rng": Generator(0), "dtype": "float64"}
    generator = PairedGenerator(unet(SHAPE, 1, depth=1, **make))
    critic = patch_critic(2, depth=1, **make)
    optimizers = optim.SGD(generator.parameters(), 0.1), optim.SGD(critic.parameters(), 0.1)
    return gan.Game(generator, critic, *optimizers, loss, content=content)


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic])
def test_a_generator_step_descends_the_loss_and_the_content_together(loss):
    game, twin = make(loss=loss), make(loss=loss)
    x, real = images(1), images(2, channels=2)
    fake = twin.generator(x)
    adversarial = loss.generator(twin.critic(fake), twin.critic(real) if loss.pairs else None)
    content = l1(mg.Tensor(real), fake)
    gradients = mg.grad(adversarial + content, twin.generator.parameters())
    report = game.generator_step(x, real)
    assert report == {"generator_loss": adversarial.item(), "content": content.item()}
    for p, before, g in zip(game.generator.parameters(), twin.generator.parameters(), gradients, strict=True):
        np.testing.assert_allclose(p.data, before.data - 0.1 * g.numpy(), rtol=1e-12, atol=1e-14)


def test_the_critic_knows_nothing_of_it():
    game, without = make(), make(content=None)
    for g in (game, without):
        assert "content" not in g.critic_step(images(2, channels=2), images(1))
    for p, q in zip(game.critic.parameters(), without.critic.parameters(), strict=True):
        assert p.data.tobytes() == q.data.tobytes()


def test_without_real_samples_there_is_nothing_to_compare_with():
    with pytest.raises(ValueError, match="content compares with real samples; give real"):
        make().generator_step(images(1))


def test_a_game_is_a_loss_alone_unless_told_otherwise():
    assert set(make(content=None).generator_step(images(1))) == {"generator_loss"}
    assert models.translation.pair(images(1), images(2)).shape == (N, 8, 8, 2)
