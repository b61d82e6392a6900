"""Data of a run, scaled for its networks: images, or an unlimited stream of points in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import data
from ..data.mixtures import POINTS
from .device import on, resident

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import Array, Generator, NDArray

__all__ = [
    "Data",
    "Images",
    "Points",
    "Sampler",
    "describe",
    "load_data",
    "load_unseen",
    "only_images",
    "published",
    "set_aside",
]

Sampler: TypeAlias = data.Mixture | data.SwissRoll
"""A distribution of points in the plane."""

Data: TypeAlias = data.Dataset | Sampler
"""The data of a run, as `load_data` returns them."""


def load_data(config: Config) -> Data:
    """Load the data that `config.data` names: a `data.Dataset` of images, or a sampler of points.

    Raises:
        ValueError: If no data have that name.
        OSError: If a file cannot be read.
    """
    if config.data in POINTS:
        return POINTS[config.data]()
    return data.load(config.data, **_options(config))


def load_unseen(config: Config) -> data.Dataset | None:
    """Load the test images that belong to `config.data`; None if these data have no test part."""
    if config.data in POINTS:
        return None
    try:
        return data.load(config.data, "test", **_options(config))
    except ValueError:  # there is no test part
        return None


def only_images(config: Config, dataset: Data) -> data.Dataset:
    """Return the data unchanged if they are images, as some models need.

    Raises:
        ValueError: If the data are points in the plane.
    """
    if not isinstance(dataset, data.Dataset):
        raise ValueError(f"model={config.model} needs images, and data={config.data} gives points in the plane")
    return dataset


def describe(config: Config, dataset: Data) -> str:
    """Return the training data in a few words, such as "10000 images of mnist-10k"."""
    if isinstance(dataset, data.Dataset):
        return f"{len(dataset) - config.held_out} images of {dataset.name}"
    return f"fresh points of {config.data}"


class Images:
    """The images of a `data.Dataset`, some of them held out.

    Attributes:
        shape: The shape of one image.
        classes: The number of classes; 0 for an unconditional run.
        class_counts: The number of images in each class.
        images: The images to train on, uint8 (N, H, W, C).
        loader: Loader of batches (images,), or (images, labels) for a conditional run, on the device.
        held_out: All held-out samples as one batch, on the device; None if there are none.
        seen: As many training samples as one batch, on the device; None if nothing is held out.
        unit: Short name of a sample.

    Raises:
        ValueError: If the configuration asks for more samples, or for labels, than the data have.
    """

    unit: str = "img"
    shape: tuple[int, ...]
    classes: int
    class_counts: list[int]
    images: NDArray[Any]
    loader: data.Loader
    held_out: tuple[Array, ...] | None
    seen: tuple[Array, ...] | None

    def __init__(
        self, config: Config, dataset: data.Dataset, order: Generator, split: Generator, device: str = "cpu"
    ) -> None:
        self.shape = dataset.images.shape[1:]
        labels = _labels(config, dataset)
        self.classes = 0 if labels is None else dataset.classes
        self.class_counts = [] if labels is None else np.bincount(labels, minlength=self.classes).tolist()
        self._output, self._device = config.output, device
        arrays: tuple[Array, ...] = (dataset.images,) if labels is None else (dataset.images, labels)
        arrays, held_out = set_aside(arrays, config.held_out, split)
        if config.batch_size > len(arrays[0]):
            raise ValueError(
                f"batch_size {config.batch_size} is larger than the data: {dataset.name} has {len(arrays[0])} images"
            )
        self.loader = data.Loader(resident(arrays, device), config.batch_size, order, transform=self.scaled)
        self.images = arrays[0]
        self.held_out = held_out and self.scaled(held_out)
        self.seen = held_out and self.scaled(tuple(a[: len(held_out[0])] for a in arrays))

    def scaled(self, batch: tuple[Array, ...]) -> tuple[Array, ...]:
        """Move a batch to the device, and scale its uint8 images to the range of the generator's output."""
        images, *labels = on(batch, self._device)
        images = data.scale(images)
        return ((images + 1) / 2 if self._output == "sigmoid" else images, *labels)


class Points:
    """Points of a `Sampler`, with the interface of `Images`; the networks see them divided by the sampler's `scale`."""

    shape: tuple[int, ...] = (2,)
    classes: int = 0
    class_counts: tuple[int, ...] = ()
    seen: None = None
    unit: str = "pt"
    sampler: Sampler
    loader: data.Stream
    held_out: tuple[Array, ...] | None

    def __init__(
        self, config: Config, sampler: Sampler, order: Generator, split: Generator, device: str = "cpu"
    ) -> None:
        self.sampler, self._device = sampler, device
        self.loader = data.Stream(sampler, config.batch_size, order, transform=self._scaled)
        self.held_out = self._scaled(sampler.sample(config.held_out, split)) if config.held_out else None

    def _scaled(self, points):
        return on((points / self.sampler.scale,), self._device)


def published(config: Config, samples: NDArray[Any]) -> NDArray[Any]:
    """Convert the output of a generator to the units of the data: images in [-1, 1], or points times their `scale`."""
    if config.data in POINTS:
        return samples * POINTS[config.data]().scale
    return np.clip(2 * samples - 1 if config.output == "sigmoid" else samples, -1, 1)


def _options(config):
    return {name: value for name in ("size", "channels") if (value := getattr(config, name))}


def set_aside(
    arrays: tuple[NDArray[Any], ...], held_out: int, split: Generator
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...] | None]:
    """Divide the rows of arrays at random.

    Args:
        arrays: Arrays with equally many rows.
        held_out: The number of rows to hold out.
        split: The generator that chooses them.

    Returns:
        The arrays without these rows, and the held-out rows, None if there are none.

    Raises:
        ValueError: If no rows would be left.
    """
    if not held_out:
        return arrays, None
    count = len(arrays[0])
    if held_out >= count:
        raise ValueError(f"held_out {held_out} leaves nothing to train on: the data have {count} samples")
    rows = split.permutation(count)
    return tuple(a[rows[held_out:]] for a in arrays), tuple(a[rows[:held_out]] for a in arrays)


def _labels(config, dataset):
    """Return the labels that the networks are given, None for an unconditional run."""
    if config.conditional and dataset.labels is None:
        raise ValueError(f"conditional needs labelled data, and {dataset.name} has no labels: give --no-conditional")
    return dataset.labels if config.conditional else None
