"""Residual networks without normalisation, after R3GAN (Huang et al. 2024, section 4), for small images.

What holds the signal's size in the place of normalisation is the initialisation ("Fix-up", Zhang et al. 2019,
section 3): a block starts as the identity, and as L blocks add up, what is inside them is scaled by L^(-1/4).
"""

import math

from .. import nn
from . import dcgan
from .dense import output_layer


class Block(nn.Module):
    """x (N, H, W, channels) -> x + conv 1x1 (conv 3x3 (conv 1x1 x)), leaky ReLU between: an inverted bottleneck.

    The inside is `expansion` times as wide, its 3x3 convolution divided into `groups`.
    blocks: L, how many there are in the network.  The exponent -1/4 is -1 / (2m - 2) for the m = 3 layers of a block.
    """

    def __init__(self, channels, blocks, expansion=2, groups=1, slope=0.2, *, rng=None, dtype="float32"):
        rng, inside = nn.or_entropy(rng), expansion * channels
        make = {"rng": rng, "dtype": dtype}
        init = _normal(_gain(slope) * blocks**-0.25)
        self.conv1 = nn.Conv2d(channels, inside, 1, init=init, **make)
        self.conv2 = nn.Conv2d(inside, inside, 3, padding=1, groups=groups, init=init, **make)
        self.conv3 = nn.Conv2d(inside, channels, 1, bias=False, init=_normal(0.0), **make)
        self.act = nn.LeakyReLU(slope)

    def forward(self, x):
        return x + self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))


def generator(
    latent=64, image_shape=(28, 28, 1), width=32, blocks=1, expansion=2, groups=1, slope=0.2, output="linear",
    *, rng=None, dtype="float32",
):  # fmt: skip
    """z (N, latent) -> dense -> `blocks` residual blocks on each map, from the smallest to the full size -> images.

    The channels halve as the sides double, down to `width`; the maps are those of `dcgan.generator`.  The resampling is
    bilinear, and 1x1 convolutions change the number of channels on the smaller map.
    output: as in `dense.generator`; R3GAN has none.
    """
    rng = nn.or_entropy(rng)
    make = {"init": _normal(1.0), "rng": rng, "dtype": dtype}
    doublings = dcgan._doublings(image_shape)
    height, breadth, channels = image_shape[0] >> doublings, image_shape[1] >> doublings, width << doublings
    layers = {
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


def discriminator(
    image_shape=(28, 28, 1), width=32, blocks=1, expansion=2, groups=1, slope=0.2, outputs=1,
    *, rng=None, dtype="float32",
):  # fmt: skip
    """Images -> `blocks` residual blocks on each of the generator's maps, in reverse -> dense -> (N, outputs).

    No sample depends on another, so every penalty may be taken through it.
    """
    rng = nn.or_entropy(rng)
    make = {"init": _normal(1.0), "rng": rng, "dtype": dtype}
    doublings = dcgan._doublings(image_shape)
    layers, channels = {"in": nn.Conv2d(image_shape[2], width, 1, **make)}, width
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
    """What keeps the variance through a leaky ReLU (He et al. 2015, equation 15)."""
    return math.sqrt(2 / (1 + slope * slope))


def _normal(gain):
    return lambda rng, shape, fan_in, fan_out: rng.normal(shape) * (gain / math.sqrt(fan_in))
