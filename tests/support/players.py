"""The networks of a preset, as its trainer builds them."""

from minigan.models import translation
from minigan.random import Generator
from minigan.trainers import networks
from minigan.trainers import vae as autoencoder

CLASSES = 10


def players(config):
    """Return (network, shape of one sample) for each player of a preset, as its trainer builds it."""
    rng = Generator(0)
    if config.model == "unet":
        body = translation.unet((32, 32, 1), 3, config.generator_width, config.depth, rng=rng)
        critic = translation.patch_critic(4, config.critic_width, batch_norm=config.critic_norm, rng=rng)
        return [(translation.PairedGenerator(body), (32, 32, 1)), (critic, (32, 32, 4))]
    if config.model == "vae":
        return [(autoencoder.build(config, (28, 28, 1), rng), (config.latent,))]
    shape = {"mnist-10k": (28, 28, 1), "stacked-mnist-10k": (16, 16, 3)}.get(config.data, (2,))
    generator, critic = networks.build(config, shape, CLASSES * config.conditional, rng)
    return [(generator, (config.latent,)), (critic, shape)]
