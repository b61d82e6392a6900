"""The variational autoencoder (Kingma and Welling 2014), of the same parts as the DCGAN that it is compared with."""

import math

from .. import nn, ops
from . import dcgan


class VAE(nn.Module):
    """Encoder: the DCGAN critic with two heads, mean and log variance of q(z|x).  Decoder: the DCGAN generator.

    likelihood: "gaussian" for images in [-1, 1], p(x|z) = N(tanh decoder, sigma^2); "bernoulli" for [0, 1], whose
    decoder gives logits.  The loss to minimise is -vae.elbo(x, noise).mean().  Called on z it decodes to images, like
    a generator.
    """

    def __init__(
        self, latent=32, image_shape=(28, 28, 1), width=32, kernel=5, likelihood="gaussian", sigma=0.3,
        *, rng=None, dtype="float32",
    ):  # fmt: skip
        if likelihood not in ("gaussian", "bernoulli"):
            raise ValueError(f"likelihood must be gaussian or bernoulli, got {likelihood!r}")
        if not sigma > 0:
            raise ValueError(f"sigma must be positive, got {sigma}")
        rng = nn.or_entropy(rng)
        self.latent, self.likelihood, self.sigma = latent, likelihood, sigma
        self.encoder = dcgan.discriminator(image_shape, width, kernel, outputs=2 * latent, rng=rng, dtype=dtype)
        output = "tanh" if likelihood == "gaussian" else "linear"
        self.decoder = dcgan.generator(latent, image_shape, width, kernel, output=output, rng=rng, dtype=dtype)
        self.named("vae")

    def forward(self, z):
        """z (N, latent) -> the mean of p(x|z), images in the range of the data."""
        y = self.decoder(z)
        return y if self.likelihood == "gaussian" else ops.sigmoid(y)

    def encode(self, x):
        """Images -> mean and log variance of q(z|x), (N, latent) each."""
        heads = self.encoder(x)
        return heads[:, : self.latent], heads[:, self.latent :]

    def log_likelihood(self, x, y):
        """log p(x|z) for what the decoder gave for z; (N,)."""
        return gaussian(x, y, self.sigma) if self.likelihood == "gaussian" else bernoulli(x, y)

    def elbo(self, x, noise):
        """A lower bound on log p(x) for each image, (N,), by one draw of noise (N, latent) from N(0, I)."""
        return elbo(x, noise, self.encode, self.decoder, self.log_likelihood)


def elbo(x, noise, encode, decode, log_likelihood):
    """log p(x|z) - KL(q(z|x) || N(0, I)) at z = mean + deviation * noise, for each sample: (N,).

    Its expectation over noise ~ N(0, I) is log p(x) - KL(q(z|x) || p(z|x)).
    encode(x) -> mean, log variance, both shaped like noise, (N, latent); decode(z) -> y; log_likelihood(x, y) -> (N,).
    Source: Kingma and Welling 2014, equations 3 and 10.
    """
    mean, log_variance = encode(x)
    if mean.shape != noise.shape or log_variance.shape != noise.shape:
        raise ValueError(
            f"elbo: mean {mean.shape}, log variance {log_variance.shape} and noise {noise.shape} must have one shape"
        )
    return log_likelihood(x, decode(reparametrise(mean, log_variance, noise))) - kl(mean, log_variance)


def reparametrise(mean, log_variance, noise):
    """A draw from N(mean, variance) through which gradients flow (Kingma and Welling 2014, section 2.4)."""
    return mean + ops.exp(0.5 * log_variance) * noise


def kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, I)) = 1/2 sum (variance + mean^2 - 1 - log variance), (N,); appendix B."""
    return 0.5 * ops.sum(ops.expm1(log_variance) - log_variance + mean * mean, axis=1)


def gaussian(x, mean, sigma):
    """log N(x; mean, sigma^2 I) summed over all axes but the first: (N,)."""
    _check(x, mean)
    r = ops.flatten((x - mean) / sigma)
    return -0.5 * ops.sum(r * r, axis=1) - r.shape[1] * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def bernoulli(x, logits):
    """sum x log p + (1 - x) log(1 - p) with p = sigmoid(logits), over all axes but the first: (N,); x in [0, 1]."""
    _check(x, logits)
    return ops.sum(ops.flatten(x * logits - ops.softplus(logits)), axis=1)


def _check(x, y):
    if x.shape != y.shape:
        raise ValueError(f"a likelihood does not broadcast: x has shape {x.shape}, the decoder gave {y.shape}")
