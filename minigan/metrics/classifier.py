"""A small convolutional classifier, trained with minigan on real images: the judge of what a generator draws.

It never sees generated data.  Its weights are kept in a cache under a name that is a hash of the training data, the
recipe and the seed, so a judge is trained once and two that differ in anything are two files.
"""

import dataclasses
import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .. import data, nn, ops, optim
from ..autodiff import grad
from ..files import cache_folder, replacing
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor
from .inputs import array

BATCH = 500  # images at a time in evaluation
VERSION = 1  # raise it when a change below makes other weights of the same recipe


@dataclass(frozen=True)
class Recipe:
    """How a classifier is built and trained.

    channels, strides, kernel: of its convolutions, each with batch norm and ReLU.  hidden: the number of features.
    shift: training images are moved by up to so many pixels along both axes.  lr falls to 0 along a cosine.
    """

    channels: tuple[int, ...] = (16, 32)
    strides: tuple[int, ...] = (2, 2)
    kernel: int = 5
    hidden: int = 128
    epochs: int = 4
    batch_size: int = 100
    lr: float = 3e-3
    shift: int = 1


MNIST = Recipe()
DIGITS_8X8 = Recipe(channels=(32, 64), strides=(1, 2), kernel=3, hidden=128, epochs=80, batch_size=50)


class Classifier(nn.Module):
    """Images (N, H, W, C) -> class logits; `features` are the activations before the last layer.

    Images are uint8, or floats in [-1, 1].
    """

    def __init__(self, image_shape, classes, recipe, rng):
        self.image_shape, self.classes = tuple(image_shape), classes
        self.body = _body(self.image_shape, recipe, rng)
        self.head = nn.Linear(recipe.hidden, classes, init=nn.init.xavier, rng=rng)

    def forward(self, x):
        return self.head(self.body(x))

    def probabilities(self, images):
        """The probability of each class, (N, H, W, C) -> float32 (N, classes)."""
        return self._in_batches(lambda x: ops.softmax(self(x)), images, self.classes)

    def features(self, images):
        """The last hidden layer after its ReLU, (N, H, W, C) -> float32 (N, hidden): a space for Frechet, KID, PRDC."""
        return self._in_batches(self.body, images, self.head.weight.shape[0])

    def accuracy(self, images, labels):
        """The share of images whose most probable class is their label."""
        return float((self.probabilities(images).argmax(axis=1) == np.asarray(labels)).mean())

    def _in_batches(self, function, images, width):
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

    def _checked(self, images):
        images = array(images)
        if images.shape[1:] != self.image_shape:
            raise ValueError(f"images must have shape (N, {_joined(self.image_shape)}), got {images.shape}")
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise TypeError(f"images must be uint8 or floats in [-1, 1], got {images.dtype}")
        if images.dtype.kind == "f" and not (abs(images) <= 1.001).all():
            raise ValueError(f"images must be finite and in [-1, 1], got {images.min():.4g} to {images.max():.4g}")
        return images


def trained_classifier(dataset, *, recipe=None, seed=0, folder=None, progress=None):
    """A `Classifier` of a labelled `minigan.data.Dataset`, from the cache, or trained now and put there.

    recipe: by default `MNIST` (99.4 % of MNIST's test images, some 40 s on two cores), or `DIGITS_8X8` for images of
        fewer than 16 pixels.
    folder: of the cache; by default `cache_folder()`.  Damaged files are replaced.
    progress(step, steps): called after every step of a training.
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


def train(classifier, dataset, recipe, rng, progress=None):
    """Cross-entropy by Adam, on shifted images."""
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


def shifted(images, reach, rng):
    """Each image (H, W, C) moved by -reach to reach pixels along both axes; what enters is 0, the background."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    offsets = rng.integers(0, 2 * reach + 1, (n, 2))
    rows, columns = offsets[:, :1] + np.arange(height), offsets[:, 1:] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def fingerprint(dataset, recipe, seed):
    """The name of a trained classifier: its data set and a hash of all that its weights depend on."""
    described = json.dumps([VERSION, dataset.images.shape, dataclasses.asdict(recipe), seed])
    digest = hashlib.sha256(described.encode())
    digest.update(np.ascontiguousarray(dataset.images).data)
    digest.update(np.ascontiguousarray(dataset.labels).data)
    return f"classifier-{digest.hexdigest()[:20]}"


def _body(image_shape, recipe, rng):
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


def _pixels(images):
    return data.scale(images) if images.dtype == np.uint8 else images.astype(np.float32, copy=False)


def _restored(classifier, path):
    try:
        classifier.load_state_dict(load(path.read_bytes()))
        return True
    except (OSError, SafetensorError, ValueError):
        return False


def _keep(classifier, path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(save(classifier.state_dict()))
    except OSError as error:
        reason = error.strerror or error
        warnings.warn(f"cannot cache the classifier as {path}: {reason}; it will be trained again", stacklevel=3)


def _joined(shape):
    return ", ".join(map(str, shape))
