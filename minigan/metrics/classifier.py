"""Small convolutional classifier, trained with minigan on real images, that evaluates generated images.

It is not trained on generated data. Its weights are kept in a cache under a hash of the training data, the recipe and
the seed, so each classifier is trained once, and different classifiers have different files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import data, nn, ops, optim
from ..autodiff import grad
from ..files import cache_folder, replacing
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor
from .inputs import array

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Array, ArrayLike, PathLike

__all__ = [
    "BATCH",
    "DIGITS_8X8",
    "MNIST",
    "VERSION",
    "Classifier",
    "Recipe",
    "fingerprint",
    "shifted",
    "train",
    "trained_classifier",
]


def __dir__() -> list[str]:
    return sorted(__all__)


BATCH: int = 500
"""Number of images in a batch of evaluation."""

VERSION: int = 1
"""Version of the training, to be increased when a change of this file gives other weights for the same recipe."""


@dataclass(frozen=True)
class Recipe:
    """Architecture and training of a classifier.

    Attributes:
        channels: The output channels of the convolutions, each of which is followed by batch norm and ReLU.
        strides: Their strides.
        kernel: Their kernel size.
        hidden: The number of features before the last layer.
        epochs: The number of epochs of training.
        batch_size: The number of images in a training batch.
        lr: The initial learning rate, which falls to 0 along a cosine.
        shift: The largest random shift of training images along both axes, in pixels.
    """

    channels: tuple[int, ...] = (16, 32)
    strides: tuple[int, ...] = (2, 2)
    kernel: int = 5
    hidden: int = 128
    epochs: int = 4
    batch_size: int = 100
    lr: float = 3e-3
    shift: int = 1


MNIST: Recipe = Recipe()
"""Recipe for 28 x 28 images: accuracy 99.4 % on MNIST's test images, about 40 s of training on two cores."""

DIGITS_8X8: Recipe = Recipe(channels=(32, 64), strides=(1, 2), kernel=3, hidden=128, epochs=80, batch_size=50)
"""Recipe for images of fewer than 16 pixels along a side."""


