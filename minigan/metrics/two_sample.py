"""Tests by nearest neighbours: are the samples real, are they many, are they copies?"""

import math

import numpy as np

from .distances import blocks, nearest, own_blocks
from .inputs import feature_sets
from .report import measure, measure_against_real, only


def nearest_neighbour_test(real, samples, rng, *, draws=10, halves=20):
    """{name: Measurement} of a 1-NN classifier, leave-one-out, that tells n real samples from the n given.

    real, samples: (R, ...) and (n, ...), R >= 2 n.  nn_accuracy: .5 (exactly: (n - 1) / (2n - 1)) for equal
    distributions, 1 for sets that lie apart, towards 0 for copies of the reference.  nn_accuracy_real,
    nn_accuracy_samples: of each side alone; samples that huddle together, as in a collapse, have a high second one.
    Source: D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", 2017; Q. Xu et al. 2018, section 3.2.
    """
    real, samples = feature_sets(real=real, samples=samples)
    note = "leave-one-out, .5 for equal distributions"
    return measure_against_real(nn_accuracy, real, samples, rng, draws=draws, halves=halves, note=note)


def nn_accuracy(real, samples):
    """The numbers of `nearest_neighbour_test`, without floor or error, for sets of any sizes."""
    n = len(real)
    found_real = nearest(own_blocks(np.concatenate([real, samples]))) < n
    on_real, on_samples = found_real[:n].mean(), 1 - found_real[n:].mean()
    accuracy = (n * on_real + len(samples) * on_samples) / (n + len(samples))
    return {"nn_accuracy": accuracy, "nn_accuracy_real": on_real, "nn_accuracy_samples": on_samples}


def birthday_test(real, samples, rng, *, expected=20, draws=10, halves=20):
    """How many pairs of the n samples are near-duplicates, where n real samples have about `expected`.

    Near is what the `expected` closest pairs of a reference of n real samples are, so the floor is about `expected`.  A
    generator that repeats itself has more: one that draws from S different images has n (n - 1) / 2S.
    real, samples: (R, ...) and (n, ...), R >= 2 n.
    Source: S. Arora, Y. Zhang, "Do GANs actually learn the distribution?  An empirical study", 2018 (there, by eye).
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


def near_pair_rate(real, samples, rate):
    """The share of pairs of samples that are no farther apart than the closest `rate` of the pairs of real."""
    rank = max(round(rate * len(real) * (len(real) - 1) / 2), 1)
    limit = _closest_pairs(real, rank)[-1]
    near = sum(np.count_nonzero(squared <= limit) for _, squared in own_blocks(samples))
    return near / (len(samples) * (len(samples) - 1))


def memorisation(train, held_out, samples, rng, *, draws=20, halves=20):
    """{name: Measurement}: are the samples closer to the training data than to as many unseen real data?

    train, held_out, samples: (T, ...), (H, ...), (n, ...).  As many of each real set are used, min(T, H).
    nearer_to_train: the share of samples whose nearest training image is nearer than the nearest unseen one.
    train_distance_ratio: the mean of a / (a + b), a and b those two distances; 0 for exact copies.
    Whatever its quality, a generator that has learned the distribution and not the images has .5 in both: given the
    real data it is chance which of them were trained on.  The floor reshuffles that choice, and the z-score in the note
    is `copying_z`; 4 or more is copying.
    Source: the idea of C. Meehan et al., "A non-parametric test to detect data-copying in generative models", 2020.
    """
    train, held_out, samples = feature_sets(train=train, held_out=held_out, samples=samples)
    m = min(len(train), len(held_out))
    chooser = rng.spawn()
    train, held_out = (x[chooser.permutation(len(x))[:m]] for x in (train, held_out))
    pool = np.concatenate([train, held_out])

    def reshuffled(rng):
        order = rng.permutation(2 * m)
        return pool[order[:m]], pool[order[m:]], samples

    note = f"z = {copying_z(train, held_out, samples):.1f}, {m:,} training and {m:,} unseen"
    given = train, held_out, samples
    return measure(copying, given, reshuffled, rng, draws=draws, halves=halves, note=note)


def copying(train, held_out, samples):
    """The numbers of `memorisation`, without floor or error."""
    _, near = _nearest(samples, train)
    _, far = _nearest(samples, held_out)
    share = np.mean(near < far) + np.mean(near == far) / 2
    ratio = np.divide(near, near + far, out=np.full(len(samples), 0.5), where=near + far > 0)
    return {"nearer_to_train": share, "train_distance_ratio": ratio.mean()}


def copying_z(train, held_out, samples):
    """How many standard deviations the share of samples nearer to train lies above .5, for two sets of equal size.

    If it is chance which m of the 2 m real images were trained on, the c_i samples to which image i is the nearest go
    to one side or the other together, and the difference of the sides has a variance that is known exactly:
    z = (sum over train c_i - sum over held_out c_i) / sqrt(2m / (2m - 1) sum (c_i - c)^2), c the mean of all c_i.
    """
    m = len(train)
    i, near = _nearest(samples, train)
    j, far = _nearest(samples, held_out)
    counts = np.concatenate([np.bincount(i[near < far], minlength=m), np.bincount(j[far < near], minlength=m)])
    spread = math.sqrt(np.sum((counts - counts.mean()) ** 2) * 2 * m / (2 * m - 1))
    return float((counts[:m].sum() - counts[m:].sum()) / spread) if spread else 0.0


def _nearest(x, y):
    """(index, distance) of each row's nearest row of y; the distance without cancellation, so that a copy has 0."""
    index = nearest(blocks(x, y))
    return index, np.linalg.norm(x - y[index], axis=1)


def _closest_pairs(x, count):
    """The squared distances of the `count` closest pairs of rows, in ascending order."""
    closest = np.empty(0)
    for rows, squared in own_blocks(x):
        below = np.arange(len(x)) < np.arange(rows.start, rows.stop)[:, None]  # each pair once
        closest = np.concatenate([closest, squared[below]])
        if len(closest) > count:
            closest = np.partition(closest, count - 1)[:count]
    return np.sort(closest)
