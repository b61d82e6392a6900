"""Class balance against numbers by hand, the sampling floors that are known, and the stacked-MNIST protocol."""

import math

import numpy as np
import pytest

from minigan import data
from minigan.metrics import class_balance, classes, mode_histogram, stack_labels
from minigan.random import Generator

MNIST_TRAIN = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])  # of 60,000


def one_hot(labels, count=10):
    return np.eye(count)[labels]


def draws(n, p, seed=0):
    return np.searchsorted(np.cumsum(p) / np.sum(p), Generator(seed).uniform(n, dtype=np.float64), side="right")


def test_numbers_by_hand():
    p = np.array([[0.95, 0.05, 0], [0.89, 0.11, 0], [0.2, 0.8, 0], [0.9, 0.05, 0.05]])
    values = classes.class_statistics(p, np.array([0.5, 0.25, 0.25]), minimum_mass=0.25)
    assert values == {"class_coverage": 2, "class_tv": 0.25, "acceptance": 0.5}
    assert classes.class_statistics(p, np.full(3, 1 / 3), 0.26, confidence=0.95)["class_coverage"] == 1
    assert classes.class_statistics(p, np.full(3, 1 / 3), 0.26, confidence=0.95)["acceptance"] == 0.25


def test_the_total_variation_of_mnist_itself_and_its_floor():
    """PROTOCOLS: sampling floor .0121 at N = 10,000 (exactly, 1/2 sum E|q - p|: .0120); MNIST's test labels: .0076."""
    test = one_hot(data.load("mnist-10k").labels)
    m = class_balance(test, one_hot(draws(60_000, MNIST_TRAIN)), Generator(0), frequencies=MNIST_TRAIN, draws=200)
    p = MNIST_TRAIN / MNIST_TRAIN.sum()
    assert m["class_tv"].value == pytest.approx(0.0076, abs=0.0001)
    exact = 0.5 * math.sqrt(2 / math.pi) * np.sqrt(p * (1 - p) / 10_000).sum()
    assert exact == pytest.approx(0.0120, abs=0.00005)
    # the real rows stand for the data, and are 60,000 draws from p themselves
    assert m["class_tv"].floor == pytest.approx(exact * math.sqrt(1 + 1 / 6), abs=4 * 0.003 / math.sqrt(200) + 0.001)
    assert m["class_coverage"].value == m["class_coverage"].floor == 10
    assert m["acceptance"].value == 1


def test_the_floor_of_the_total_variation_without_frequencies():
    """Against the shares of the real rows themselves the floor is that of a multinomial."""
    real = one_hot(np.repeat(np.arange(10), 1000))
    m = class_balance(real, real, Generator(0), draws=300)["class_tv"]
    exact = 0.5 * 10 * math.sqrt(2 / math.pi * 0.09 / 10_000)
    assert m.value == 0
    assert abs(m.floor - exact) < 4 * 0.003 / math.sqrt(300)
    assert abs(m.floor - 0.0121) < 4 * 0.003 / math.sqrt(300)


def test_coverage_needs_a_minimum_mass():
    """Error 28 of PROTOCOLS: one stray sample per class would cover all ten."""
    labels = np.concatenate([np.zeros(991, int), np.arange(1, 10)])
    real = one_hot(np.arange(1000) % 10)
    assert class_balance(one_hot(labels), real, Generator(0), draws=2)["class_coverage"].value == 1
    stray = class_balance(one_hot(labels), real, Generator(0), draws=2, minimum_mass=0.001)["class_coverage"]
    assert stray.value == 10
    assert "from 0.001" in stray.note


def test_doubt_lowers_acceptance_and_nothing_else():
    real = one_hot(np.arange(1000) % 10)
    m = class_balance(0.8 * real + 0.02, real, Generator(0), draws=5)
    assert (m["acceptance"].value, m["acceptance"].floor) == (0, 1)
    assert m["class_tv"].value == 0


@pytest.mark.parametrize(
    ("frequencies", "kl", "deviation"),
    [
        (None, 0.0193, 0.0008),
        (np.multiply.outer(np.multiply.outer(MNIST_TRAIN, MNIST_TRAIN), MNIST_TRAIN).ravel() / 6e4**3, 0.0236, 0.0009),
    ],
)
def test_stacked_mnist_floors(frequencies, kl, deviation):
    """PROTOCOLS: uniform sampler / product of real labels, 1,000 modes, N = 26,000: .0193 +- .0008 / .0236."""
    p = np.full(1000, 1e-3) if frequencies is None else frequencies
    m = mode_histogram(draws(26_000, p), 1000, Generator(1), frequencies=frequencies, draws=100, halves=10)
    assert m["kl"].floor == pytest.approx(kl, abs=4 * deviation / 10 + 0.0003)
    assert abs(m["kl"].value - m["kl"].floor) < 4 * deviation
    assert (m["kl"].floor_range[1] - m["kl"].floor_range[0]) / 3.29 == pytest.approx(deviation, rel=0.3)
    assert m["modes"].floor == pytest.approx(1000, abs=0.1)
    assert m["modes"].value == 1000


def test_missing_modes_cost_the_logarithm():
    m = mode_histogram(np.arange(26_000) % 500, 1000, Generator(1), draws=5)
    assert m["modes"].value == 500
    assert m["kl"].value == pytest.approx(math.log(2))


def test_stacked_labels():
    assert stack_labels(np.array([[0, 0, 0], [1, 2, 3], [9, 9, 9]])).tolist() == [0, 123, 999]
    assert len(set(stack_labels(np.indices((10, 10, 10)).reshape(3, -1).T).tolist())) == 1000


@pytest.mark.parametrize(
    ("p", "match"),
    [
        (np.zeros((5, 10)), "probabilities must be non-negative and sum to 1 in each row, but row 0 .*logits"),
        (np.eye(10) * 3 - 2 / 9, "probabilities must be non-negative"),
        (np.full((5, 10), np.nan), "probabilities must be finite"),
        (np.ones((5, 1)), "at least 2 classes"),
        (np.ones(5), r"shape \(N, classes\)"),
        (one_hot([0, 1]), "holds 2 samples, expected at least 4"),
        (one_hot(np.arange(4), 4), "real_probabilities has 10 classes, probabilities 4"),
    ],
)
def test_bad_probabilities(p, match):
    with pytest.raises(ValueError, match=match):
        class_balance(p, one_hot(np.arange(10)), Generator(0))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"frequencies": np.ones(9)}, "frequencies must be 10 non-negative numbers"),
        ({"frequencies": np.zeros(10)}, "not all zero"),
        ({"frequencies": np.r_[-1.0, np.ones(9)]}, "from -1 to 1"),
        ({"minimum_mass": 0}, "minimum_mass must lie in"),
        ({"confidence": 90}, "confidence must lie in"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        class_balance(one_hot(np.arange(10)), one_hot(np.arange(10)), Generator(0), **options)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([0.0, 1, 2, 3]), "labels must be integers of shape"),
        (np.array([[0, 1, 2, 3]]), "labels must be integers of shape"),
        (np.array([0, 1, 2, 1000]), r"labels must lie in \[0, 1000\), got values from 0 to 1000"),
        (np.array([0]), "labels holds 1 samples, expected at least 4"),
    ],
)
def test_bad_labels(labels, match):
    with pytest.raises(ValueError, match=match):
        mode_histogram(labels, 1000, Generator(0))
