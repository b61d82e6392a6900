"""Building the networks of a configuration, and drawing samples from a generator."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import gan, models, nn, optim
from ..backend import move
from ..op import no_grad
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import Array, ArrayLike, Generator, NDArray, Shape

__all__ = ["Through", "build", "sample"]

SAMPLE_BATCH = 500


def build(config: Config, shape: Shape, classes: int, rng: Generator) -> tuple[nn.Module, nn.Module]:
    """Return a new generator and a new critic.

    Args:
        config: The configuration.
        shape: The shape of one sample.
        classes: The number of classes; 0 builds unconditional networks.
        rng: The generator of the initial weights.
    """
    generator = _generator(config, config.latent + classes, shape, rng)
    if classes:
        generator = models.conditional.LabelledGenerator(generator, classes)
    return generator, _critic(config, shape, classes, rng)


def sample(generator: nn.Module, z: Array, labels: Array | None = None) -> NDArray[Any]:
    """Draw samples from a generator in evaluation mode; its mode is restored afterwards.

    Args:
        generator: The generator, on any device.
        z: Its input, noise (N, latent) or images, on the CPU.
        labels: Classes (N,) for a conditional generator.

    Returns:
        G(z) or G(z, labels), (N, ...) on the CPU.
    """
    training, device = generator.training, generator.parameters()[0].device
    generator.eval()
    try:
        with no_grad():
            rows = [slice(i, i + SAMPLE_BATCH) for i in range(0, len(z), SAMPLE_BATCH)]
            inputs = [[Tensor(move(z[r], device)), *([] if labels is None else [labels[r]])] for r in rows]
            samples = [generator(*given).numpy() for given in inputs]
    finally:
        generator.train(training)
    return np.concatenate(samples)


class Through(nn.Module):
    """Critic whose samples first pass through the module `front`: D(front(x)), or D(front(x), labels)."""

    front: nn.Module
    critic: nn.Module

    def __init__(self, front: nn.Module, critic: nn.Module) -> None:
        self.front, self.critic = front, critic
        self.named("critic")

    def forward(self, x: Tensor, *labels: ArrayLike) -> Tensor:
        """Return the critic's scores of `front(x)`."""
        return self.critic(self.front(x), *labels)


def _generator(config, latent, shape, rng):
    width, slope, output = config.generator_width, config.generator_slope, config.output
    if config.model == "dense":
        depth = config.generator_depth or config.depth
        return models.dense.generator(latent, shape, width, depth, slope, output, rng=rng)
    if config.model == "residual":
        return models.residual.generator(latent, shape, width, config.depth, slope=slope, output=output, rng=rng)
    return models.dcgan.generator(latent, shape, width, config.kernel, slope, config.refine, output, rng=rng)


def _critic(config, shape, classes, rng):
    if not classes:
        *sides, channels = shape
        critic = _scores(config, (*sides, channels * config.packing), 1, rng)
    elif config.conditioning == "projection":
        critic = models.conditional.ProjectionCritic(_scores(config, shape, 1 + classes, rng), classes)
    else:
        flat = config.model == "dense"
        *sides, channels = (math.prod(shape),) if flat else shape
        critic = _scores(config, (*sides, channels + classes), 1, rng)
        critic = models.conditional.ConcatenationCritic(critic, classes, flat)
    if front := _front(config, rng):
        critic = Through(front, critic)
    return gan.PackedCritic(critic, config.packing) if config.packing > 1 else critic


def _scores(config, shape, outputs, rng):
    width = config.critic_width
    if config.model == "dense":
        return models.dense.critic(
            shape, width, config.depth, outputs=outputs, octaves=config.octaves, spectral=config.spectral, rng=rng
        )
    if config.model == "residual":
        return models.residual.critic(shape, width, config.depth, outputs=outputs, rng=rng)
    return models.dcgan.critic(
        shape, width, config.kernel, dropout=config.dropout, batch_norm=config.critic_norm, outputs=outputs,
        spectral=config.spectral, minibatch_std=config.minibatch_std, rng=rng,
    )  # fmt: skip


def _front(config, rng):
    """Return the module before the critic: augmentation, then noise; None for neither."""
    front: dict[str, nn.Module] = {}
    if config.augment:
        front["augment"] = gan.Augment(config.augment, rng=rng.spawn())
    if config.instance_noise:
        fading = partial(optim.linear, steps=config.steps, start=config.instance_noise, end=0.0)
        front["noise"] = gan.InstanceNoise(fading, rng=rng.spawn())
    return nn.Sequential(**front) if front else None
