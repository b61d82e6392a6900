"""Fully connected generator and critic."""

import math

from .. import nn


def generator(
    latent=100, image_shape=(28, 28, 1), width=128, depth=2, slope=0.2, output="tanh",
    *, batch_norm=False, rng=None, dtype="float32",
):  # fmt: skip
    """z (N, latent) -> `depth` hidden layers of `width` with leaky ReLU -> (N, *image_shape).

    image_shape: any shape of one sample, (2,) for points in the plane.
    slope: of the leaky ReLU; 0 is ReLU.
    output: "tanh" for data in [-1, 1], "sigmoid" for [0, 1], "linear" for none.
    batch_norm: before each activation.
    """
    rng = nn.or_entropy(rng)
    layers = _hidden(latent, width, depth, slope, batch_norm, rng, dtype)
    layers["out"] = nn.Linear(width, math.prod(image_shape), init=nn.init.xavier, rng=rng, dtype=dtype)
    layers |= output_layer(output)
    layers["shape"] = nn.Reshape(*image_shape)
    return nn.Sequential(**layers).named("generator")


def discriminator(
    image_shape=(28, 28, 1), width=128, depth=2, slope=0.2, outputs=1,
    *, batch_norm=False, octaves=0, spectral=False, rng=None, dtype="float32",
):  # fmt: skip
    """x (N, *image_shape) -> `depth` hidden layers of `width` with leaky ReLU -> (N, outputs).

    image_shape, slope, batch_norm: as in `generator`; batch norm is not for a critic with a gradient penalty.
    octaves: of Fourier features appended to x, for data with edges sharper than the layers can draw; 0 is none.
    spectral: spectral normalisation of every layer with weights.
    """
    rng = nn.or_entropy(rng)
    layers, inputs = {"flatten": nn.Flatten()}, math.prod(image_shape)
    if octaves:
        layers["fourier"] = nn.FourierFeatures(octaves)
        inputs *= layers["fourier"].multiple
    layers |= _hidden(inputs, width, depth, slope, batch_norm, rng, dtype)
    layers["out"] = nn.Linear(width, outputs, init=nn.init.xavier, rng=rng, dtype=dtype)
    if spectral:
        layers = {k: nn.spectral_norm(v, rng=rng) if isinstance(v, nn.Linear) else v for k, v in layers.items()}
    return nn.Sequential(**layers).named("critic")


def output_layer(output):
    """The generator's last activation, by the range of its data."""
    known = {"tanh": {"tanh": nn.Tanh()}, "sigmoid": {"sigmoid": nn.Sigmoid()}, "linear": {}}
    if output not in known:
        raise ValueError(f"output must be one of {', '.join(known)}, got {output!r}")
    return known[output]


def _hidden(inputs, width, depth, slope, batch_norm, rng, dtype):
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}: the number of hidden layers")
    layers = {}
    for k in range(1, depth + 1):
        layers[f"dense{k}"] = nn.Linear(inputs, width, not batch_norm, init=nn.init.he, rng=rng, dtype=dtype)
        if batch_norm:
            layers[f"norm{k}"] = nn.BatchNorm(width, dtype=dtype)
        layers[f"act{k}"] = nn.LeakyReLU(slope) if slope else nn.ReLU()
        inputs = width
    return layers
