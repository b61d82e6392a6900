"""Fully connected generator and critic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import nn
from ..deprecation import renamed
from ..random import as_generator

if TYPE_CHECKING:
    from ..types import DTypeLike, Generator, Shape

__all__ = ["critic", "generator", "output_layer"]


def generator(
    latent: int = 100, image_shape: Shape = (28, 28, 1), width: int = 128, depth: int = 2, slope: float = 0.2,
    output: str = "tanh", *, batch_norm: bool = False, rng: Generator | int | None = None,
    dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a fully connected generator: z (N, latent) -> samples (N, *image_shape).

    Args:
        latent: Length of the noise vector.
        image_shape: Shape of one sample, of any rank: (2,) for points in the plane.
        width: Number of features of each hidden layer.
        depth: Number of hidden layers, at least 1.
        slope: Slope of the leaky ReLU; 0 is ReLU.
        output: "tanh" for data in [-1, 1], "sigmoid" for data in [0, 1], "linear" for no last activation.
        batch_norm: Whether to normalise before each hidden activation.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If `depth` is less than 1, or `output` is unknown.
    """
    rng = as_generator(rng)
    layers = _hidden(latent, width, depth, slope, batch_norm, rng, dtype)
    layers["out"] = nn.Linear(width, math.prod(image_shape), init=nn.init.xavier, rng=rng, dtype=dtype)
    layers |= output_layer(output)
    layers["shape"] = nn.Reshape(*image_shape)
    return nn.Sequential(**layers).named("generator")


def critic(
    image_shape: Shape = (28, 28, 1), width: int = 128, depth: int = 2, slope: float = 0.2, outputs: int = 1,
    *, batch_norm: bool = False, octaves: int = 0, spectral: bool = False, rng: Generator | int | None = None,
    dtype: DTypeLike = "float32",
) -> nn.Sequential:  # fmt: skip
    """Build a fully connected critic (discriminator): samples (N, *image_shape) -> logits (N, outputs).

    Args:
        image_shape: Shape of one sample, of any rank: (2,) for points in the plane.
        width: Number of features of each hidden layer.
        depth: Number of hidden layers, at least 1.
        slope: Slope of the leaky ReLU; 0 is ReLU.
        outputs: Number of outputs for each sample.
        batch_norm: Whether to normalise before each hidden activation; not for a critic with a gradient penalty.
        octaves: Number of frequencies of the Fourier features that are appended to the input, for data with sharp
            edges; 0 for none.
        spectral: Whether to apply spectral normalisation to every layer with weights.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If `depth` is less than 1.
    """
    rng = as_generator(rng)
    layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    inputs = math.prod(image_shape)
    if octaves:
        layers["fourier"] = fourier = nn.FourierFeatures(octaves)
        inputs *= fourier.multiple
    layers |= _hidden(inputs, width, depth, slope, batch_norm, rng, dtype)
    layers["out"] = nn.Linear(width, outputs, init=nn.init.xavier, rng=rng, dtype=dtype)
    if spectral:
        layers = {k: nn.spectral_norm(v, rng=rng) if isinstance(v, nn.Linear) else v for k, v in layers.items()}
    return nn.Sequential(**layers).named("critic")


def output_layer(output: str) -> dict[str, nn.Module]:
    """Return the generator's last activation as {name: layer}: "tanh", "sigmoid", or none for "linear"."""
    known: dict[str, dict[str, nn.Module]] = {
        "tanh": {"tanh": nn.Tanh()},
        "sigmoid": {"sigmoid": nn.Sigmoid()},
        "linear": {},
    }
    if output not in known:
        raise ValueError(f"output must be one of {', '.join(known)}, got {output!r}")
    return known[output]


def _hidden(inputs, width, depth, slope, batch_norm, rng, dtype) -> dict[str, nn.Module]:
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}: the number of hidden layers")
    layers: dict[str, nn.Module] = {}
    for k in range(1, depth + 1):
        layers[f"dense{k}"] = nn.Linear(inputs, width, not batch_norm, init=nn.init.he, rng=rng, dtype=dtype)
        if batch_norm:
            layers[f"norm{k}"] = nn.BatchNorm(width, dtype=dtype)
        layers[f"act{k}"] = nn.LeakyReLU(slope) if slope else nn.ReLU()
        inputs = width
    return layers


if TYPE_CHECKING:
    discriminator = critic
else:
    __getattr__ = renamed(__name__, {"discriminator": "critic"})


def __dir__() -> list[str]:
    return sorted(__all__)
