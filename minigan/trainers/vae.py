"""Training of a variational autoencoder by maximising the evidence lower bound (Kingma and Welling 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optim, viz
from ..backend import move
from ..gan.ledger import Ledger
from ..gan.reports import Report
from ..gan.steps import Descent
from ..gan.undisturbed import undisturbed
from ..models.vae import VAE
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor
from . import schedules
from .base import BaseTrainer, part_of
from .networks import sample
from .sources import Images, only_images, published

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import Array, NDArray, PathLike, Shape
    from .sources import Data

__all__ = ["VaeTrainer", "build"]

COLUMNS = 10  # columns in the picture of a run: images beside their reconstructions, and as many samples below
SHOWN = 25  # images that are shown with their reconstructions


class VaeTrainer(BaseTrainer):
    """Trainer of a VAE: `config.output` tanh makes its pixels Gaussian, sigmoid makes them Bernoulli.

    Args:
        config: The configuration; its model is "vae".
        dataset: A `data.Dataset` of images.

    Attributes:
        vae: The `models.vae.VAE`, encoder and decoder.
        optimizer: The optimizer of both.
        source: The data, in the range of the network.
        noise: The generator of the latent noise.

    Raises:
        ValueError: If settings contradict each other or the data.
    """

    vae: VAE
    optimizer: optim.Adam
    source: Images
    noise: Generator

    def __init__(self, config: Config, dataset: Data) -> None:
        super().__init__(config)
        dataset = only_images(config, dataset)
        weights, order, noise, split = Generator(config.seed).spawn(4)
        self.noise = noise.on(self.device)
        self.source = Images(config, dataset, order, split, self.device)
        self.loader = self.source.loader
        self.vae = build(config, self.source.shape, weights).to(self.device)
        self.optimizer = optim.Adam(self.vae.parameters(), betas=(config.beta1, config.beta2))
        (seen,) = self.source.held_out or self.source.scaled((dataset.images[:SHOWN],))
        self._shown = move(seen[:SHOWN], "cpu")
        self._norms = Report()
        self._ledger = Ledger("if possible" if self.device == "cuda" else False)
        self._descent = Descent("vae", self._terms, self.optimizer, self._ledger)

    def step(self) -> dict[str, float]:
        """Update encoder and decoder, and return the loss in nats per image; see `BaseTrainer.step`."""
        self.optimizer.lr = self.config.generator_lr * schedules.lr_factor(self.config, self.step_count)
        (x,) = self.loader.next_batch()
        report, self._norms["vae_gradient"] = self._descent(Tensor(x))
        self.step_count += 1
        return report

    def settle(self) -> None:
        """Wait until all steps are computed; see `BaseTrainer.settle`."""
        self._ledger.settle(wait=True)

    def gradient_norms(self) -> dict[str, float]:
        """Return the norm of the gradient; see `BaseTrainer.gradient_norms`."""
        return self._norms

    def test(self) -> dict[str, float]:
        """Return the negative evidence lower bound of held-out images, with noise that is the same at every call."""
        if self.source.held_out is None:
            return {}
        with undisturbed(self.vae), no_grad():
            self.vae.eval()
            (x,) = self.source.held_out
            return {"test_negative_elbo": self._loss(Tensor(x), Generator(self.config.seed, self.device)).item()}

    def draw(self, z: Array, labels: Array | None = None) -> NDArray[Any]:
        """Return the means of p(x|z); see `BaseTrainer.draw`."""
        return published(self.config, sample(self.vae, z))

    def reconstruct(self, x: Array) -> NDArray[Any]:
        """Return the mean of p(x|z) at the mean of q(z|x).

        Args:
            x: Images (N, H, W, C) in the range of the network's output.

        Returns:
            Reconstructions (N, H, W, C), float32, in the same range.
        """
        with undisturbed(self.vae), no_grad():
            self.vae.eval()
            mean, _ = self.vae.encode(Tensor(move(x, self.device)))
            return self.vae(mean).numpy()

    def picture(self, path: PathLike) -> None:
        """Draw images beside their reconstructions, held-out ones if there are any, and below them samples."""
        x = self._shown
        both = np.stack([x, self.reconstruct(x)], axis=1).reshape(-1, *x.shape[1:])
        drawn = self.draw(Generator(self.config.seed).normal((len(both), self.config.latent)))
        viz.save_grid(path, np.concatenate([published(self.config, both), drawn]), COLUMNS)

    @staticmethod
    def samples(
        config: Config,
        arrays: dict[str, NDArray[Any]],
        state: dict[str, Any],
        n: int,
        rng: Generator,
        label: int | None = None,
    ) -> NDArray[Any]:
        """Return the means of p(x|z) for random z, from a saved state; see `BaseTrainer.samples`."""
        if label is not None:
            raise ValueError(f"label {label}: this VAE has no classes")
        vae = build(config, tuple(state["shape"]), Generator(0))
        vae.load_state_dict(part_of(arrays, "vae"))
        return published(config, sample(vae, rng.normal((n, config.latent))))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the state of the training; see `BaseTrainer.state`."""
        arrays, state = super().state()
        return arrays, state | {"shape": list(self.source.shape)}

    def parts(self) -> dict[str, Any]:
        """Return encoder and decoder, as one module, and their optimizer."""
        return {"vae": self.vae, "optimizer": self.optimizer}

    def generators(self) -> list[Generator]:
        """Return the generator of the latent noise."""
        return [self.noise]

    def _terms(self, x):
        return {"negative_elbo": self._loss(x, self.noise)}

    def _loss(self, x, rng):
        return -self.vae.elbo(x, Tensor(rng.normal((len(x), self.config.latent)))).mean()


def build(config: Config, shape: Shape, rng: Generator) -> VAE:
    """Return a new VAE.

    Args:
        config: The configuration.
        shape: The shape (H, W, C) of one image.
        rng: The generator of the initial weights.
    """
    likelihood = "bernoulli" if config.output == "sigmoid" else "gaussian"
    return VAE(config.latent, shape, config.generator_width, config.kernel, likelihood, config.sigma, rng=rng)
