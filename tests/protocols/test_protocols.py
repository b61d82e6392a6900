"""Every protocol from end to end at a tiny size, and what each of them promises."""

import dataclasses
import json

import numpy as np
import pytest

from minigan import data, nn, protocols
from minigan.cli import main
from minigan.metrics import classifier
from minigan.protocols import digits, harness, mixtures, toys
from minigan.random import Generator
from minigan.trainers import load_data, trainer_for

SIZES = {"generator_width": 4, "critic_width": 4, "batch_size": 8, "latent": 4}


def tiny(protocol, count, **more):
    """A protocol of two steps and small networks, judged with few samples."""
    methods = {name: dataclasses.replace(c, **SIZES, **more) for name, c in protocol.scaled(2).methods.items()}
    return dataclasses.replace(protocol, methods=methods, judging=protocol.judging | {"count": count})


def records_of(protocol, folder):
    """The records of the first seed of every method, made in this process."""
    (folder / "jobs").mkdir()
    for method, config in protocol.jobs(protocol.seeds[:1]):
        job = harness.Job(protocol, method, config, folder)
        job()
        yield json.loads(job.path.read_text())
        assert protocol.picture is None or job.path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """$MINIGAN_DATA with 600 images as MNIST's training part and 200 as its test part, and an empty cache."""
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(classifier, "MNIST", classifier.Recipe((4, 4), hidden=8, epochs=1))
    source = data.load("mnist-10k")
    (tmp_path / "mnist").mkdir()
    for part, rows in (("train", slice(600)), ("t10k", slice(600, 800))):
        data.write_idx(tmp_path / "mnist" / f"{part}-images-idx3-ubyte", source.images[rows, ..., 0])
        data.write_idx(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte", source.labels[rows].astype(np.uint8))
    return tmp_path


@pytest.mark.parametrize("protocol", [mixtures.ring, mixtures.grid, *toys.official_toys], ids=lambda p: p.name)
def test_points(protocol, tmp_path):
    (record,) = records_of(tiny(protocol, 100), tmp_path)
    assert protocol.shown.keys() <= record["metrics"].keys(), record
    assert {m["n"] for m in record["metrics"].values()} == {100}


def test_every_method_of_the_one_harness(tmp_path):
    protocol = dataclasses.replace(tiny(mixtures.same_harness[1], 100), picture=None)
    for record in records_of(protocol, tmp_path):
        assert protocol.shown.keys() <= record["metrics"].keys(), record


def test_digits(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(classifier, "DIGITS_8X8", dataclasses.replace(classifier.DIGITS_8X8, epochs=1))
    (record,) = records_of(tiny(digits.digits, 300), tmp_path)
    assert digits.SHOWN.keys() <= record["metrics"].keys(), record
    assert record["metrics"]["acceptance"]["n"] == 300
    assert record["metrics"]["nn_accuracy"]["n"] == 299  # half of the 599 unseen ones


def test_mnist(small_mnist, tmp_path):
    protocol = tiny(digits.mnist, 150)
    for record in records_of(protocol, tmp_path):
        assert digits.SHOWN.keys() <= record["metrics"].keys(), record
        assert record["metrics"]["nn_accuracy"]["n"] == 100


def test_stacked_mnist(small_mnist, tmp_path):
    (record,) = records_of(tiny(digits.stacked_mnist, 200), tmp_path)
    assert 1 <= record["metrics"]["modes"]["value"] <= 200, record
    assert record["metrics"]["kl"]["floor"] > 0


def test_the_unseen_third_is_the_same_for_every_seed_and_unseen():
    known, unseen = digits.parts("digits-8x8")
    again, _ = digits.parts("digits-8x8")
    assert (len(known), len(unseen)) == (1198, 599)
    assert np.array_equal(known.images, again.images)
    whole = data.load("digits-8x8")
    rows = np.concatenate([known.images, unseen.images]).reshape(1797, -1)
    assert np.array_equal(np.sort(rows, axis=0), np.sort(whole.images.reshape(1797, -1), axis=0))


def test_training_sees_the_known_part_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(digits.plain_training, "train", lambda config, dataset: seen.append(dataset))
    digits.train(digits.digits.methods["conditional dense, RpGAN + R1 + R2"])
    assert np.array_equal(seen[0].images, digits.parts("digits-8x8")[0].images)


def test_samples_are_judged_in_the_units_of_the_data():
    def perfect(n, rng):
        return data.grid().sample(n, rng)

    found, points = mixtures.judge(perfect, Generator(0), **mixtures.grid.judging)
    assert found["modes"].value == 25
    assert all(low <= found[m].value <= high for m in found for low, high in [found[m].floor_range] if m != "width_min")
    record = {"metrics": {name: dataclasses.asdict(m) for name, m in found.items()}}
    assert all(mixtures.grid.reached(what, record) for what in mixtures.grid.targets)
    assert points.shape == (2500, 2)


def test_collapse_reaches_no_target():
    def collapsed(n, rng):
        return np.tile(np.float32([[1, 0]]), (n, 1)) + 0.01 * rng.normal((n, 2))

    found, _ = mixtures.judge(collapsed, Generator(0), **mixtures.ring.judging)
    record = {"metrics": {name: dataclasses.asdict(m) for name, m in found.items()}}
    assert found["high_quality"].value > 0.97
    assert not any(mixtures.ring.reached(what, record) for what in mixtures.ring.targets)


def test_methods_in_one_harness_differ_in_nothing_but_what_is_compared():
    compared = {
        "loss", "penalty", "penalty_weight", "penalty_weight_end", "burn_in", "critic_steps", "optimizer", "spectral",
        "packing", "data",
    }  # fmt: skip
    configs = [dataclasses.asdict(c) for p in mixtures.same_harness for c in p.methods.values()]
    assert len(configs) == 18
    assert {name for name in configs[0] for c in configs if c[name] != configs[0][name]} == compared


@pytest.mark.parametrize("protocol", mixtures.same_harness, ids=lambda p: p.name)
def test_only_the_method_of_that_name_normalises_its_spectrum(protocol):
    for name, config in protocol.methods.items():
        critic = trainer_for(config, load_data(config)).critic
        normalised = [m for m in critic.modules() if isinstance(m, nn.spectral_norm)]
        assert len(normalised) == (config.depth + 1 if name == "spectral norm" else 0)


@pytest.mark.parametrize("name", [name for name in protocols.NAMES if name != "dirac"])
def test_every_pre_registered_configuration_is_valid_and_has_its_picture(name):
    for protocol in protocols.load(name):
        assert set().union(*protocol.targets.values()) <= protocol.shown.keys()
        assert all(row.values.keys() <= protocol.shown.keys() for row in protocol.published)
        for _, config in protocol.jobs():
            config.check()


def test_a_protocol_from_the_command_line_goes_on_where_it_was(tmp_path, capsys):
    arguments = ["protocol", "ring", "--steps", "1", "--processes", "1", "--out", str(tmp_path), "--seeds", "3"]
    assert main(arguments) == 0
    first = capsys.readouterr()
    assert "PacGAN4, PacGAN table 1" in first.out
    assert "SCALED to 1 steps" in first.out
    assert "1/1" in first.err
    assert sorted(p.name for p in (tmp_path / "ring").iterdir()) == ["figure.png", "jobs", "results.json", "table.txt"]
    assert main(arguments) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "job" not in again.err


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "run", interrupted)
    assert main(["protocol", "ring", "--out", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rings"], "unknown protocol 'rings'; did you mean 'ring'?"),
        (["ring", "--steps", "0"], "steps must be at least 1, got 0"),
        (["ring", "--processes", "0"], "processes must be at least 1, got 0"),
    ],
)
def test_mistakes_get_one_sentence(arguments, words, tmp_path, capsys):
    assert main(["protocol", *arguments, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
