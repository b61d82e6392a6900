"""The test phase looks at the losses of samples kept out of training, and touches nothing; TensorBoard summaries."""

import dataclasses
import json
import os
import struct
import sys

import numpy as np
import pytest

from minigan import data
from minigan.cli import main
from minigan.presets import Config, preset
from minigan.random import Generator
from minigan.runs import Run, train
from minigan.trainers import Trainer, load_data, trainer_for

TINY = Config(
    data="digits-8x8", steps=6, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3, held_out=40,
    test_interval=4, dropout=0.2, critic_norm=True, spectral=True, augment="translation", instance_noise=0.1, ema=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def everything(trainer):
    arrays, state = trainer.state()
    return {name: array.tobytes() for name, array in arrays.items()}, state


def test_a_test_phase_leaves_no_trace(digits):
    """Weights, buffers, moments, generators and modes: a run that was tested equals one that was not, to the bit."""
    tested, quiet = Trainer(TINY, digits), Trainer(TINY, digits)
    for _ in range(3):
        assert tested.test().keys() == {"test_critic_loss", "test_generator_loss"}
        assert all(module.training for _, module in [*tested.generator.modules(), *tested.critic.modules()])
        assert everything(tested) == everything(quiet)
        assert tested.step() == quiet.step()
    assert everything(tested) == everything(quiet)


def test_a_test_repeats_and_follows_the_weights(digits):
    trainer = Trainer(TINY, digits)
    first = trainer.test()
    assert trainer.test() == first
    trainer.step()
    assert trainer.test() != first


def test_it_is_the_loss_in_evaluation_mode(digits):
    trainer = Trainer(dataclasses.replace(TINY, loss="relativistic"), digits)
    trainer.step()
    found = trainer.test()
    generator, critic, (real,) = trainer.generator.eval(), trainer.critic.eval(), trainer.source.held_out
    fake = generator(Generator(TINY.seed).normal((40, 4)))
    difference = (critic(real) - critic(fake)).numpy().astype(float)
    assert found["test_critic_loss"] == pytest.approx(np.log1p(np.exp(-difference)).mean())
    assert found["test_generator_loss"] == pytest.approx(np.log1p(np.exp(difference)).mean())


def test_training_never_sees_what_is_held_out(digits):
    """Every image carries its number in two pixels; one batch is a whole epoch."""
    digits = dataclasses.replace(digits, images=digits.images.copy())
    digits.images[:, 0, 0, 0], digits.images[:, 0, 1, 0] = np.divmod(np.arange(1797), 256)
    trainer = Trainer(dataclasses.replace(TINY, conditional=True, batch_size=1797 - 40), digits)
    parts = trainer.loader.next_batch(), trainer.source.held_out
    numbers = [data.to_uint8(images)[:, 0, :2, 0] @ np.array([256, 1]) for images, _ in parts]
    assert sorted(np.concatenate(numbers)) == list(range(1797))
    assert len(numbers[1]) == 40
    assert all((digits.labels[n] == labels).all() for n, (_, labels) in zip(numbers, parts, strict=True))


def test_points_are_held_out_too():
    config = dataclasses.replace(preset("toy-ring"), held_out=16)
    trainer = Trainer(config, load_data(config))
    assert trainer.source.held_out[0].shape == (16, 2)
    assert set(trainer.test()) == {"test_critic_loss", "test_generator_loss"}
    assert Trainer(preset("toy-ring"), data.ring()).test() == {}


def trained(folder, digits, config, **options):
    run = Run.create(folder, "tiny", config)
    with open(os.devnull, "w") as silent:
        train(Trainer(config, digits), run, output=silent, **options)
    return run


def test_a_run_logs_its_tests_at_the_interval_and_the_end(tmp_path, digits):
    run = trained(tmp_path, digits, TINY)
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [line["step"] for line in lines if "test_critic_loss" in line] == [4, 6]


def events(folder):
    """(tag, step, value) of every scalar in the event files, read by the format's own definition."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            content = content[16 + length :]
    return found


def test_summaries_hold_what_the_log_holds(tmp_path, digits):
    run = trained(tmp_path, digits, dataclasses.replace(TINY, summary_interval=3))
    lines = {line["step"]: line for line in map(json.loads, run.metrics_file.read_text().splitlines())}
    found = events(run.summaries)
    assert {(tag, step) for tag, step, _ in found} == {
        ("critic_loss", 3), ("critic_loss", 6), ("generator_loss", 3), ("generator_loss", 6),
        ("critic_gradient", 3), ("critic_gradient", 6), ("generator_gradient", 3), ("generator_gradient", 6),
        ("test_critic_loss", 4), ("test_critic_loss", 6), ("test_generator_loss", 4), ("test_generator_loss", 6),
    }  # fmt: skip
    assert all(value == pytest.approx(lines[step][tag], rel=1e-6) for tag, step, value in found)


def test_no_summaries_unless_asked(tmp_path, digits):
    assert not trained(tmp_path, digits, TINY).summaries.exists()


def test_without_tensorboardx_one_sentence_before_anything_is_written(tmp_path, digits, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match="summary_interval needs tensorboardX: pip install"):
        trainer_for(dataclasses.replace(TINY, summary_interval=3), digits)
    out = tmp_path / "run"
    assert main(["train", "--data", "digits-8x8", "--summary-interval", "3", "--out", str(out)]) == 2
    assert "minigan[tensorboard]" in capsys.readouterr().err
    assert not out.exists()