class Classifier(nn.Module):
    """Convolutional classifier of images (N, H, W, C), given as uint8 or as floats in [-1, 1].

    Args:
        image_shape: (H, W, C).
        classes: The number of classes.
        recipe: The architecture.
        rng: The random numbers of the initial weights.
    """

    image_shape: tuple[int, ...]
    classes: int
    body: nn.Sequential
    head: nn.Linear

    def __init__(self, image_shape: tuple[int, ...], classes: int, recipe: Recipe, rng: Generator) -> None:
        self.image_shape, self.classes = tuple(image_shape), classes
        self.body = _body(self.image_shape, recipe, rng)
        self.head = nn.Linear(recipe.hidden, classes, init=nn.init.xavier, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images that are scaled to [-1, 1]."""
        return self.head(self.body(x))

    def probabilities(self, images: Tensor | ArrayLike) -> Array:
        """Return the probability of each class, (N, H, W, C) -> float32 (N, classes)."""
        return self._in_batches(lambda x: ops.softmax(self(x)), images, self.classes)

    def features(self, images: Tensor | ArrayLike) -> Array:
        """Return the activations before the last layer, after their ReLU, (N, H, W, C) -> float32 (N, hidden).

        `frechet_distance`, `kid` and `precision_recall` can compare images by these features.
        """
        return self._in_batches(self.body, images, self.head.weight.shape[0])

    def accuracy(self, images: Tensor | ArrayLike, labels: ArrayLike) -> float:
        """Return the fraction of images whose most probable class is their label."""
        return float((self.probabilities(images).argmax(axis=1) == np.asarray(labels)).mean())

    def _in_batches(self, function: Callable[[Tensor], Tensor], images: Tensor | ArrayLike, width: int) -> Array:
        images = self._checked(images)
        training = self.training
        self.eval()
        try:
            with no_grad():
                starts = range(0, len(images), BATCH)
                parts = [function(Tensor(_pixels(images[i : i + BATCH]))).numpy() for i in starts]
        finally:
            self.train(training)
        return np.concatenate(parts) if parts else np.empty((0, width), np.float32)

    def _checked(self, images: Tensor | ArrayLike) -> Array:
        images = array(images)
        if images.shape[1:] != self.image_shape:
            raise ValueError(f"images must have shape (N, {_joined(self.image_shape)}), got {images.shape}")
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise TypeError(f"images must be uint8 or floats in [-1, 1], got {images.dtype}")
        if images.dtype.kind == "f" and not (abs(images) <= 1.001).all():
            raise ValueError(f"images must be finite and in [-1, 1], got {images.min():.4g} to {images.max():.4g}")
        return images


def trained_classifier(
    dataset: data.Dataset,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    folder: PathLike | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Classifier:
    """Return a classifier of a labelled data set: read it from the cache, or train it and store it there.

    If the cache cannot be written, or safetensors is missing, there is a warning and the classifier is trained every
    time. Damaged files are replaced.

    Args:
        dataset: The training images, with at least one of each class.
        recipe: The architecture and training; by default `MNIST`, or `DIGITS_8X8` for images of fewer than 16 pixels.
        seed: The seed of weights and batches.
        folder: The folder of the cache, by default `minigan.files.cache_folder()`.
        progress: A function of (step, steps), called after every step of training.

    Raises:
        ValueError: If the data set has no labels, fewer than two classes, or a class without images.
    """
    if dataset.labels is None:
        raise ValueError(f"{dataset.name} has no labels: a classifier needs them")
    counts = np.bincount(dataset.labels, minlength=dataset.classes)
    if dataset.classes < 2 or not counts.all():
        raise ValueError(
            f"{dataset.name} must have images of every class and at least two classes, got {counts.tolist()} of each"
        )
    recipe = recipe or (DIGITS_8X8 if min(dataset.images.shape[1:3]) < 16 else MNIST)
    path = (cache_folder() if folder is None else Path(folder)) / f"{fingerprint(dataset, recipe, seed)}.safetensors"
    weights, batches = Generator(seed).spawn(2)
    classifier = Classifier(dataset.images.shape[1:], dataset.classes, recipe, weights)
    if not _restored(classifier, path):
        train(classifier, dataset, recipe, batches, progress)
        _keep(classifier, path)
    return classifier.eval()


def train(
    classifier: Classifier,
    dataset: data.Dataset,
    recipe: Recipe,
    rng: Generator,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Train a classifier by Adam on the cross-entropy of randomly shifted images."""
    orders, shifts = rng.spawn(2)
    loader = data.Loader((dataset.images, dataset.labels), min(recipe.batch_size, len(dataset)), orders)
    optimizer, steps = optim.Adam(classifier.parameters(), recipe.lr), recipe.epochs * len(loader)
    classifier.train()
    for step in range(steps):
        optimizer.lr = recipe.lr * optim.cosine(step, steps)
        images, labels = loader.next_batch()
        logits = classifier(Tensor(_pixels(shifted(images, recipe.shift, shifts))))
        loss = -ops.log_softmax(logits)[np.arange(len(labels)), labels].mean()
        optimizer.step(grad(loss, optimizer.parameters))
        if progress:
            progress(step + 1, steps)
    classifier.eval()


def shifted(images: Array, reach: int, rng: Generator) -> Array:
    """Shift each image (H, W, C) by -reach to reach pixels along both axes; 0, the background, fills the gap."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    offsets = rng.integers(0, 2 * reach + 1, (n, 2))
    rows, columns = offsets[:, :1] + np.arange(height), offsets[:, 1:] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def fingerprint(dataset: data.Dataset, recipe: Recipe, seed: int) -> str:
    """Return the name of a trained classifier: a hash of everything that its weights depend on."""
    described = json.dumps([VERSION, dataset.images.shape, dataclasses.asdict(recipe), seed])
    digest = hashlib.sha256(described.encode())
    digest.update(np.ascontiguousarray(dataset.images).data)
    digest.update(np.ascontiguousarray(dataset.labels).data)
    return f"classifier-{digest.hexdigest()[:20]}"


def _body(image_shape: tuple[int, ...], recipe: Recipe, rng: Generator) -> nn.Sequential:
    (height, width, channels), layers = image_shape, []
    for co, stride in zip(recipe.channels, recipe.strides, strict=True):
        layers += [
            nn.Conv2d(channels, co, recipe.kernel, stride, "same", bias=False, init=nn.init.he, rng=rng),
            nn.BatchNorm(co),
            nn.ReLU(),
        ]
        height, width, channels = -(-height // stride), -(-width // stride), co
    dense = nn.Linear(height * width * channels, recipe.hidden, bias=False, init=nn.init.he, rng=rng)
    return nn.Sequential(*layers, nn.Flatten(), dense, nn.BatchNorm(recipe.hidden), nn.ReLU())


def _pixels(images: Array) -> Array:
    """Return uint8 images scaled to [-1, 1], and others as float32."""
    return data.scale(images) if images.dtype == np.uint8 else images.astype(np.float32, copy=False)


def _restored(classifier: Classifier, path: Path) -> bool:
    """Restore the weights from the cache, and return whether they were there."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError:
        return False
    try:
        classifier.load_state_dict(load(path.read_bytes()))
        return True
    except (OSError, SafetensorError, ValueError):
        return False


def _keep(classifier: Classifier, path: Path) -> None:
    """Write the weights into the cache, or warn that they cannot be written."""
    try:
        from safetensors.numpy import save

        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(save(classifier.state_dict()))
    except (OSError, ImportError) as error:
        missing = "safetensors is missing (pip install safetensors)"
        reason = missing if isinstance(error, ImportError) else error.strerror or error
        warnings.warn(f"cannot cache the classifier as {path}: {reason}; it will be trained again", stacklevel=3)


def _joined(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
