"""DCGAN: strided convolutions down, transposed convolutions up (Radford et al. 2015)."""

import math
from functools import partial

from .. import nn
from .dense import output_layer


def generator(
    latent=100, image_shape=(28, 28, 1), width=64, kernel=5, slope=0.2, refine=True, output="tanh", init=nn.init.dcgan,
    *, rng=None, dtype="float32",
):  # fmt: skip
    """z (N, latent) -> dense -> transposed convolutions of stride 2, each with batch norm and leaky ReLU -> images.

    The channels halve as the sides double, down to `width` before the last layer; the smallest map is that which is
    odd or at most 4 pixels wide: 7x7 for 28x28 images.
    refine: an additional stride-1 layer on the smallest map, as in TensorFlow's DCGAN tutorial.
    """
    rng = nn.or_entropy(rng)
    doublings = _doublings(image_shape)
    height, breadth, channels = image_shape[0] >> doublings, image_shape[1] >> doublings, image_shape[2]
    widths = [width << k for k in reversed(range(doublings))]
    widths = [2 * widths[0], *widths] if refine else widths
    first = height * breadth * widths[0]
    layers = {
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


def discriminator(
    image_shape=(28, 28, 1), width=64, kernel=5, slope=0.2, dropout=0.0, batch_norm=False, outputs=1,
    init=nn.init.dcgan, spectral=False, minibatch_std=False, *, rng=None, dtype="float32",
):  # fmt: skip
    """Images -> convolutions of stride 2 with leaky ReLU, the channels doubling from `width` -> dense -> (N, outputs).

    batch_norm: after every convolution but the first; not for a critic with a gradient penalty.
    spectral: spectral normalisation of every layer with weights.
    minibatch_std: one more channel before the dense layer, `nn.MinibatchStd`; not for a critic with a gradient penalty.
    """
    rng = nn.or_entropy(rng)
    norm = partial(nn.spectral_norm, rng=rng) if spectral else lambda layer: layer
    doublings = _doublings(image_shape)
    height, breadth, channels = image_shape
    layers = {}
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
    """How often the sides can be halved: until one is odd, or the map is 4 pixels wide."""
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
