"""Four generators that fail in four ways, and one that does not, on the 8x8 digits: the metrics tell them apart."""

import numpy as np
import pytest

from minigan import data, metrics
from minigan.random import Generator

N = 280


def sampler(name):
    """(held-out real data, training data, N samples of a generator trained on the latter)."""
    pixels = data.scale(data.load("digits-8x8").images).reshape(1797, -1)[Generator(0).permutation(1797)]
    held_out, train, unseen, rng = pixels[:600], pixels[600:1200], pixels[1200 : 1200 + N], Generator(1)
    samples = {
        "perfect": lambda: unseen,
        "collapsed": lambda: unseen[rng.integers(0, 12, N)] + 0.02 * rng.normal(unseen.shape),
        "shifted": lambda: unseen + np.float32(0.2),
        "noisy": lambda: unseen + 0.5 * rng.normal(unseen.shape),
        "memorising": lambda: train[rng.permutation(600)[:N]] + 0.02 * rng.normal(unseen.shape),
    }
    return held_out, train, samples[name]()


def failures(name):
    """The names of the measurements that are clear of the floor."""
    held_out, train, x = sampler(name)
    rng, effort = Generator(2), {"draws": 8, "halves": 8}
    found = [
        metrics.frechet_distance(held_out, x, rng, space=16, **effort),
        metrics.kid(held_out, x, rng, **effort),
        metrics.mmd(held_out, x, rng, **effort),
        metrics.sliced_wasserstein(held_out, x, rng, **effort),
        *metrics.precision_recall(held_out, x, rng, **effort).values(),
        *metrics.nearest_neighbour_test(held_out, x, rng, **effort).values(),
        metrics.birthday_test(held_out, x, rng, **effort),
        *metrics.memorisation(train, held_out, x, rng, **effort).values(),
    ]
    return {m.name for m in found if _clear(m)}


def _clear(m):
    low, high = m.floor_range
    return m.value < low - 3 * m.standard_error or m.value > high + 3 * m.standard_error


@pytest.mark.parametrize(
    ("name", "seen", "unseen"),
    [
        ("perfect", set(), {"frechet", "kid", "mmd2", "precision", "coverage", "near_pairs", "nearer_to_train"}),
        ("collapsed", {"frechet", "mmd2", "recall", "coverage", "near_pairs", "nn_accuracy"}, {"nearer_to_train"}),
        ("shifted", {"frechet", "kid", "mmd2", "sliced_w2"}, {"near_pairs", "nearer_to_train"}),
        ("noisy", {"mmd2", "precision", "density", "nn_accuracy_samples"}, {"nearer_to_train", "train_distance_ratio"}),
        ("memorising", {"nearer_to_train", "train_distance_ratio"}, {"frechet", "kid", "mmd2", "recall", "near_pairs"}),
    ],
)
def test_each_failure_has_its_signature(name, seen, unseen):
    found = failures(name)
    assert found >= seen, seen - found
    assert not found & unseen, found & unseen
