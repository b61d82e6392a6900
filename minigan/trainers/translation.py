"""Training of a translation from image to image: a U-Net, and a critic that judges patches of its output.

The generator minimises its loss plus `l1_weight` times the L1 distance to the target (Isola et al. 2017, equation 4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import data, gan, nn, optim, viz
from ..data import paired
from ..gan.ledger import Ledger
from ..gan.steps import Descent
from ..models.translation import PairedGenerator, patch_critic, unet
from ..random import Generator
from ..tensor import Tensor
from . import schedules
from .base import BaseTrainer, part_of
from .device import on, resident
from .networks import sample
from .sources import load_data, only_images, set_aside

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import NDArray, PathLike
    from .sources import Data

__all__ = ["TranslationTrainer", "pairs"]

STEEP = 128  # gray levels per pixel: edges this steep leave only dots of most outlines, so the rest must be imagined
SHOWN = 40  # translations in the picture of a run
ABREAST = 4  # of them in a row


class TranslationTrainer(BaseTrainer):
    """Trainer of a U-Net against a critic of patches, or without `config.adversary` on the L1 distance alone.

    Args:
        config: The configuration; its model is "unet", and `config.task` is what the U-Net learns.
        dataset: A `data.Dataset` of images.

    Attributes:
        generator: The U-Net.
        critic: The critic.
        game: The `gan.Game` that the two play.
        held_out: Inputs and targets that training never sees, float32 (n, H, W, C) in [-1, 1]; pictures and samples
            translate these.

    Raises:
        ValueError: If settings contradict each other or the data.
    """

    generator: PairedGenerator
    critic: nn.Module
    game: gan.Game
    held_out: tuple[NDArray[Any], ...]

    def __init__(self, config: Config, dataset: Data) -> None:
        super().__init__(config)
        generator, critic, order, split = Generator(config.seed).spawn(4)
        arrays, held_out = set_aside(pairs(config, dataset), config.held_out, split)
        self.held_out = _scaled(held_out)
        self.loader = data.Loader(resident(arrays, self.device), config.batch_size, order, transform=self._seen)
        x, y = arrays
        channels = y.shape[3]
        body = unet(
            x.shape[1:], channels, config.generator_width, config.depth, output=config.output, rng=generator
        )  # fmt: skip
        self.generator = PairedGenerator(body).to(self.device)
        self.critic = patch_critic(
            x.shape[3] + channels, config.critic_width, batch_norm=config.critic_norm, rng=critic
        ).to(self.device)  # fmt: skip
        captured: bool | Literal["if possible"] = "if possible" if self.device == "cuda" else False
        self.game = gan.Game(
            self.generator, self.critic,
            _adam(config, self.generator), _adam(config, self.critic), gan.losses.ALL[config.loss], content=self._l1,
            captured=captured,
        )  # fmt: skip
        self._ledger = Ledger(captured)
        self._alone = Descent("generator", self._terms, self.game.generator_optimizer, self._ledger)

    def step(self) -> dict[str, float]:
        """Update the critic, if the U-Net has an adversary, and the generator; see `BaseTrainer.step`."""
        self._set_lr()
        x, y = self.loader.next_batch()
        real = np.concatenate([x, y], axis=3)
        if self.config.adversary:
            report = self.game.critic_step(real, Tensor(x)) | self.game.generator_step(Tensor(x), real)
        else:
            report, self.game.gradient_norms["generator_gradient"] = self._alone(Tensor(real), Tensor(x))
        self.step_count += 1
        return report

    def settle(self) -> None:
        """Wait until all steps are computed; see `BaseTrainer.settle`."""
        self.game.settle()
        self._ledger.settle(wait=True)

    def gradient_norms(self) -> dict[str, float]:
        """Return the gradient norms of the networks; see `BaseTrainer.gradient_norms`."""
        return self.game.gradient_norms

    def test(self) -> dict[str, float]:
        """Return the mean absolute error of the held-out translations."""
        x, y = self.held_out
        return {"test_l1": float(abs(self.translate(x) - y).mean())}

    def translate(self, x: NDArray[Any]) -> NDArray[Any]:
        """Translate images in evaluation mode.

        Args:
            x: Inputs (N, H, W, C) in [-1, 1].

        Returns:
            Translations (N, H, W, C'), float32 in [-1, 1].
        """
        return sample(self.generator, x)[..., x.shape[3] :].clip(-1, 1)

    def picture(self, path: PathLike) -> None:
        """Draw held-out inputs, their translations and the targets, side by side."""
        x, y = (part[:SHOWN] for part in self.held_out)
        images = np.stack(_alike(x, self.translate(x), y), axis=1)
        viz.save_grid(path, images.reshape(-1, *images.shape[2:]), 3 * ABREAST)

    @staticmethod
    def samples(
        config: Config,
        arrays: dict[str, NDArray[Any]],
        state: dict[str, Any],
        n: int,
        rng: Generator,
        label: int | None = None,
    ) -> NDArray[Any]:
        """Translate held-out inputs from a saved state; see `BaseTrainer.samples`.

        Returns:
            Inputs, each beside its translation, (n, H, 2 W, C).

        Raises:
            ValueError: If a label is given, as translations have no classes, or fewer than n inputs are held out.
        """
        if label is not None:
            raise ValueError(f"label {label}: a translation starts from a held-out input, not from a class")
        if n > config.held_out:
            raise ValueError(f"n is {n}, but this run held out only {config.held_out} inputs to translate")
        trainer = TranslationTrainer(replace(config, device="cpu"), load_data(config))
        trainer.generator.load_state_dict(part_of(arrays, "generator"))
        x = trainer.held_out[0][rng.permutation(config.held_out)[:n]]
        return np.concatenate(_alike(x, trainer.translate(x)), axis=2)

    def parts(self) -> dict[str, Any]:
        """Return both networks and their optimizers."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.game.generator_optimizer,
            "critic_optimizer": self.game.critic_optimizer,
        }

    def generators(self) -> list[Generator]:
        """Return no generator: only the order of the data is random, and the loader has its own generator."""
        return []

    def _seen(self, batch):
        return _scaled(on(batch, self.device))

    def _terms(self, real, x):
        return {"content": self._l1(real, self.generator(x))}

    def _l1(self, real, fake):
        channels = self.held_out[1].shape[3]
        return self.config.l1_weight * abs(fake - real)[..., -channels:].mean()

    def _set_lr(self):
        factor = schedules.lr_factor(self.config, self.step_count)
        self.game.generator_optimizer.lr = self.config.generator_lr * factor
        self.game.critic_optimizer.lr = self.config.critic_lr * factor


