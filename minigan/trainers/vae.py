"""The variational autoencoder in training: Adam up the evidence lower bound (Kingma and Welling 2014)."""

import numpy as np

from .. import optim, viz
from ..backend import move
from ..gan.descent import descend, gradients_of
from ..gan.undisturbed import undisturbed
from ..models.vae import VAE
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor
from . import schedules
from .base import BaseTrainer, part_of
from .device import chosen
from .networks import sample
from .sources import Images, published

COLUMNS = 10  # of the picture of a run: above, images, each beside its reconstruction; below, as many samples
SHOWN = 25


class VaeTrainer(BaseTrainer):
    """A VAE of `config.output`: tanh, a Gaussian of deviation `config.sigma`; sigmoid, Bernoulli pixels."""

    def __init__(self, config, dataset):
        config.check()
        self.config, self.device = config, chosen(config)
        weights, order, noise, split = Generator(config.seed).spawn(4)
        self.noise = noise.on(self.device)
        self.source = Images(config, dataset, order, split, self.device)
        self.loader = self.source.loader
        self.vae = build(config, self.source.shape, weights).to(self.device)
        self.optimizer = optim.Adam(self.vae.parameters(), betas=(config.beta1, config.beta2))
        (seen,) = self.source.held_out or self.source.scaled((dataset.images[:SHOWN],))
        self._shown = move(seen[:SHOWN], "cpu")
        self._norms = {}

    def step(self):
        """One update of encoder and decoder.  Returns {name: number}, in nats per image."""
        self.optimizer.lr = self.config.generator_lr * schedules.lr_factor(self.config, self.step_count)
        (x,) = self.loader.next_batch()
        terms = {"negative_elbo": self._loss(x, self.noise)}
        report, norm = descend(self.optimizer, *gradients_of(terms, self.optimizer.parameters))
        self._norms = {"vae_gradient": norm}
        self.step_count += 1
        return report

    def gradient_norms(self):
        """See `BaseTrainer.gradient_norms`."""
        return self._norms

    def test(self):
        """The negative evidence lower bound of the held-out images, by noise that is always the same."""
        if self.source.held_out is None:
            return {}
        with undisturbed(self.vae), no_grad():
            self.vae.eval()
            (x,) = self.source.held_out
            return {"test_negative_elbo": self._loss(x, Generator(self.config.seed, self.device)).item()}

    def draw(self, z, labels=None):
        """See `BaseTrainer.draw`: the mean of p(x|z)."""
        return published(self.config, sample(self.vae, z))

    def reconstruct(self, x):
        """Images (N, H, W, C) -> the mean of p(x|z) at the mean of q(z|x), float32, both in the range of training."""
        with undisturbed(self.vae), no_grad():
            self.vae.eval()
            mean, _ = self.vae.encode(Tensor(move(x, self.device)))
            return self.vae(mean).numpy()

    def picture(self, path):
        """Images beside their reconstructions, held out if any are; below, what the decoder makes of the prior."""
        x = self._shown
        both = np.stack([x, self.reconstruct(x)], axis=1).reshape(-1, *x.shape[1:])
        drawn = self.draw(Generator(self.config.seed).normal((len(both), self.config.latent)))
        viz.save_grid(path, np.concatenate([published(self.config, both), drawn]), COLUMNS)

    @staticmethod
    def samples(config, arrays, state, n, rng, label=None):
        """See `BaseTrainer.samples`: the mean of p(x|z) for z from the prior.  ValueError for a label."""
        if label is not None:
            raise ValueError(f"label {label}: this VAE has no classes")
        vae = build(config, tuple(state["shape"]), Generator(0))
        vae.load_state_dict(part_of(arrays, "vae"))
        return published(config, sample(vae, rng.normal((n, config.latent))))

    def state(self):
        """See `BaseTrainer.state`."""
        arrays, state = super().state()
        return arrays, state | {"shape": list(self.source.shape)}

    def parts(self):
        """Encoder and decoder in one, and their optimizer."""
        return {"vae": self.vae, "optimizer": self.optimizer}

    def generators(self):
        """The noise of the reparametrised draws."""
        return [self.noise]

    def _loss(self, x, rng):
        return -self.vae.elbo(Tensor(x), Tensor(rng.normal((len(x), self.config.latent)))).mean()


def build(config, shape, rng):
    """The VAE that `config` describes, of images (N, *shape); weights drawn from rng."""
    likelihood = "bernoulli" if config.output == "sigmoid" else "gaussian"
    return VAE(config.latent, shape, config.generator_width, config.kernel, likelihood, config.sigma, rng=rng)
