"""What a generator is worth, by the kind of its data: the metrics that apply, each with its floor."""

import dataclasses
from functools import partial

import numpy as np

from .. import data, metrics
from ..data import stacked
from ..files import write_json
from ..random import Generator
from ..trainers.sources import load_data, load_unseen
from .samples import draw

POINTS = 2_500  # in the plane: PacGAN's number
IMAGES = 10_000
COMPARED = 2_000  # images, at most, where the work grows with the square of their number
COMPONENTS = 64  # of the space in which the Frechet distance between images is taken


def evaluate(run, n=None, seed=0):
    """{name: Measurement} of n samples from the newest checkpoint of `run`.

    n: by default 2,500 points or 10,000 images, of which at most 2,000 are compared with images one by one.
    Points of a mixture are judged by `judge_mixture`, others by `judge_points`; images by `judge_images`, against those
    that were set apart as a test part where there is one; stacked digits by `judge_stacked`.
    ValueError for too few samples, and for a run that does not draw its samples from noise alone.
    """
    _, config = run.read_config()
    if config.model == "unet":
        raise ValueError(
            f"{run.folder} is a translation, whose outputs have targets and are no draws from a distribution: "
            "read its held-out error, test_l1, in metrics.jsonl"
        )
    source, rng = load_data(config), Generator(seed).spawn()
    if isinstance(source, data.Mixture):
        return judge_mixture(draw(run, n or POINTS, seed), source, rng)
    if not isinstance(source, data.Dataset):
        return judge_points(draw(run, n or POINTS, seed), source, rng)
    if config.data.startswith("stacked-"):
        digits = single_digits(config.data, source.images.shape[1])
        return judge_stacked(draw(run, n or data.EVALUATION_SAMPLES, seed), digits, rng)
    return judge_images(draw(run, n or IMAGES, seed), source, rng, unseen=load_unseen(config))


def keep(run, found, seed):
    """Write RUN/evaluation.json: {"step": of the checkpoint, "seed": number, "metrics": what `evaluate` found}."""
    _, state = run.load_checkpoint(say=lambda line: None)  # `evaluate` has said what is damaged
    metrics = {name: dataclasses.asdict(measurement) for name, measurement in found.items()}
    write_json(run.folder / "evaluation.json", {"step": state["step"], "seed": seed, "metrics": metrics})


def judge_mixture(points, mixture, rng):
    """{name: Measurement} of points (N, 2) of a `data.Mixture`: which modes, how evenly, how exactly, how widely."""
    return metrics.modes(points, mixture.modes, mixture.sigma, rng)


def judge_points(points, sampler, rng):
    """{name: Measurement} of points (N, 2) against fresh ones of `sampler`: transport, fidelity, neighbours."""
    real = sampler.sample(4 * len(points), rng.spawn())
    found = {"sliced_w2": metrics.sliced_wasserstein(real, points, rng)}
    return found | _judge_neighbours(real, points, rng)


def judge_images(images, train, rng, *, unseen=None):
    """{name: Measurement} of images (N, H, W, C) in [-1, 1].

    train: the `data.Dataset` of the training.  unseen: another, of what training has not seen: the samples are compared
    with it, and asked whether they are nearer to the training data.  Without it they are compared with `train`, where
    copies are not found out.  A set of samples is at most half as large as the real data: where these are few, samples
    are compared with them one by one in several sets.
    If the data have labels, a classifier that was trained on `train` says which classes it sees, and how clearly.
    """
    reference = unseen or train
    real = data.scale(reference.images)
    most, few = images[: len(real) // 2], images[:COMPARED]
    found = {} if train.labels is None else judge_classes(images, train, reference, rng)
    # Fewer samples than dimensions make the distance large, but its floor is as large.
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
    """As many whole sets of at most `most` as there are, at least one."""
    n = min(len(images), most)
    return [images[i : i + n] for i in range(0, len(images) - n + 1, n)]


def judge_classes(images, train, reference, rng):
    """{name: Measurement} of the classes of images, in the eyes of a classifier trained on `train`.

    They are to be as frequent as the labels of all real images, `train` and `reference`.
    """
    classifier = metrics.trained_classifier(train)
    labels = np.concatenate([train.labels, reference.labels])
    return metrics.class_balance(
        classifier.probabilities(images), classifier.probabilities(reference.images), rng,
        frequencies=np.bincount(labels, minlength=train.classes),
    )  # fmt: skip


def judge_stacked(images, digits, rng):
    """{name: Measurement} of stacked digits (N, S, S, 3): which of the 1,000 modes, how evenly.

    digits: a `data.Dataset` of single ones of that size, from which a classifier learns to read the three channels.
    """
    classifier = metrics.trained_classifier(digits)
    read = [classifier.probabilities(images[..., channel, None]).argmax(axis=1) for channel in range(3)]
    return metrics.mode_histogram(metrics.stack_labels(np.stack(read, axis=1)), 1000, rng)


def single_digits(name, size):
    """The digits that the data set "stacked-..." is made of, of that size, as a `data.Dataset`."""
    digits = data.load(name.removeprefix("stacked-"))
    return dataclasses.replace(digits, images=stacked.of_size(digits.images[..., 0], size)[..., None])