def pairs(config: Config, dataset: Data) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return inputs and targets of the translation `config.task`.

    For "color" the targets are RGB images and the inputs their `luma`; gray images with labels get the color of their
    class. For "edges" the targets are the images, and the inputs those edges of their `edge_map` that are at least as
    steep as `STEEP`.

    Returns:
        Two uint8 arrays (N, H, W, C), whose sides are padded to multiples of 2 ** depth for the U-Net.

    Raises:
        ValueError: If the data are not images, or have neither colors nor labels of few enough classes.
    """
    dataset = only_images(config, dataset)
    images, labels = dataset.images, dataset.labels
    if config.task == "edges":
        both = paired.edges(images, STEEP)
    elif images.shape[3] == 3:
        both = paired.grayscale_to_color(images)
    elif labels is not None and dataset.classes <= len(paired.PALETTE):
        both = paired.color_digits(images, labels)
    else:
        raise ValueError(
            f"task color needs RGB images, or gray ones with labels of at most {len(paired.PALETTE)} classes; "
            f"{dataset.name} has {images.shape[3]} channel and {dataset.classes} classes"
        )
    x, y = (_padded(images, 2**config.depth) for images in both)
    return x, y


def _padded(images, multiple):
    rows, columns = (-side % multiple for side in images.shape[1:3])
    margins = [(0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)]
    return np.pad(images, margins, mode="edge")


def _scaled(batch):
    return tuple(data.scale(images) for images in batch)


def _alike(*batches):
    """Return the batches with equally many channels; the channel of gray images is repeated."""
    channels = max(x.shape[3] for x in batches)
    return [np.broadcast_to(x, (*x.shape[:3], channels)) if x.shape[3] == 1 else x for x in batches]


def _adam(config, network):
    return optim.Adam(network.parameters(), betas=(config.beta1, config.beta2))
