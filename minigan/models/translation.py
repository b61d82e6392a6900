"""Image-to-image translation: a small U-Net, and a critic that scores patches of image pairs (Isola et al. 2017).

A pair is one image that holds the channels of both, so every loss, penalty and game works on pairs as on any images:

    generator = PairedGenerator(unet(...))      x -> (x, G(x))
    critic = patch_critic(channels=1 + 3)       (x, y) -> a logit for each patch
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from .. import nn, ops
from ..random import as_generator
from . import dcgan
from .dense import output_layer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..types import Array, DTypeLike, Generator, Shape, Tensor

__all__ = ["PairedGenerator", "UNet", "pair", "patch_critic", "receptive_field", "unet"]


class UNet(nn.Module):
    """U-Net: halve the sides of images, double them again, and pass each map across to the layer of the same size.

    The function `unet` builds one.

    Args:
        down: Layers that halve the sides.
        up: Layers that double the sides, one fewer than `down`.
        out: Last layer, which doubles the sides once more.
    """

    down: list[nn.Module]
    up: list[nn.Module]
    out: nn.Module

    def __init__(self, down: Iterable[nn.Module], up: Iterable[nn.Module], out: nn.Module) -> None:
        self.down, self.up, self.out = list(down), list(up), out

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        maps.pop()
        for layer in self.up:
            x = ops.concatenate([layer(x), maps.pop()], axis=3)
        return self.out(x)


def unet(
    image_shape: Shape = (28, 28, 1), channels: int = 3, width: int = 32, depth: int | None = None,
    batch_norm: bool = True, dropout: float = 0.0, output: str = "tanh",
    *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> UNet:  # fmt: skip
    """Build a U-Net: images (N, *image_shape) -> images (N, H, W, channels) (Isola et al. 2017, appendix 6.1.1).

    It consists of 4x4 convolutions of stride 2, with leaky ReLU of slope 0.2 on the way down and ReLU on the way up.
    The number of channels doubles on the way down, starting from `width`.

    Args:
        image_shape: (H, W, C) of the input.
        channels: Number of channels of the output.
        width: Number of channels after the first layer.
        depth: Number of times that the sides are halved; None for the same number as in `dcgan`.
        batch_norm: Whether to normalise after every convolution except the first and the last.
        dropout: Probability of dropout on the way up, in the paper the only source of noise.
        output: "tanh" for data in [-1, 1], "sigmoid" for data in [0, 1], "linear" for no last activation.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the sides cannot be halved `depth` times, or `output` is unknown.
    """
    rng = as_generator(rng)
    depth = dcgan._doublings(image_shape) if depth is None else depth
    if depth < 1 or image_shape[0] % 2**depth or image_shape[1] % 2**depth:
        raise ValueError(f"unet: images of {image_shape} cannot be halved {depth} times; depth must be at least 1")
    make: dict[str, Any] = {"init": nn.init.he, "rng": rng, "dtype": dtype}
    widths = [image_shape[2], *[width << k for k in range(depth)]]
    down = [
        _layer(nn.Conv2d, ci, co, batch_norm and k > 0, 0.0, nn.LeakyReLU(0.2), make)
        for k, (ci, co) in enumerate(itertools.pairwise(widths))
    ]
    up, ci = [], widths[-1]
    for co in reversed(widths[1:-1]):
        up.append(_layer(nn.ConvTranspose2d, ci, co, batch_norm, dropout, nn.ReLU(), make))
        ci = 2 * co  # `UNet` appends the map of the same size from the way down
    out = nn.Sequential(conv=nn.ConvTranspose2d(ci, channels, 4, 2, "same", **make), **output_layer(output))
    return UNet(down, up, out).named("generator")


def _layer(convolution, ci, co, batch_norm, dropout, activation, make) -> nn.Sequential:
    layers: dict[str, nn.Module] = {"conv": convolution(ci, co, 4, 2, "same", bias=not batch_norm, **make)}
    if batch_norm:
        layers["norm"] = nn.BatchNorm(co, dtype=make["dtype"])
    if dropout:
        layers["drop"] = nn.Dropout(dropout, rng=make["rng"].spawn())
    return nn.Sequential(**layers, act=activation)


def patch_critic(
    channels: int = 4, width: int = 32, depth: int = 1, batch_norm: bool = False, slope: float = 0.2,
    *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a PatchGAN critic: pairs (N, H, W, channels) -> logits (N, H', W', 1), one for each patch.

    It consists of 4x4 convolutions with padding 1: `depth` of stride 2, one of stride 1, and one to the logits. The
    number of channels doubles from convolution to convolution, starting from `width`. The sides of a patch,
    `receptive_field(critic)`, are 16, 34, 70 pixels for depth 1, 2, 3 (Isola et al. 2017, appendix 6.1.2).

    Args:
        channels: Number of channels of a pair: both images together.
        width: Number of channels after the first layer.
        depth: Number of convolutions of stride 2, at least 1.
        batch_norm: Whether to normalise after every convolution except the first and the last; not for a critic with a
            gradient penalty.
        slope: Slope of the leaky ReLU.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If `depth` is less than 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}: the number of convolutions of stride 2")
    rng = as_generator(rng)
    make: dict[str, Any] = {"init": nn.init.he, "rng": rng, "dtype": dtype}
    layers: dict[str, nn.Module] = {}
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
    """Generator of pairs: x -> (x, body(x)), which the critic compares with real pairs; `body(x)` is the translation.

    Args:
        body: A network from images (N, H, W, C) to images (N, H, W, C'), such as a U-Net.
    """

    body: nn.Module

    def __init__(self, body: nn.Module) -> None:
        self.body = body
        self.named("generator")

    def forward(self, x: Tensor) -> Tensor:
        return pair(x, self.body(x))


def pair(x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """Join images (N, H, W, C) and (N, H, W, C') into images (N, H, W, C + C')."""
    return ops.concatenate([x, y], axis=3)


def receptive_field(network: nn.Module) -> tuple[int, int]:
    """Return the largest (rows, columns) of the input that one number of a network's output can depend on.

    The field is followed back through the convolutions and transposed convolutions, in the order of the network's
    layers. Skip connections are ignored, because the layers that they skip have at least the same field. For padding
    "same" the strides are assumed to divide the sides. Batch norm, which depends on the whole batch, is ignored.

    Raises:
        ValueError: If the network has no convolution.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    if not layers:
        raise ValueError("receptive_field: the network has no convolution")
    return _reach(layers, 0), _reach(layers, 1)


def _reach(layers, axis):
    """Return the length of the longest interval of input that one output position depends on.

    The length depends on the position modulo the product of the strides, so all these positions are tried.
    """
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
    """Return (stride, extent of the kernel, padding before) along one axis."""
    stride, dilation, padding = (layer.options[name] for name in ("stride", "dilation", "padding"))
    stride, dilation = (v[axis] if isinstance(v, tuple | list) else v for v in (stride, dilation))
    extent = dilation * (layer.weight.shape[axis] - 1) + 1
    if padding == "same":
        padding = max(extent - stride, 0) // 2
    elif isinstance(padding, tuple | list):
        padding = padding[axis][0]
    return stride, extent, 0 if padding == "valid" else padding


def __dir__() -> list[str]:
    return sorted(__all__)
