"""Residual networks without normalisation, after R3GAN (Huang et al. 2024, section 4), for small images.

In place of normalisation, the initialisation keeps the signal's size ("Fix-up", Zhang et al. 2019, section 3): a block
starts as the identity, and as the outputs of L blocks add up, the weights inside them are scaled by L^(-1/4).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import nn
from ..deprecation import renamed
from ..random import as_generator
from . import dcgan
from .dense import output_layer

if TYPE_CHECKING:
    from typing import Any

    from ..types import DTypeLike, Generator, Shape, Tensor

__all__ = ["Block", "critic", "generator"]


class Block(nn.Module):
    """Inverted bottleneck: x (N, H, W, channels) -> x + conv 1x1 (conv 3x3 (conv 1x1 x)), with leaky ReLU between.

    Args:
        channels: Number of channels of input and output.
        blocks: L, the number of blocks in the network. The exponent -1/4 of L is -1 / (2m - 2) for the m = 3 layers of
            a block.
        expansion: Number of channels inside the block, as a multiple of `channels`.
        groups: Number of groups of the 3x3 convolution.
        slope: Slope of the leaky ReLU.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.
    """

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    conv3: nn.Conv2d
    act: nn.LeakyReLU

    def __init__(
        self, channels: int, blocks: int, expansion: int = 2, groups: int = 1, slope: float = 0.2,
        *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        rng, inside = as_generator(rng), expansion * channels
        make: dict[str, Any] = {"rng": rng, "dtype": dtype}
        init = _normal(_gain(slope) * blocks**-0.25)
        self.conv1 = nn.Conv2d(channels, inside, 1, init=init, **make)
        self.conv2 = nn.Conv2d(inside, inside, 3, padding=1, groups=groups, init=init, **make)
        self.conv3 = nn.Conv2d(inside, channels, 1, bias=False, init=_normal(0.0), **make)
        self.act = nn.LeakyReLU(slope)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))


def generator(
    latent: int = 64, image_shape: Shape = (28, 28, 1), width: int = 32, blocks: int = 1, expansion: int = 2,
    groups: int = 1, slope: float = 0.2, output: str = "linear",
    *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a residual generator: z (N, latent) -> images (N, *image_shape).

    It consists of a dense layer and `blocks` residual blocks on each map, from the smallest to the full size. The
    number of channels halves as the sides double, down to `width`; the maps have the same sizes as in
    `dcgan.generator`. Resampling is bilinear, and 1x1 convolutions change the number of channels on the smaller map.

    Args:
        latent: Length of the noise vector.
        image_shape: (H, W, C) of the images; H and W must be even and at least 6.
        width: Number of channels at full size.
        blocks: Number of blocks on each map, at least 1.
        expansion: Factor by which a block is wider inside.
        groups: Number of groups of the 3x3 convolutions.
        slope: Slope of the leaky ReLU.
        output: "tanh" for data in [-1, 1], "sigmoid" for data in [0, 1], "linear" for no last activation, as in R3GAN.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the images cannot be halved, `blocks` is less than 1, or `output` is unknown.
    """
    rng = as_generator(rng)
    make: dict[str, Any] = {"init": _normal(1.0), "rng": rng, "dtype": dtype}
    doublings = dcgan._doublings(image_shape)
    height, breadth, channels = image_shape[0] >> doublings, image_shape[1] >> doublings, width << doublings
    layers: dict[str, nn.Module] = {
        "dense": nn.Linear(latent, height * breadth * channels, **make),
        "shape": nn.Reshape(height, breadth, channels),
    }
    for stage in range(doublings + 1):
        if stage:
            layers[f"narrow{stage}"] = nn.Conv2d(2 * channels, channels, 1, bias=False, **make)
            layers[f"up{stage}"] = nn.BilinearUp()
        layers |= _stage(stage, channels, blocks, blocks * (doublings + 1), expansion, groups, slope, rng, dtype)
        channels //= 2
    layers["out"] = nn.Conv2d(width, image_shape[2], 1, **make)
    return nn.Sequential(**layers, **output_layer(output)).named("generator")


def critic(
    image_shape: Shape = (28, 28, 1), width: int = 32, blocks: int = 1, expansion: int = 2, groups: int = 1,
    slope: float = 0.2, outputs: int = 1, *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a residual critic (discriminator): images (N, *image_shape) -> logits (N, outputs).

    It consists of `blocks` residual blocks on each map, in the reverse order of the generator, and a dense layer. No
    sample depends on another, so every penalty may be applied to it.

    Args:
        image_shape: (H, W, C) of the images; H and W must be even and at least 6.
        width: Number of channels at full size.
        blocks: Number of blocks on each map, at least 1.
        expansion: Factor by which a block is wider inside.
        groups: Number of groups of the 3x3 convolutions.
        slope: Slope of the leaky ReLU.
        outputs: Number of outputs for each image.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the images cannot be halved, or `blocks` is less than 1.
    """
    rng = as_generator(rng)
    make: dict[str, Any] = {"init": _normal(1.0), "rng": rng, "dtype": dtype}
    doublings = dcgan._doublings(image_shape)
    layers: dict[str, nn.Module] = {"in": nn.Conv2d(image_shape[2], width, 1, **make)}
    channels = width
    for stage in range(doublings + 1):
        if stage:
            layers[f"down{stage}"] = nn.BilinearDown()
            layers[f"widen{stage}"] = nn.Conv2d(channels, 2 * channels, 1, bias=False, **make)
            channels *= 2
        layers |= _stage(stage, channels, blocks, blocks * (doublings + 1), expansion, groups, slope, rng, dtype)
    layers["flatten"] = nn.Flatten()
    size = (image_shape[0] >> doublings) * (image_shape[1] >> doublings) * channels
    layers["out"] = nn.Linear(size, outputs, **make)
    return nn.Sequential(**layers).named("critic")


def _stage(stage, channels, blocks, total, expansion, groups, slope, rng, dtype):
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, got {blocks}: the number of residual blocks on each map")
    return {
        f"block{stage}_{k}": Block(channels, total, expansion, groups, slope, rng=rng, dtype=dtype)
        for k in range(blocks)
    }


def _gain(slope):
    """Return the factor that keeps the variance through a leaky ReLU (He et al. 2015, equation 15)."""
    return math.sqrt(2 / (1 + slope * slope))


def _normal(gain):
    return lambda rng, shape, fan_in, fan_out: rng.normal(shape) * (gain / math.sqrt(fan_in))


if TYPE_CHECKING:
    discriminator = critic
else:
    __getattr__ = renamed(__name__, {"discriminator": "critic"})


def __dir__() -> list[str]:
    return sorted(__all__)
