"""Stacked MNIST: which digit is in which channel, what its label is, and that 1,000 modes are equally likely."""

import dataclasses
import math

import numpy as np
import pytest

from minigan.data import EVALUATION_SAMPLES, Dataset, StackedDigits, area_resize, load, stacked_mnist
from minigan.random import Generator


def marked(count=20, side=4):
    """Digits whose every pixel tells which image it is from, and whose label is that number modulo 10."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1), (count, side, side, 1))
    return Dataset(images.copy(), np.arange(count) % 10, "marked", "here", "MIT")


def kl_from_uniform(labels):
    p = np.bincount(labels, minlength=1000) / len(labels)
    return float((p[p > 0] * np.log(1000 * p[p > 0])).sum())


def test_channels_hold_three_digits_and_the_label_reads_them_in_order():
    images, labels = StackedDigits(marked()).sample(500, Generator(1))
    assert images.shape == (500, 4, 4, 3)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.dtype == np.int64
    assert (images == images[:, :1, :1]).all()
    r, g, b = (images[:, 0, 0].astype(int) % 10).T
    assert np.array_equal(labels, 100 * r + 10 * g + b)
    assert len(np.unique(images[:, 0, 0], axis=0)) > 450  # not the same digit thrice


def test_every_image_is_equally_likely_in_every_channel_and_channels_are_independent():
    n = 100_000
    images, labels = StackedDigits(marked()).sample(n, Generator(2))
    which = images[:, 0, 0].astype(int)
    for channel in range(3):
        counts = np.bincount(which[:, channel], minlength=20)
        assert np.abs((counts - n / 20) / math.sqrt(n / 20 * 19 / 20)).max() < 4.5
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        pairs = np.bincount(20 * which[:, one] + which[:, other], minlength=400)
        assert np.abs((pairs - n / 400) / math.sqrt(n / 400 * 399 / 400)).max() < 4.8
    assert np.bincount(labels, minlength=1000).min() > 0


def test_a_uniform_set_scores_the_published_floor():
    """26,000 samples from 1,000 equal modes: KL .0193 +- .0008, and (1000 - 1) / (2 N) in theory."""
    assert EVALUATION_SAMPLES == 26_000
    scores = [kl_from_uniform(StackedDigits(marked()).sample(26_000, Generator(seed))[1]) for seed in range(4)]
    assert all(abs(score - 0.0193) < 4 * 0.0008 for score in scores)
    assert abs(np.mean(scores) - 999 / 52_000) < 4 * 0.0008 / 2


def test_real_digits_score_their_own_floor():
    digits = load("mnist-10k")
    p = np.bincount(digits.labels) / len(digits)
    unequal = 3 * float((p * np.log(10 * p)).sum())
    _, labels = StackedDigits(dataclasses.replace(digits, images=digits.images[:, :1, :1])).sample(26_000, Generator(5))
    assert abs(kl_from_uniform(labels) - (999 / 52_000 + unequal)) < 4 * 0.0008
    assert len(np.unique(labels)) == 1000


@pytest.mark.parametrize(("size", "side"), [(None, 28), (28, 28), (32, 32), (16, 16)])
def test_sizes(size, side):
    digits = load("mnist-10k")
    digits = dataclasses.replace(digits, images=digits.images[:50], labels=digits.labels[:50])
    plain, _ = StackedDigits(digits).sample(9, Generator(1))
    images, _ = StackedDigits(digits, size).sample(9, Generator(1))
    assert images.shape == (9, side, side, 3)
    assert plain.max() > 200
    if side == 32:
        assert np.array_equal(images[:, 2:-2, 2:-2], plain)
        assert images.sum() == plain.sum()
    else:
        assert np.array_equal(images, area_resize(plain, side))


def test_a_fixed_set_is_fixed_by_its_generator():
    one, two = (stacked_mnist(marked(), 30, Generator(seed)) for seed in (1, 1))
    other = stacked_mnist(marked(), 30, Generator(2))
    assert np.array_equal(one.images, two.images)
    assert np.array_equal(one.labels, two.labels)
    assert not np.array_equal(one.labels, other.labels)
    assert (len(one), one.name, one.licence) == (30, "stacked-marked", "MIT")
    assert "three images of marked in each: here" in one.source
    assert one.class_names[7] == "007"
    assert len(one.class_names) == StackedDigits.classes == 1000


def test_digits_that_cannot_be_stacked():
    good = marked()
    for images in (good.images[:0], good.images[:, :2], good.images.repeat(3, axis=-1)):
        bad = Dataset(images, good.labels[: len(images)], "bad", "", "")
        with pytest.raises(ValueError, match="bad must hold square gray images"):
            StackedDigits(bad)
    for labels in (None, good.labels - 1, good.labels + 1):
        with pytest.raises(ValueError, match="marked must have labels from 0 to 9"):
            StackedDigits(dataclasses.replace(good, labels=labels))
    with pytest.raises(ValueError, match="4 pixels cannot be padded equally on both sides to 7"):
        StackedDigits(good, 7)
    with pytest.raises(ValueError, match="at least 1"):
        StackedDigits(good, 0)
    with pytest.raises(TypeError):
        StackedDigits(good, (4, 4))
