"""`minigan evaluate`: the metrics that a kind of data allows, from a run folder."""

import json

import numpy as np
import pytest

from minigan import data, metrics
from minigan.cli import main
from minigan.metrics import classifier
from minigan.presets import Config
from minigan.random import Generator
from minigan.runs import Run, train
from minigan.runs.evaluation import evaluate, judge_images, judge_points, judge_stacked, single_digits
from minigan.trainers import load_data, trainer_for

IMAGES = Config(data="digits-8x8", steps=2, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3)
POINTS = Config(
    data="grid", steps=2, batch_size=8, latent=2, generator_width=4, critic_width=4, model="dense", output="linear"
)
COMPARED = {"frechet", "precision", "recall", "density", "coverage", "nn_accuracy"}
CLASSES = {"class_coverage", "class_tv", "acceptance"}


@pytest.fixture(autouse=True)
def quick_classifiers(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    recipe = classifier.Recipe((8, 16), (1, 2), 3, 32, epochs=5, batch_size=20, lr=1e-2)
    monkeypatch.setattr(classifier, "DIGITS_8X8", recipe)
    monkeypatch.setattr(classifier, "MNIST", classifier.Recipe((4, 8), kernel=3, hidden=32, epochs=1))


def trained(folder, config):
    run = Run.create(folder, "tiny", config)
    with open("/dev/null", "w") as silent:
        train(trainer_for(config, load_data(config)), run, output=silent)
    return run


def test_points_of_a_mixture(tmp_path):
    found = evaluate(trained(tmp_path / "run", POINTS), n=200)
    assert found.keys() == {"modes", "high_quality", "reverse_kl", "off_mode_kl", "width_min", "width_max"}
    assert found["modes"].floor == pytest.approx(25, abs=0.1)
    assert {m.n for m in found.values()} == {200}


def test_points_without_modes(tmp_path):
    found = evaluate(trained(tmp_path / "run", Config(**vars(POINTS) | {"data": "swissroll"})), n=100)
    assert {"sliced_w2", "coverage", "nn_accuracy"} <= found.keys()
    low, high = found["sliced_w2"].floor_range
    assert low < found["sliced_w2"].floor < high < found["sliced_w2"].value


def test_labelled_images(tmp_path):
    found = evaluate(trained(tmp_path / "run", IMAGES), n=900)
    assert found.keys() >= COMPARED | CLASSES
    assert "nearer_to_train" not in found  # nothing is unseen
    assert found["acceptance"].n == 900
    assert found["nn_accuracy"].n == 898


def test_images_without_labels(tmp_path):
    np.save(tmp_path / "x.npy", data.load("digits-8x8").images[:100])
    config = Config(**vars(IMAGES) | {"data": str(tmp_path / "x.npy")})
    found = evaluate(trained(tmp_path / "run", config), n=50)
    assert found.keys() >= COMPARED | {"sliced_w2"}
    assert not found.keys() & CLASSES


def test_the_same_seed_measures_the_same(tmp_path):
    run = trained(tmp_path / "run", POINTS)
    first, again, other = (evaluate(run, n=100, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.fixture(scope="module")
def halves():
    """Every other one of the 8x8 digits, which are ordered by writer, and the rest, as data sets of their own."""
    whole = data.load("digits-8x8")
    return [data.Dataset(whole.images[k::2], whole.labels[k::2], "half", "", "") for k in (0, 1)]


def test_real_images_are_as_good_as_their_floor_and_copies_are_found_out(halves):
    known, unseen = halves
    copies = judge_images(data.scale(known.images), known, Generator(0), unseen=unseen)
    assert copies["nearer_to_train"].value > 0.95
    assert copies["acceptance"].value >= copies["acceptance"].floor_range[0] > 0.4
    assert copies["class_coverage"].value == 10
    order = Generator(0).permutation(len(unseen))
    real = judge_images(data.scale(unseen.images[order]), known, Generator(0))
    assert real["coverage"].value > 0.9
    assert 0.4 < real["nn_accuracy"].value < 0.6


def test_where_unseen_images_are_few_the_samples_are_compared_in_several_sets(halves):
    known, unseen = halves
    few = data.Dataset(unseen.images[:100], unseen.labels[:100], "few", "", "")
    found = judge_images(data.scale(known.images[:230]), known, Generator(0), unseen=few)
    assert found["nn_accuracy"].n == found["coverage"].n == 200
    assert found["nn_accuracy"].note.endswith("mean over 4 sets of 50")
    assert found["nearer_to_train"].n == 230


def test_noise_is_nothing_like_digits(halves):
    known, unseen = halves
    noise = Generator(0).uniform((400, 8, 8, 1), -1, 1)
    found = judge_images(noise, known, Generator(0), unseen=unseen)
    assert found["coverage"].value < 0.1
    assert found["nn_accuracy"].value > 0.9
    assert found["frechet"].value > 10 * found["frechet"].floor


def test_points_of_the_sampler_itself_are_within_reach_of_the_floor():
    roll = data.swissroll()
    found = judge_points(roll.sample(300, Generator(1)), roll, Generator(2))
    assert found["sliced_w2"].value < 2 * found["sliced_w2"].floor
    assert 0.4 < found["nn_accuracy"].value < 0.6


def test_stacked_digits_are_read_channel_by_channel():
    digits = single_digits("stacked-mnist-10k", 16)
    assert digits.images.shape == (10_000, 16, 16, 1)
    stacked = data.stacked_mnist(data.load("mnist-10k"), 500, Generator(3), 16)
    found = judge_stacked(data.scale(stacked.images), digits, Generator(0))
    seen = np.unique(stacked.labels).size
    assert abs(found["modes"].value - seen) < 0.1 * seen
    red = data.scale(stacked.images) * [1, 0, 0] - np.float32([0, 1, 1])  # the other channels empty
    assert judge_stacked(red.astype(np.float32), digits, Generator(0))["modes"].value <= 20


def test_the_unseen_part_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    digits = data.load("digits-8x8")
    (tmp_path / "mnist").mkdir()
    for part, rows in (("train", slice(600)), ("t10k", slice(600, 800))):
        data.write_idx(tmp_path / "mnist" / f"{part}-images-idx3-ubyte", digits.images[rows, ..., 0])
        data.write_idx(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte", digits.labels[rows].astype(np.uint8))
    found = evaluate(trained(tmp_path / "run", Config(**vars(IMAGES) | {"data": "mnist"})), n=100)
    assert found["nearer_to_train"].note.endswith("200 training and 200 unseen")


def test_a_translation_is_refused(tmp_path):
    config = Config(model="unet", generator_width=2, critic_width=2, held_out=4, steps=1)
    run = Run.create(tmp_path / "run", "tiny", config)
    with pytest.raises(ValueError, match="is a translation, whose outputs have targets"):
        evaluate(run)


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    trained(tmp_path / "run", POINTS)
    out = tmp_path / "found.json"
    assert main(["evaluate", str(tmp_path / "run"), "--n", "50", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    first, *_, last = printed.err.splitlines()
    assert first == f"measuring 50 samples of {tmp_path / 'run'}"
    assert last == f"report: {tmp_path / 'run' / 'report.html'}"
    header, *lines = printed.out.splitlines()
    assert header.split() == ["metric", "value", "s.e.", "better", "floor", "(real", "data)", "5", "%", "95", "%", "n"]
    written = json.loads(out.read_text())
    assert [line.split()[0] for line in lines] == list(written)
    assert [line.split()[3] for line in lines[:3]] == ["higher", "as", "lower"]
    assert written["modes"]["floor"] == pytest.approx(25 * (1 - np.exp(-50 / 25)), abs=1)
    assert set(written["modes"]) == set(metrics.Measurement.__dataclass_fields__)


def test_the_command_says_that_a_classifier_may_have_to_be_trained(tmp_path, capsys):
    trained(tmp_path / "run", IMAGES)
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("measuring 10,000 samples of ")
    assert first.endswith("; labelled images need a classifier, which is trained once and kept")


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--n", "0"], "--n must be at least 1, got 0"), (["--n", "2"], "samples holds 2 samples, expected at least 4")],
)
def test_too_few_samples_get_one_sentence(options, words, tmp_path, capsys):
    trained(tmp_path / "run", POINTS)
    assert main(["evaluate", str(tmp_path / "run"), *options]) == 2
    assert words in capsys.readouterr().err
