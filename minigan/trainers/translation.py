"""From image to image in training: a U-Net that is to hit a target, and a critic of plausible patches.

The generator minimises its loss plus `l1_weight` times the L1 distance to the target (Isola et al. 2017, equation 4).
"""

from dataclasses import replace

import numpy as np

from .. import data, gan, optim, viz
from ..data import paired
from ..gan.descent import descend, gradients_of
from ..models.translation import PairedGenerator, patch_critic, unet
from ..random import Generator
from ..tensor import Tensor
from . import schedules
from .base import BaseTrainer, part_of
from .device import chosen, on, resident
from .networks import sample
from .sources import load_data, set_aside

STEEP = 128  # levels per pixel: of most outlines some dots are left, so that the rest has to be imagined
SHOWN = 40  # translations in the picture of a run
ABREAST = 4  # of them in a row


class TranslationTrainer(BaseTrainer):
    """The U-Net of `config.task` against a critic of patches, or with `config.adversary` off by L1 alone.

    held_out: inputs and targets that training never sees, float32 (n, H, W, C) in [-1, 1]; what pictures and samples
    translate.
    """

    def __init__(self, config, dataset):
        config.check()
        self.config, self.device = config, chosen(config)
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
        self.game = gan.Game(
            self.generator, self.critic,
            _adam(config, self.generator), _adam(config, self.critic), gan.losses.ALL[config.loss], content=self._l1,
        )  # fmt: skip

    def step(self):
        """One update of the critic, if there is one, and one of the generator.  Returns {name: number}."""
        self._set_lr()
        x, y = self.loader.next_batch()
        real = np.concatenate([x, y], axis=3)
        if self.config.adversary:
            report = self.game.critic_step(real, Tensor(x)) | self.game.generator_step(Tensor(x), real)
        else:
            optimizer = self.game.generator_optimizer
            terms = {"content": self._l1(Tensor(real), self.generator(Tensor(x)))}
            found = gradients_of(terms, optimizer.parameters)
            report, self.game.gradient_norms["generator_gradient"] = descend(optimizer, *found)
        self.step_count += 1
        return report

    def gradient_norms(self):
        """See `BaseTrainer.gradient_norms`."""
        return self.game.gradient_norms

    def test(self):
        """The mean absolute error of the held-out translations."""
        x, y = self.held_out
        return {"test_l1": float(abs(self.translate(x) - y).mean())}

    def translate(self, x):
        """Inputs (N, H, W, C) -> their translations (N, H, W, C'), float32 in [-1, 1], in evaluation mode."""
        return sample(self.generator, x)[..., x.shape[3] :].clip(-1, 1)

    def picture(self, path):
        """Held-out inputs, their translations and the targets, side by side."""
        x, y = (part[:SHOWN] for part in self.held_out)
        images = np.stack(_alike(x, self.translate(x), y), axis=1)
        viz.save_grid(path, images.reshape(-1, *images.shape[2:]), 3 * ABREAST)

    @staticmethod
    def samples(config, arrays, state, n, rng, label=None):
        """n held-out inputs, each beside its translation: (n, H, 2 W, C).

        ValueError for a label, since nothing here has classes to ask for, or if fewer than n are held out.
        """
        if label is not None:
            raise ValueError(f"label {label}: a translation starts from a held-out input, not from a class")
        if n > config.held_out:
            raise ValueError(f"n is {n}, but this run held out only {config.held_out} inputs to translate")
        trainer = TranslationTrainer(replace(config, device="cpu"), load_data(config))
        trainer.generator.load_state_dict(part_of(arrays, "generator"))
        x = trainer.held_out[0][rng.permutation(config.held_out)[:n]]
        return np.concatenate(_alike(x, trainer.translate(x)), axis=2)

    def parts(self):
        """Both networks and their optimizers."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.game.generator_optimizer,
            "critic_optimizer": self.game.critic_optimizer,
        }

    def generators(self):
        """None: only the order of the data is random, and that is the loader's."""
        return []

    def _seen(self, batch):
        return _scaled(on(batch, self.device))

    def _l1(self, real, fake):
        channels = self.held_out[1].shape[3]
        return self.config.l1_weight * abs(fake - real)[..., -channels:].mean()

    def _set_lr(self):
        factor = schedules.lr_factor(self.config, self.step_count)
        self.game.generator_optimizer.lr = self.config.generator_lr * factor
        self.game.critic_optimizer.lr = self.config.critic_lr * factor


def pairs(config, dataset):
    """(inputs, targets) of `config.task`, uint8, their sides continued to multiples of 2 ** depth, for the U-Net.

    color: RGB images from their `luma`; gray ones, which must be digits with labels, in the colour of their class.
    edges: images from the `STEEP` part of their `edge_map`.
    """
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
    return tuple(_padded(x, 2**config.depth) for x in both)


def _padded(images, multiple):
    rows, columns = (-side % multiple for side in images.shape[1:3])
    margins = [(0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)]
    return np.pad(images, margins, mode="edge")


def _scaled(batch):
    return tuple(data.scale(images) for images in batch)


def _alike(*batches):
    """The same images, gray ones in as many channels as the others have."""
    channels = max(x.shape[3] for x in batches)
    return [np.broadcast_to(x, (*x.shape[:3], channels)) if x.shape[3] == 1 else x for x in batches]


def _adam(config, network):
    return optim.Adam(network.parameters(), betas=(config.beta1, config.beta2))
