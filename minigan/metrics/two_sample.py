"""Tests by nearest neighbours: whether samples differ from real data, repeat each other, or copy training data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..random import as_generator
from .distances import blocks, nearest, own_blocks
from .inputs import feature_sets
from .measurement import measure, measure_against_real, only

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = [
    "birthday_test",
    "copying",
    "copying_z",
    "memorisation",
    "near_pair_rate",
    "nearest_neighbour_test",
    "nn_accuracy",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def nearest_neighbour_test(
    real: Tensor | ArrayLike, samples: Tensor | ArrayLike, rng: Generator | int, *, draws: int = 10, halves: int = 20
) -> dict[str, Measurement]:
    """Measure the leave-one-out accuracy of a 1-NN classifier that tells n real samples from the n generated ones.

    Args:
        real: Real data (R, ...), R >= 2 n; features or pixels.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement}: "nn_accuracy", .5 (exactly (n - 1) / (2n - 1)) for equal distributions, 1 for separate
        sets, and near 0 for copies of the reference; "nn_accuracy_real" and "nn_accuracy_samples", the accuracy on each
        set alone. The latter is high for samples close to each other, as in mode collapse.

    Source: D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", 2017; Q. Xu et al. 2018, section 3.2.
    """
    real, samples = feature_sets(real=real, samples=samples)
    note = "leave-one-out, .5 for equal distributions"
    return measure_against_real(nn_accuracy, real, samples, rng, draws=draws, halves=halves, note=note)


def nn_accuracy(real: Array, samples: Array) -> dict[str, float]:
    """Return the numbers of `nearest_neighbour_test`, without floor or standard error, for sets of any sizes."""
    n = len(real)
    found_real = nearest(own_blocks(np.concatenate([real, samples]))) < n
    on_real, on_samples = found_real[:n].mean(), 1 - found_real[n:].mean()
    accuracy = (n * on_real + len(samples) * on_samples) / (n + len(samples))
    return {"nn_accuracy": accuracy, "nn_accuracy_real": on_real, "nn_accuracy_samples": on_samples}


def birthday_test(
    real: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    expected: float = 20,
    draws: int = 10,
    halves: int = 20,
) -> Measurement:
    """Count the pairs of near-duplicates among n generated samples, where n real samples have about `expected`.

    A pair is near if it is no farther apart than the `expected` closest pairs of n real samples, so the floor is about
    `expected`. A generator that repeats itself has more: one that draws from S different images has n (n - 1) / 2S.

    Args:
        real: Real data (R, ...), R >= 2 n; features or pixels.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        expected: The number of near pairs among real samples, from 1 to a quarter of all pairs.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Source: S. Arora, Y. Zhang, "Do GANs actually learn the distribution? An empirical study", 2018 (by eye).
    """
    real, samples = feature_sets(real=real, samples=samples)
    n = len(samples)
    pairs = n * (n - 1) // 2
    if not 1 <= expected <= pairs / 4:
        raise ValueError(f"expected must be from 1 to a quarter of the {pairs:,} pairs of samples, got {expected}")

    def statistic(a, b):
        return {"near_pairs": pairs * near_pair_rate(a, b, expected / pairs)}

    note = f"pairs nearer than the closest {expected} among real"
    return only(measure_against_real(statistic, real, samples, rng, draws=draws, halves=halves, note=note))


def near_pair_rate(real: Array, samples: Array, rate: float) -> float:
    """Return the fraction of pairs of samples no farther apart than the closest fraction `rate` of pairs of real."""
    rank = max(round(rate * len(real) * (len(real) - 1) / 2), 1)
    limit = _closest_pairs(real, rank)[-1]
    near = sum(np.count_nonzero(squared <= limit) for _, squared in own_blocks(samples))
    return near / (len(samples) * (len(samples) - 1))


def memorisation(
    train: Tensor | ArrayLike,
    held_out: Tensor | ArrayLike,
    samples: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    draws: int = 20,
    halves: int = 20,
) -> dict[str, Measurement]:
    """Measure whether samples are closer to the training data than to as many real data that were not trained on.

    A generator that has learned the distribution and not the images has .5 in both numbers, whatever its quality,
    because the real data that it was trained on were chosen at random. The floor repeats that choice. The z-score in
    the note is `copying_z`; 4 or more means copying.

    Args:
        train: Training data (T, ...).
        held_out: Real data that were not trained on, (H, ...). min(T, H) of both real sets are used.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement}: "nearer_to_train", the fraction of samples whose nearest training image is nearer than the
        nearest unseen one; "train_distance_ratio", the mean of a / (a + b), a and b these two distances; 0 for exact
        copies.

    Source: after C. Meehan et al., "A non-parametric test to detect data-copying in generative models", 2020.
    """
    seen, unseen, drawn = feature_sets(train=train, held_out=held_out, samples=samples)
    m = min(len(seen), len(unseen))
    rng = as_generator(rng)
    chooser = rng.spawn()
    seen, unseen = (x[chooser.permutation(len(x))[:m]] for x in (seen, unseen))
    pool = np.concatenate([seen, unseen])

    def reshuffled(rng):
        order = rng.permutation(2 * m)
        return pool[order[:m]], pool[order[m:]], drawn

    note = f"z = {copying_z(seen, unseen, drawn):.1f}, {m:,} training and {m:,} unseen"
    given = seen, unseen, drawn
    return measure(copying, given, reshuffled, rng, draws=draws, halves=halves, note=note)


def copying(train: Array, held_out: Array, samples: Array) -> dict[str, float]:
    """Return the numbers of `memorisation`, without floor or standard error."""
    _, near = _nearest(samples, train)
    _, far = _nearest(samples, held_out)
    nearer = np.mean(near < far) + np.mean(near == far) / 2
    ratio = np.divide(near, near + far, out=np.full(len(samples), 0.5), where=near + far > 0)
    return {"nearer_to_train": nearer, "train_distance_ratio": ratio.mean()}


def copying_z(train: Array, held_out: Array, samples: Array) -> float:
    """Return the z-score of the fraction of samples nearer to `train` than to `held_out`, two sets of equal size m.

    The null hypothesis is that the m training images are a random half of the 2 m real images. Then the c_i samples
    whose nearest image is i belong to one half together, and the variance of the difference of the halves is known:
    z = (sum over train c_i - sum over held_out c_i) / sqrt(2m / (2m - 1) sum (c_i - c)^2), c the mean of all c_i.
    """
    m = len(train)
    i, near = _nearest(samples, train)
    j, far = _nearest(samples, held_out)
    counts = np.concatenate([np.bincount(i[near < far], minlength=m), np.bincount(j[far < near], minlength=m)])
    spread = math.sqrt(np.sum((counts - counts.mean()) ** 2) * 2 * m / (2 * m - 1))
    return float((counts[:m].sum() - counts[m:].sum()) / spread) if spread else 0.0


def _nearest(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the index and distance of the row of y nearest to each row of x; the distance of an exact copy is 0."""
    index = nearest(blocks(x, y))
    return index, np.linalg.norm(x - y[index], axis=1)


def _closest_pairs(x: Array, count: int) -> Array:
    """Return the squared distances of the `count` closest pairs of rows, in ascending order."""
    closest = np.empty(0)
    for rows, squared in own_blocks(x):
        below = np.arange(len(x)) < np.arange(rows.start, rows.stop)[:, None]  # each pair once
        closest = np.concatenate([closest, squared[below]])
        if len(closest) > count:
            closest = np.partition(closest, count - 1)[:count]
    return np.sort(closest)
