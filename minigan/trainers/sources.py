"""The data of a run, in the range in which its networks train: images, or points in the plane without end."""

import numpy as np

from .. import data
from ..data.mixtures import POINTS
from .device import on, resident


def load_data(config):
    """What `config.data` names: a `data.Dataset` of images, or a sampler of points such as `data.ring()`."""
    if config.data in POINTS:
        return POINTS[config.data]()
    return data.load(config.data, **_options(config))


def load_unseen(config):
    """The test images that belong to `config.data`, as a `data.Dataset`; None where nobody set any apart."""
    if config.data in POINTS:
        return None
    try:
        return data.load(config.data, "test", **_options(config))
    except ValueError:  # it has no such part
        return None


def describe(config, dataset):
    """In a few words, what a run trains on."""
    if config.data in POINTS:
        return f"fresh points of {config.data}"
    return f"{len(dataset) - config.held_out} images of {dataset.name}"


class Images:
    """A `data.Dataset`, some of it held out.

    shape: of one sample.  classes: how many labels there are, 0 for an unconditional run; class_counts: of each.
    images: those to train on, uint8 (N, H, W, C).
    loader: of batches (images,), or (images, labels) for a conditional run.
    held_out: all that it never gives, as one batch; None if there is nothing.
    seen: as many of those that it gives, as one batch; None if nothing is held out.
    unit: what one sample is called, in short.

    Batches, held_out and seen are on `device`.
    """

    unit = "img"

    def __init__(self, config, dataset, order, split, device="cpu"):
        self.shape, self.classes = dataset.images.shape[1:], _classes(config, dataset)
        self.class_counts = np.bincount(dataset.labels, minlength=self.classes).tolist() if self.classes else []
        self._output, self._device = config.output, device
        arrays = (dataset.images, dataset.labels) if config.conditional else (dataset.images,)
        arrays, held_out = set_aside(arrays, config.held_out, split)
        if config.batch_size > len(arrays[0]):
            raise ValueError(
                f"batch_size {config.batch_size} is larger than the data: {dataset.name} has {len(arrays[0])} images"
            )
        self.loader = data.Loader(resident(arrays, device), config.batch_size, order, transform=self.scaled)
        self.images = arrays[0]
        self.held_out = held_out and self.scaled(held_out)
        self.seen = held_out and self.scaled(tuple(a[: len(held_out[0])] for a in arrays))

    def scaled(self, batch):
        """uint8 images, and what goes with them, as the networks see them."""
        images, *labels = on(batch, self._device)
        images = data.scale(images)
        return ((images + 1) / 2 if self._output == "sigmoid" else images, *labels)


class Points:
    """A `sampler` of points, with the face of `Images`; the networks see them divided by its `scale`."""

    shape, classes, class_counts, unit, seen = (2,), 0, [], "pt", None

    def __init__(self, config, sampler, order, split, device="cpu"):
        self.sampler, self._device = sampler, device
        self.loader = data.Stream(sampler, config.batch_size, order, transform=self._scaled)
        self.held_out = self._scaled(sampler.sample(config.held_out, split)) if config.held_out else None

    def _scaled(self, points):
        return on((points / self.sampler.scale,), self._device)


def published(config, samples):
    """What a generator gives, in the units of the data: images in [-1, 1], or points times their `scale`."""
    if config.data in POINTS:
        return samples * POINTS[config.data]().scale
    return np.clip(2 * samples - 1 if config.output == "sigmoid" else samples, -1, 1)


def _options(config):
    return {name: value for name in ("size", "channels") if (value := getattr(config, name))}


def set_aside(arrays, held_out, split):
    """(the arrays without `held_out` random rows, those rows)."""
    if not held_out:
        return arrays, None
    count = len(arrays[0])
    if held_out >= count:
        raise ValueError(f"held_out {held_out} leaves nothing to train on: the data have {count} samples")
    rows = split.permutation(count)
    return tuple(a[rows[held_out:]] for a in arrays), tuple(a[rows[:held_out]] for a in arrays)


def _classes(config, dataset):
    if not config.conditional:
        return 0
    if dataset.labels is None:
        raise ValueError(f"conditional needs labelled data, and {dataset.name} has no labels: give --no-conditional")
    return dataset.classes
