"""From image to image: a small U-Net, and a critic of patches of (input, output) pairs (Isola et al. 2017).

A pair is one image with the channels of both, so every loss, penalty and game plays on pairs as on any images:

    generator = PairedGenerator(unet(...))      x -> (x, G(x))
    critic = patch_critic(channels=1 + 3)       (x, y) -> a logit for each patch
"""

import itertools
import math

from .. import nn, ops
from . import dcgan
from .dense import output_layer


class UNet(nn.Module):
    """Halve the sides `depth` times, double them again, each map of the way down handed to its equal on the way up.

    See `unet`, which makes one.
    """

    def __init__(self, down, up, out):
        self.down, self.up, self.out = list(down), list(up), out

    def forward(self, x):
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        maps.pop()
        for layer in self.up:
            x = ops.concatenate([layer(x), maps.pop()], axis=3)
        return self.out(x)


def unet(
    image_shape=(28, 28, 1), channels=3, width=32, depth=None, batch_norm=True, dropout=0.0, output="tanh",
    *, rng=None, dtype="float32",
):  # fmt: skip
    """Images (N, *image_shape) -> (N, H, W, channels) (Isola et al. 2017, appendix 6.1.1).

    Convolutions 4x4 of stride 2, the channels doubling from `width`; leaky ReLU .2 on the way down, ReLU up.
    depth: how often the sides are halved; None: as often as `dcgan` does.
    dropout: on the way up, the only noise there is in the paper.
    """
    rng = nn.or_entropy(rng)
    depth = dcgan._doublings(image_shape) if depth is None else depth
    if depth < 1 or image_shape[0] % 2**depth or image_shape[1] % 2**depth:
        raise ValueError(f"unet: images of {image_shape} cannot be halved {depth} times; depth must be at least 1")
    make = {"init": nn.init.he, "rng": rng, "dtype": dtype}
    widths = [image_shape[2], *[width << k for k in range(depth)]]
    down = [
        _layer(nn.Conv2d, ci, co, batch_norm and k > 0, 0.0, nn.LeakyReLU(0.2), make)
        for k, (ci, co) in enumerate(itertools.pairwise(widths))
    ]
    up, ci = [], widths[-1]
    for co in reversed(widths[1:-1]):
        up.append(_layer(nn.ConvTranspose2d, ci, co, batch_norm, dropout, nn.ReLU(), make))
        ci = 2 * co  # with the map from the way down
    out = nn.Sequential(conv=nn.ConvTranspose2d(ci, channels, 4, 2, "same", **make), **output_layer(output))
    return UNet(down, up, out).named("generator")


def _layer(convolution, ci, co, batch_norm, dropout, activation, make):
    layers = {"conv": convolution(ci, co, 4, 2, "same", bias=not batch_norm, **make)}
    if batch_norm:
        layers["norm"] = nn.BatchNorm(co, dtype=make["dtype"])
    if dropout:
        layers["drop"] = nn.Dropout(dropout, rng=make["rng"].spawn())
    return nn.Sequential(**layers, act=activation)


def patch_critic(channels=4, width=32, depth=1, batch_norm=False, slope=0.2, *, rng=None, dtype="float32"):
    """Pairs (N, H, W, channels) -> logits (N, H', W', 1), each of one patch of `receptive_field` pixels.

    `depth` convolutions 4x4 of stride 2, the channels doubling from `width`, one more of stride 1, one to the logits;
    padding 1: patches of 16, 34, 70 pixels for depth 1, 2, 3 (Isola et al. 2017, appendix 6.1.2).
    batch_norm: after every convolution but the first and the last; not for a critic with a gradient penalty.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}: the number of convolutions of stride 2")
    rng = nn.or_entropy(rng)
    make = {"init": nn.init.he, "rng": rng, "dtype": dtype}
    layers = {}
    for k in range(depth + 1):
        co, normed = width << k, batch_norm and k > 0
        stride = 2 if k < depth else 1
        layers[f"conv{k + 1}"] = nn.Conv2d(channels, co, 4, stride, 1, bias=not normed, **make)
        if normed:
            layers[f"norm{k + 1}"] = nn.BatchNorm(co, dtype=dtype)
        layers[f"act{k + 1}"] = nn.LeakyReLU(slope)
        channels = co
    layers["out"] = nn.Conv2d(channels, 1, 4, 1, 1, **make)
    return nn.Sequential(**layers).named("critic")


class PairedGenerator(nn.Module):
    """x -> (x, body(x)), the pairs that the critic is to take for real ones; `body(x)` alone is the translation."""

    def __init__(self, body):
        self.body = body
        self.named("generator")

    def forward(self, x):
        return pair(x, self.body(x))


def pair(x, y):
    """Images (N, H, W, C) and (N, H, W, C') -> one image (N, H, W, C + C')."""
    return ops.concatenate([x, y], axis=3)


def receptive_field(network):
    """(rows, columns) of its input that one number of a network's output can depend on, at most.

    Goes back through the convolutions and transposed convolutions, in the order of the network's layers; skipped
    connections see no more than the way around.  Padding "same" is taken to be of sides that the strides divide.
    Normalisation by statistics of a batch sees everything, and is left out of account.
    """
    layers = [m for _, m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    if not layers:
        raise ValueError("receptive_field: the network has no convolution")
    return tuple(_reach(layers, axis) for axis in (0, 1))


def _reach(layers, axis):
    """The longest interval of input that leads to one output position: it depends on the position's phase."""
    sizes = [_sizes(layer, axis) for layer in layers]
    lengths = []
    for position in range(math.prod(stride for stride, _, _ in sizes)):
        low = high = position
        for layer, (stride, extent, before) in zip(reversed(layers), reversed(sizes), strict=True):
            if isinstance(layer, nn.ConvTranspose2d):  # output o takes inputs i, o = stride i - before + [0, extent)
                low, high = -((extent - 1 - low - before) // stride), (high + before) // stride
            else:
                low, high = stride * low - before, stride * high - before + extent - 1
        lengths.append(high - low + 1)
    return max(lengths)


def _sizes(layer, axis):
    """(stride, extent, padding before) along one axis."""
    stride, dilation, padding = (layer.options[name] for name in ("stride", "dilation", "padding"))
    stride, dilation = (v[axis] if isinstance(v, tuple | list) else v for v in (stride, dilation))
    extent = dilation * (layer.weight.shape[axis] - 1) + 1
    if padding == "same":
        padding = max(extent - stride, 0) // 2
    elif isinstance(padding, tuple | list):
        padding = padding[axis][0]
    return stride, extent, 0 if padding == "valid" else padding
