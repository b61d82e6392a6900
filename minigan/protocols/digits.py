"""Generated digits, judged by a classifier of our own and compared with real digits that training has not seen."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import viz
from ..data import EVALUATION_SAMPLES, load
from ..presets import Config, preset
from ..random import Generator
from ..runs.evaluation import COMPARED, IMAGES, judge_images, judge_stacked, single_digits
from ..scale.protocol import Protocol, Published, Target
from . import plain_training

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ..data import Dataset
    from ..scale.protocol import Draw, Judged

CLASSES = {"class_coverage": "classes", "class_tv": "class TV", "acceptance": "acceptance"}
SHOWN = CLASSES | {
    "density": "density",
    "coverage": "coverage",
    "nn_accuracy": "1-NN",
    "precision": "precision",
    "recall": "recall",
    "frechet": "FD PCA-64",
    "nearer_to_train": "nearer to train",
}


def parts(name: str) -> tuple[Dataset, Dataset]:
    """Return (training part, unseen part) of the named data, the same for every seed."""
    if name == "digits-8x8":
        return two_thirds(load(name))
    return load(name), load(name, "test")


def two_thirds(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Return (a random two thirds, the rest); the settings below were chosen on another split."""
    order, count = Generator(2).permutation(len(dataset)), 2 * len(dataset) // 3
    return _rows(dataset, order[:count], "two thirds of"), _rows(dataset, order[count:], "a third of")


def train(config: Config) -> Draw:
    """Train on the training part only; see `plain_training.train`."""
    return plain_training.train(config, parts(config.data)[0])


def judge(draw: Draw, rng: Generator, data: str, count: int) -> Judged:
    """Return the metrics of `count` images against the unseen part, and the images that were compared one by one."""
    images = draw(count, rng.spawn())
    known, unseen = parts(data)
    return judge_images(images, known, rng, unseen=unseen), images[:COMPARED]


def judge_modes(draw: Draw, rng: Generator, data: str, size: int, count: int) -> Judged:
    """Return the mode metrics of `count` stacked digits, and some of the images."""
    images = draw(count, rng.spawn())
    return judge_stacked(images, single_digits(data, size), rng), images[:COMPARED]


def picture(path: Path, images: np.ndarray, **_: object) -> None:
    """Draw the first hundred images."""
    viz.save_grid(path, images[:100], columns=10)


def _rows(dataset, rows, what):
    labels = dataset.labels[rows]
    return dataclasses.replace(dataset, images=dataset.images[rows], labels=labels, name=f"{what} {dataset.name}")


_CONDITIONAL = Config(
    data="digits-8x8", steps=15_000, batch_size=64, threads=1, conditional=True, latent=64,
    model="dense", depth=2, generator_width=256, critic_width=256, generator_slope=0.0,
    loss="relativistic", penalty="r1_r2", penalty_weight=1.0, instance_noise=0.3,
    generator_lr=1e-3, critic_lr=1e-3, beta1=0.0, beta2=0.99, schedule="linear", ema=0.05,
)  # fmt: skip
_LEGIBLE = {"class_coverage": Target(10), "class_tv": Target(most=0.05), "acceptance": Target(0.92)}
_REAL = {"density": Target(0.9), "coverage": Target(0.9), "nn_accuracy": Target(most=0.6)}
digits = Protocol(
    "digits", f"8x8 digits, a third of the 1,797 held out; classes as frequent as in the data; {IMAGES:,} samples",
    "E. Alpaydin, C. Kaynak 1998; the targets are ours", (0, 1, 2, 3, 4),
    {"conditional dense, RpGAN + R1 + R2": _CONDITIONAL}, train, judge, SHOWN,
    {"data": "digits-8x8", "count": IMAGES}, targets={"reached": _LEGIBLE | _REAL}, picture=picture,
)  # fmt: skip

_PUBLIC = "a public repository, 5 seeds of 50,000 updates"
mnist = Protocol(
    "mnist", f"MNIST, compared with its test images; {IMAGES:,} samples", "Y. LeCun, C. Cortes; the targets are ours",
    (0, 1, 2),
    {
        "conditional DCGAN": replace(preset("digits"), data="mnist", steps=8_000),
        "DCGAN": replace(preset("digits"), data="mnist", steps=8_000, conditional=False),
    },
    train, judge, SHOWN, {"data": "mnist", "count": IMAGES},
    published=(
        Published("DCGAN", _PUBLIC, {"class_coverage": 8.8, "class_tv": 0.341, "acceptance": 0.850}),
        Published("paired discriminator", _PUBLIC, {"class_coverage": 10, "class_tv": 0.126, "acceptance": 0.825}),
    ),
    targets={
        "within 30 minutes on a CPU": _LEGIBLE | {"class_tv": Target(most=0.1), "acceptance": Target(0.88)},
        "within 10 minutes on a GPU": _LEGIBLE,
    },
    picture=picture,
)  # fmt: skip

_STACKED = (
    ("DCGAN", "VEEGAN", 99, 3.40),
    ("ALI", "VEEGAN", 16, 5.40),
    ("VEEGAN", "VEEGAN", 150, 2.95),
    ("WGAN-GP", "R3GAN", 959, 0.73),
    ("StyleGAN2", "R3GAN", 940, 0.42),
    ("PacDCGAN2", "PacGAN", 1000, 0.06),
    ("small ResNet, GAN + R1 + R2", "R3GAN", 693, 0.927),
    ("small ResNet, RpGAN + R1 + R2", "R3GAN", 1000, 0.0781),
    ("DDGAN", "R3GAN", 1000, 0.071),
    ("MEG", "R3GAN", 1000, 0.031),
    ("R3GAN, config E", "R3GAN", 1000, 0.029),
)
stacked_mnist = Protocol(
    "stacked-mnist", f"stacked MNIST, 1,000 modes; {EVALUATION_SAMPLES:,} samples",
    "L. Metz et al. 2017; Z. Lin et al. 2018", (0,),
    {
        "small residual, RpGAN + R1 + R2": replace(
            preset("r3gan-small"), data="stacked-mnist", steps=20_000, batch_size=256,
            generator_width=48, critic_width=48,
            instance_noise=0.0,  # as in the paper
        )
    },
    plain_training.train, judge_modes, {"modes": "modes", "kl": "KL"},
    {"data": "stacked-mnist", "size": 28, "count": EVALUATION_SAMPLES},
    published=tuple(Published(method, source, {"modes": modes, "kl": kl}) for method, source, modes, kl in _STACKED),
    targets={"reached": {"modes": Target(1000), "kl": Target(most=0.06)}},
    picture=picture,
)  # fmt: skip
