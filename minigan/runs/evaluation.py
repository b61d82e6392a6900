"""Evaluation of a generator with the metrics that apply to its kind of data, each with its floor."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data, metrics
from ..data import mixtures, stacked
from ..files import write_json
from ..random import Generator
from ..trainers.sources import load_data, load_unseen
from .samples import draw

if TYPE_CHECKING:
    from ..metrics import Measurement
    from ..presets import Config
    from ..trainers.sources import Sampler
    from ..types import NDArray
    from .folder import Run

__all__ = [
    "evaluate", "judge_classes", "judge_images", "judge_mixture", "judge_points", "judge_stacked", "keep",
    "samples_of", "single_digits",
]  # fmt: skip

POINTS = 2_500  # points in the plane: the number in the PacGAN paper
IMAGES = 10_000
COMPARED = 2_000  # the most images for metrics whose cost grows with the square of their number
COMPONENTS = 64  # dimensions of the space of the Frechet distance between images


def evaluate(run: Run, n: int | None = None, seed: int = 0) -> dict[str, Measurement]:
    """Measure samples from the newest checkpoint of a run.

    Points of a mixture are measured by `judge_mixture`, other points by `judge_points`, stacked digits by
    `judge_stacked`, and other images by `judge_images`, against the test part of the data if they have one.

    Args:
        run: The run.
        n: The number of samples; by default 2,500 points, 10,000 images or 26,000 stacked digits. At most 2,000
            images are compared with other images one by one.
        seed: The seed of the noise, and of everything random in the metrics.

    Returns:
        Measurements by the names of the metrics.

    Raises:
        ValueError: If there are too few samples, or the run is a translation, which does not draw samples from noise.
        RunError: If the run has no checkpoint.
    """
    _, config = run.read_config()
    if config.model == "unet":
        raise ValueError(
            f"{run.folder} is a translation, whose outputs have targets and are not samples of a distribution: "
            "its held-out error is test_l1 in metrics.jsonl"
        )
    source, rng = load_data(config), Generator(seed).spawn()
    samples = draw(run, n or samples_of(config), seed)
    if isinstance(source, data.Mixture):
        return judge_mixture(samples, source, rng)
    if not isinstance(source, data.Dataset):
        return judge_points(samples, source, rng)
    if config.data.startswith("stacked-"):
        return judge_stacked(samples, single_digits(config.data, source.images.shape[1]), rng)
    return judge_images(samples, source, rng, unseen=load_unseen(config))


def samples_of(config: Config) -> int:
    """Return the number of samples that `evaluate` draws by default: 2,500 points, 10,000 images, 26,000 stacks."""
    if config.data in mixtures.POINTS:
        return POINTS
    return data.EVALUATION_SAMPLES if config.data.startswith("stacked-") else IMAGES


def keep(run: Run, found: dict[str, Measurement], seed: int) -> None:
    """Write RUN/evaluation.json, an object with the step of the checkpoint, the seed, and the metrics.

    Args:
        run: The run.
        found: What `evaluate` returned.
        seed: The seed that `evaluate` was given.
    """
    _, state = run.load_checkpoint(say=lambda line: None)  # `evaluate` has reported damaged checkpoints
    measured = {name: dataclasses.asdict(measurement) for name, measurement in found.items()}
    write_json(run.folder / "evaluation.json", {"step": state["step"], "seed": seed, "metrics": measured})


def judge_mixture(points: NDArray[Any], mixture: data.Mixture, rng: Generator) -> dict[str, Measurement]:
    """Measure which modes of a mixture are covered, how evenly, how precisely and how widely.

    Args:
        points: Samples (N, 2).
        mixture: The true distribution.
        rng: The generator of the floors.
    """
    return metrics.modes(points, mixture.modes, mixture.sigma, rng)


def judge_points(points: NDArray[Any], sampler: Sampler, rng: Generator) -> dict[str, Measurement]:
    """Compare points with new samples of the true distribution: transport distance, precision, recall, neighbours.

    Args:
        points: Samples (N, 2).
        sampler: The true distribution.
        rng: The generator of the real samples and the floors.
    """
    real = sampler.sample(4 * len(points), rng.spawn())
    found = {"sliced_w2": metrics.sliced_wasserstein(real, points, rng)}
    return found | _judge_neighbours(real, points, rng)


def judge_images(
    images: NDArray[Any], train: data.Dataset, rng: Generator, *, unseen: data.Dataset | None = None
) -> dict[str, Measurement]:
    """Compare images with real ones.

    A set of samples is at most half as large as the real data. If the real data are few, the samples are divided into
    several such sets for the metrics that compare images one by one. If the data have labels, a classifier that was
    trained on `train` also measures the balance of the classes and how clearly it recognises them.

    Args:
        images: Samples (N, H, W, C) in [-1, 1].
        train: The training data.
        rng: The generator of the floors.
        unseen: Real images that training has not seen. Samples are compared with these, and tested for being nearer
            to the training data. Without them samples are compared with `train`, which cannot reveal copies.
    """
    reference = unseen or train
    real = data.scale(reference.images)
    most, few = images[: len(real) // 2], images[:COMPARED]
    found = {} if train.labels is None else judge_classes(images, train, reference, rng)
    # With fewer samples than dimensions the distance is large, and so is its floor: the two can still be compared.
    space = min(COMPONENTS, real[0].size)
    found["frechet"] = metrics.frechet_distance(real, most, rng, space=space, rank_deficient=True)
    found |= metrics.mean_over_sets(partial(_judge_neighbours, real, rng=rng), _sets(few, len(real) // 2))
    if train.labels is None:
        found["sliced_w2"] = metrics.sliced_wasserstein(real, most[:COMPARED], rng)
    if unseen:
        found |= metrics.memorisation(data.scale(train.images), real, few, rng)
    return found


def _judge_neighbours(real, samples, rng):
    return metrics.precision_recall(real, samples, rng) | metrics.nearest_neighbour_test(real, samples, rng)


def _sets(images, most):
    """Divide the images into as many complete sets of at most `most` images as there are, at least one."""
    n = min(len(images), most)
    return [images[i : i + n] for i in range(0, len(images) - n + 1, n)]


def judge_classes(
    images: NDArray[Any], train: data.Dataset, reference: data.Dataset, rng: Generator
) -> dict[str, Measurement]:
    """Measure the classes of images with a classifier that was trained on `train`.

    The expected frequencies are computed from the labels of all real images, `train` and `reference`.

    Args:
        images: Samples (N, H, W, C) in [-1, 1].
        train, reference: Real images with labels.
        rng: The generator of the floors.

    Raises:
        ValueError: If the real images have no labels.
    """
    if train.labels is None or reference.labels is None:
        raise ValueError(f"{train.name} has no labels, so its classes cannot be measured")
    classifier = metrics.trained_classifier(train)
    labels = np.concatenate([train.labels, reference.labels])
    return metrics.class_balance(
        classifier.probabilities(images), classifier.probabilities(reference.images), rng,
        frequencies=np.bincount(labels, minlength=train.classes),
    )  # fmt: skip


def judge_stacked(images: NDArray[Any], digits: data.Dataset, rng: Generator) -> dict[str, Measurement]:
    """Measure which of the 1,000 modes of stacked digits are covered, and how evenly.

    Args:
        images: Samples (N, S, S, 3) in [-1, 1].
        digits: Single digits of that size; a classifier is trained on them to read the three channels.
        rng: The generator of the floors.
    """
    classifier = metrics.trained_classifier(digits)
    read = [classifier.probabilities(images[..., channel, None]).argmax(axis=1) for channel in range(3)]
    return metrics.mode_histogram(metrics.stack_labels(np.stack(read, axis=1)), 1000, rng)


def single_digits(name: str, size: int) -> data.Dataset:
    """Load the single digits from which a data set of stacked digits is made.

    Args:
        name: The name of the stacked data set, such as "stacked-mnist".
        size: The side of the digits, in pixels.
    """
    digits = data.load(name.removeprefix("stacked-"))
    return dataclasses.replace(digits, images=stacked.of_size(digits.images[..., 0], size)[..., None])
