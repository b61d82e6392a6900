"""The judge: trained once, cached under what made it, the same for the same seed, and right about real digits."""

import dataclasses
import os
import sys

import numpy as np
import pytest

from minigan import data, metrics, ops
from minigan.metrics import Recipe, classifier, trained_classifier
from minigan.random import Generator

SMALL = Recipe(channels=(8, 16), strides=(1, 2), kernel=3, hidden=32, epochs=6, batch_size=50, shift=0)


def part(dataset, rows):
    return dataclasses.replace(dataset, images=dataset.images[rows], labels=dataset.labels[rows])


@pytest.fixture(scope="module")
def digits():
    """(training, test) digits, 8x8."""
    everything = data.load("digits-8x8")
    order = Generator(0).permutation(len(everything))
    return part(everything, order[:1200]), part(everything, order[1200:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "new"


@pytest.fixture(scope="module")
def judge(digits, folder):
    return trained_classifier(digits[0], recipe=SMALL, folder=folder)


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(classifier, "train", refuse)


def test_it_has_learned(judge, digits):
    assert judge.accuracy(digits[1].images, digits[1].labels) > 0.93
    assert not judge.training


def test_probabilities_and_features_fit_each_other(judge, digits):
    images = digits[1].images[:550]  # more than one batch
    p, features = judge.probabilities(images), judge.features(images)
    assert (p.shape, p.dtype, features.shape, features.dtype) == ((550, 10), np.float32, (550, 32), np.float32)
    assert p.sum(axis=1) == pytest.approx(np.ones(550), abs=1e-5)
    assert features.min() == 0
    expected = ops.softmax(ops.matmul(features, judge.head.weight) + judge.head.bias).numpy()
    assert p == pytest.approx(expected, abs=1e-5)
    assert judge.probabilities(data.scale(images)) == pytest.approx(p, abs=1e-6)
    assert judge.probabilities(images[:1])[0] == pytest.approx(p[0], abs=1e-5)  # no other image matters
    assert judge.probabilities(images[:0]).shape == (0, 10)


def test_it_comes_back_from_the_cache(judge, digits, folder, no_training):
    again = trained_classifier(digits[0], recipe=SMALL, folder=folder)
    assert [p.name for p in folder.iterdir()] == [f"{classifier.fingerprint(digits[0], SMALL, 0)}.safetensors"]
    for name, array in judge.state_dict().items():
        assert np.array_equal(again.state_dict()[name], array), name
    assert not again.training


def test_its_name_is_what_made_it(digits):
    train = digits[0]
    other_labels = dataclasses.replace(train, labels=train.labels[::-1].copy())
    names = {
        classifier.fingerprint(train, SMALL, 0),
        classifier.fingerprint(train, SMALL, 1),
        classifier.fingerprint(train, dataclasses.replace(SMALL, epochs=7), 0),
        classifier.fingerprint(part(train, slice(1, None)), SMALL, 0),
        classifier.fingerprint(other_labels, SMALL, 0),
    }
    assert len(names) == 5
    assert classifier.fingerprint(part(train, slice(None)), SMALL, 0) in names


QUICK = dataclasses.replace(SMALL, epochs=1)


def test_equal_seeds_give_equal_weights_and_others_do_not(digits, tmp_path):
    train = part(digits[0], slice(200))
    one, two, other = (
        trained_classifier(train, recipe=QUICK, seed=s, folder=tmp_path / str(k)).state_dict()
        for k, s in enumerate((5, 5, 6))
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["head.weight"], other["head.weight"])


def test_a_damaged_file_is_made_anew(digits, tmp_path):
    train, seen = part(digits[0], slice(200)), []
    first = trained_classifier(train, recipe=QUICK, folder=tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (whole[:-7], b"", b"no safetensors at all"):
        path.write_bytes(damaged)
        again = trained_classifier(train, recipe=QUICK, folder=tmp_path)
        assert np.array_equal(again.head.weight.numpy(), first.head.weight.numpy())
        assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_a_warning(digits, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot cache the classifier as .*; it will be trained again"):
        trained_classifier(part(digits[0], slice(200)), recipe=QUICK, folder=tmp_path / "file")


def test_the_cache_is_the_platforms(monkeypatch, tmp_path, digits):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert metrics.classifier.cache_folder() == tmp_path / "minigan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert classifier.cache_folder().parts[-2:] == (".cache", "minigan")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert classifier.cache_folder().parts[-3:] == ("Library", "Caches", "minigan")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert classifier.cache_folder() == tmp_path / "local" / "minigan"


def test_shifts_move_whole_images_and_let_background_in():
    images = Generator(0).integers(1, 256, (60, 5, 4, 2)).astype(np.uint8)
    moved = classifier.shifted(images, 2, Generator(1))
    assert (moved.shape, moved.dtype) == (images.shape, np.uint8)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    seen = set()
    for before, after in zip(padded, moved, strict=True):
        fits = [(i, j) for i in range(5) for j in range(5) if np.array_equal(before[i : i + 5, j : j + 4], after)]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) > 18  # of 25
    assert np.array_equal(classifier.shifted(images, 0, Generator(1)), images)


@pytest.mark.parametrize(
    ("images", "error", "match"),
    [
        (np.zeros((3, 9, 8, 1), np.uint8), ValueError, r"images must have shape \(N, 8, 8, 1\), got \(3, 9, 8, 1\)"),
        (np.zeros((3, 64)), ValueError, "images must have shape"),
        (np.zeros((3, 8, 8, 1), int), TypeError, "images must be uint8 or floats in .*, got int64"),
        (np.full((3, 8, 8, 1), 255.0), ValueError, r"images must be finite and in \[-1, 1\], got 255 to 255"),
        (np.full((3, 8, 8, 1), np.nan), ValueError, "images must be finite"),
    ],
)
def test_bad_images(judge, images, error, match):
    with pytest.raises(error, match=match):
        judge.probabilities(images)


def test_bad_data_sets(digits, tmp_path):
    train = digits[0]
    with pytest.raises(ValueError, match="has no labels: a classifier needs them"):
        trained_classifier(dataclasses.replace(train, labels=None), folder=tmp_path)
    with pytest.raises(ValueError, match=r"must have images of every class .* got \[\d+, \d+, 0, "):
        trained_classifier(part(train, train.labels != 2), folder=tmp_path)


# --- the real ones -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_judge_of_8x8_digits(digits, tmp_path):
    assert trained_classifier(digits[0], folder=tmp_path).accuracy(digits[1].images, digits[1].labels) >= 0.985


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("MINIGAN_DATA"), reason="$MINIGAN_DATA is not set: the judge needs all of MNIST")
def test_the_judge_of_mnist(tmp_path):
    """At least 99 %; PROTOCOLS: real test images have 10 classes, class TV .0094, acceptance 98.33 %."""
    train, test = data.load("mnist"), data.load("mnist", part="test")
    judge = trained_classifier(train, folder=tmp_path)
    accuracy = judge.accuracy(test.images, test.labels)
    p = judge.probabilities(test.images)
    m = metrics.class_balance(p, p, Generator(0), frequencies=np.bincount(train.labels))
    print(f"accuracy {accuracy:.2%}", *m.values(), sep="\n")
    assert accuracy >= 0.99
    assert m["class_coverage"].value == 10
    assert m["class_tv"].value == pytest.approx(0.0094, abs=0.004)
    assert m["acceptance"].value == pytest.approx(0.9833, abs=0.008)
