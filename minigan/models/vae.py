"""Variational autoencoder (Kingma and Welling 2014), built from the parts of the DCGAN that it is compared with.

Chapter 15 derives it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import nn, ops
from ..random import as_generator
from . import dcgan

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Array, DTypeLike, Generator, Shape, Tensor, TensorFunction

__all__ = ["VAE", "bernoulli", "elbo", "gaussian", "kl", "reparametrise"]


class VAE(nn.Module):
    """Variational autoencoder; called on z (N, latent) it returns images, like a generator.

    The encoder is a DCGAN critic with two heads, the mean and the log variance of q(z|x); the decoder is a DCGAN
    generator. The loss to minimise is -vae.elbo(x, noise).mean().

    Args:
        latent: Length of z.
        image_shape: (H, W, C) of the images; H and W must be even and at least 6.
        width: Width of encoder and decoder; see `dcgan`.
        kernel: Height and width of all kernels.
        likelihood: "gaussian" for images in [-1, 1], p(x|z) = N(tanh decoder, sigma^2); "bernoulli" for images in
            [0, 1], whose decoder returns logits.
        sigma: Standard deviation of the Gaussian likelihood, positive.
        rng: A `mg.random.Generator` or an integer seed, from which the weights are drawn. None takes a seed from the
            operating system, so that the weights differ from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Raises:
        ValueError: If the likelihood is unknown, sigma is not positive, or the images cannot be halved.
    """

    latent: int
    likelihood: str
    sigma: float
    encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(
        self, latent: int = 32, image_shape: Shape = (28, 28, 1), width: int = 32, kernel: int = 5,
        likelihood: str = "gaussian", sigma: float = 0.3,
        *, rng: Generator | int | None = None, dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        if likelihood not in ("gaussian", "bernoulli"):
            raise ValueError(f"likelihood must be gaussian or bernoulli, got {likelihood!r}")
        if not sigma > 0:
            raise ValueError(f"sigma must be positive, got {sigma}")
        rng = as_generator(rng)
        self.latent, self.likelihood, self.sigma = latent, likelihood, sigma
        self.encoder = dcgan.critic(image_shape, width, kernel, outputs=2 * latent, rng=rng, dtype=dtype)
        output = "tanh" if likelihood == "gaussian" else "linear"
        self.decoder = dcgan.generator(latent, image_shape, width, kernel, output=output, rng=rng, dtype=dtype)
        self.named("vae")

    def forward(self, z: Tensor | Array) -> Tensor:
        """Return the mean of p(x|z) for z (N, latent): images in the range of the data."""
        y = self.decoder(z)
        return y if self.likelihood == "gaussian" else ops.sigmoid(y)

    def encode(self, x: Tensor | Array) -> tuple[Tensor, Tensor]:
        """Return the mean and the log variance of q(z|x) for images x, (N, latent) each."""
        heads = self.encoder(x)
        return heads[:, : self.latent], heads[:, self.latent :]

    def log_likelihood(self, x: Tensor | Array, y: Tensor) -> Tensor:
        """Return log p(x|z) (N,) for images x, where y is the decoder's output for z."""
        return gaussian(x, y, self.sigma) if self.likelihood == "gaussian" else bernoulli(x, y)

    def elbo(self, x: Tensor | Array, noise: Tensor | Array) -> Tensor:
        """Return a lower bound on log p(x) for each image, (N,), from one draw of noise (N, latent) from N(0, I)."""
        return elbo(x, noise, self.encode, self.decoder, self.log_likelihood)


def elbo(
    x: Tensor | Array, noise: Tensor | Array, encode: Callable[..., tuple[Tensor, Tensor]], decode: TensorFunction,
    log_likelihood: TensorFunction,
) -> Tensor:  # fmt: skip
    """Return log p(x|z) - KL(q(z|x) || N(0, I)) at z = mean + standard deviation * noise for each sample, (N,).

    Its expectation over noise ~ N(0, I) is log p(x) - KL(q(z|x) || p(z|x)), the evidence lower bound (Kingma and
    Welling 2014, equations 3 and 10).

    Args:
        x: Samples (N, ...).
        noise: A draw from N(0, I), (N, latent).
        encode: Function from x to the mean and the log variance of q(z|x), both of the shape of `noise`.
        decode: Function from z (N, latent) to the parameters y of p(x|z).
        log_likelihood: Function from x and y to log p(x|z), (N,).

    Raises:
        ValueError: If mean, log variance and noise differ in shape.
    """
    mean, log_variance = encode(x)
    if mean.shape != noise.shape or log_variance.shape != noise.shape:
        raise ValueError(
            f"elbo: mean {mean.shape}, log variance {log_variance.shape} and noise {noise.shape} must have one shape"
        )
    return log_likelihood(x, decode(reparametrise(mean, log_variance, noise))) - kl(mean, log_variance)


def reparametrise(mean: Tensor, log_variance: Tensor, noise: Tensor | Array) -> Tensor:
    """Return a draw from N(mean, variance) through which gradients flow (Kingma and Welling 2014, section 2.4)."""
    return mean + ops.exp(0.5 * log_variance) * noise


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, I)) for each sample, (N,).

    It is 1/2 sum (variance + mean^2 - 1 - log variance) (Kingma and Welling 2014, appendix B).
    """
    return 0.5 * ops.sum(ops.expm1(log_variance) - log_variance + mean * mean, axis=1)


def gaussian(x: Tensor | Array, mean: Tensor, sigma: float) -> Tensor:
    """Return log N(x; mean, sigma^2 I), summed over all axes except the first: (N,).

    Raises:
        ValueError: If x and mean differ in shape.
    """
    _check(x, mean)
    r = ops.flatten((x - mean) / sigma)
    return -0.5 * ops.sum(r * r, axis=1) - r.shape[1] * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def bernoulli(x: Tensor | Array, logits: Tensor) -> Tensor:
    """Return the sum of x log p + (1 - x) log(1 - p), p = sigmoid(logits), over all axes except the first: (N,).

    The values of x lie in [0, 1].

    Raises:
        ValueError: If x and logits differ in shape.
    """
    _check(x, logits)
    return ops.sum(ops.flatten(x * logits - ops.softplus(logits)), axis=1)


def _check(x, y):
    if x.shape != y.shape:
        raise ValueError(f"a likelihood does not broadcast: x has shape {x.shape}, the decoder gave {y.shape}")


def __dir__() -> list[str]:
    return sorted(__all__)
