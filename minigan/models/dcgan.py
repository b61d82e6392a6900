"""DCGAN: strided convolutions down, transposed convolutions up (Radford et al. 2015); chapter 13 explains it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from .. import nn
from ..deprecation import renamed
from ..random import as_generator
from .dense import output_layer

if TYPE_CHECKING:
    from ..nn.init import Initialiser
    from ..types import DTypeLike, Generator, Shape

__all__ = ["critic", "generator"]


def generator(
    latent: int = 100, image_shape: Shape = (28, 28, 1), width: int = 64, kernel: int = 5, slope: float = 0.2,
    refine: bool = True, output: str = "tanh", init: Initialiser = nn.init.dcgan,
    *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a DCGAN generator: z (N, latent) -> images (N, *image_shape).

    It consists of a dense layer and transposed convolutions of stride 2 with batch norm and leaky ReLU. The number of
    channels halves as the sides double, down to `width` before the last layer. The sides of the smallest map are odd or
    at most 4 pixels: 7x7 for 28x28 images.

    Args:
        latent: Length of the noise vector.
        image_shape: (H, W, C) of the images; H and W must be even and at least 6.
        width: Number of channels before the last layer.
        kernel: Height and width of all kernels.
        slope: Slope of the leaky ReLU.
        refine: Whether to add a layer of stride 1 on the smallest map, as TensorFlow's DCGAN tutorial does.
        output: "tanh" for data in [-1, 1], "sigmoid" for data in [0, 1], "linear" for no last activation.
        init: Initialiser of all weights.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the images cannot be halved, or `output` is unknown.
    """
    rng = as_generator(rng)
    doublings = _doublings(image_shape)
    height, breadth, channels = image_shape[0] >> doublings, image_shape[1] >> doublings, image_shape[2]
    widths = [width << k for k in reversed(range(doublings))]
    widths = [2 * widths[0], *widths] if refine else widths
    first = height * breadth * widths[0]
    layers: dict[str, nn.Module] = {
        "dense": nn.Linear(latent, first, bias=False, init=init, rng=rng, dtype=dtype),
        "shape": nn.Reshape(height, breadth, widths[0]),
        "norm0": nn.BatchNorm(widths[0], dtype=dtype),
        "act0": nn.LeakyReLU(slope),
    }
    for k, (ci, co) in enumerate(zip(widths, [*widths[1:], channels], strict=True), 1):
        stride = 1 if refine and k == 1 else 2
        layers[f"conv{k}"] = nn.ConvTranspose2d(
            ci, co, kernel, stride, "same", bias=False, init=init, rng=rng, dtype=dtype
        )
        if k < len(widths):
            layers[f"norm{k}"] = nn.BatchNorm(co, dtype=dtype)
            layers[f"act{k}"] = nn.LeakyReLU(slope)
    return nn.Sequential(**layers, **output_layer(output)).named("generator")


def critic(
    image_shape: Shape = (28, 28, 1), width: int = 64, kernel: int = 5, slope: float = 0.2, dropout: float = 0.0,
    batch_norm: bool = False, outputs: int = 1, init: Initialiser = nn.init.dcgan, spectral: bool = False,
    minibatch_std: bool = False, *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a DCGAN critic (discriminator): images (N, *image_shape) -> logits (N, outputs).

    It consists of convolutions of stride 2 with leaky ReLU and a dense layer. The number of channels doubles from
    convolution to convolution, starting from `width`.

    Args:
        image_shape: (H, W, C) of the images; H and W must be even and at least 6.
        width: Number of channels after the first layer.
        kernel: Height and width of all kernels.
        slope: Slope of the leaky ReLU.
        dropout: Probability of dropout after each convolution.
        batch_norm: Whether to normalise after every convolution except the first; not for a critic with a gradient
            penalty.
        outputs: Number of outputs for each image.
        init: Initialiser of all weights.
        spectral: Whether to apply spectral normalisation to every layer with weights.
        minibatch_std: Whether to append the channel of `nn.MinibatchStd` before the dense layer; not for a critic with
            a gradient penalty.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the images cannot be halved.
    """
    rng = as_generator(rng)
    norm = partial(nn.spectral_norm, rng=rng) if spectral else lambda layer: layer
    doublings = _doublings(image_shape)
    height, breadth, channels = image_shape
    layers: dict[str, nn.Module] = {}
    for k in range(1, doublings + 1):
        co = width << (k - 1)
        normed = batch_norm and k > 1
        conv = nn.Conv2d(channels, co, kernel, 2, "same", bias=not normed, init=init, rng=rng, dtype=dtype)
        layers[f"conv{k}"] = norm(conv)
        if normed:
            layers[f"norm{k}"] = nn.BatchNorm(co, dtype=dtype)
        layers[f"act{k}"] = nn.LeakyReLU(slope)
        if dropout:
            layers[f"drop{k}"] = nn.Dropout(dropout, rng=rng.spawn())
        height, breadth, channels = height // 2, breadth // 2, co
    if minibatch_std:
        layers["spread"], channels = nn.MinibatchStd(), channels + 1
    layers["flatten"] = nn.Flatten()
    layers["out"] = norm(nn.Linear(height * breadth * channels, outputs, init=init, rng=rng, dtype=dtype))
    return nn.Sequential(**layers).named("critic")


def _doublings(image_shape):
    """Return the number of times that the sides can be halved until one of them is odd or at most 4 pixels."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape must be (H, W, C), got {image_shape}")
    height, breadth, _ = image_shape
    side, doublings = math.gcd(height, breadth), 0
    while side % 2 == 0 and min(height, breadth) >> doublings > 4:
        side, doublings = side // 2, doublings + 1
    if not doublings:
        raise ValueError(
            f"images of {height} x {breadth} cannot be halved: DCGAN needs even sides of at least 6 pixels"
        )
    return doublings


if TYPE_CHECKING:
    discriminator = critic
else:
    __getattr__ = renamed(__name__, {"discriminator": "critic"})


def __dir__() -> list[str]:
    return sorted(__all__)
