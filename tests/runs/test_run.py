"""Run folders: what is written, what is refused, and that nothing is lost."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from minigan import data, gan
from minigan.presets import Config
from minigan.runs import Run, RunError, draw, train
from minigan.trainers import Trainer

TINY = Config(
    data="digits-8x8", steps=6, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3, conditional=True,
    critic_norm=True, ema=0.5, schedule="linear",
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def trained(folder, digits, config=TINY):
    run = Run.create(folder, "tiny", config)
    with open(os.devnull, "w") as silent:
        train(Trainer(config, digits), run, output=silent)
    return run


def everything(trainer):
    arrays, state = trainer.state()
    return {k: v.tobytes() for k, v in arrays.items()}, state


def test_a_run_writes_all_that_it_promises(tmp_path, digits):
    run = trained(tmp_path / "run", digits)
    assert run.read_config() == ("tiny", TINY)
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {"seconds", "critic_loss", "generator_loss"} <= lines[-1].keys()
    assert sorted(p.name for p in run.samples.iterdir()) == [f"step-000000{k}.png" for k in range(1, 7)]
    files = [f"step-000000{k}.{kind}" for k in (5, 6) for kind in ("json", "safetensors")]
    assert sorted(p.name for p in run.checkpoints.iterdir()) == files


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(digits):
    a, b, c = Trainer(TINY, digits), Trainer(TINY, digits), Trainer(dataclasses.replace(TINY, seed=1), digits)
    for trainer in (a, b, c):
        for _ in range(3):
            trainer.step()
    assert everything(a) == everything(b)
    assert everything(a)[0] != everything(c)[0]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {
            "critic_norm": False,
            "penalty": "gradient_penalty",
            "loss": "wasserstein",
            "critic_steps": 2,
            "penalty_interval": 2,
        },
        {"dropout": 0.3, "ema": 0.0, "conditional": False, "optimizer": "rmsprop", "penalty": "clip"},
        {"critic_norm": False, "penalty": "r1_r2", "loss": "relativistic", "model": "dense", "kernel": 5},
        {"critic_norm": False, "penalty": "dragan", "refine": True},
        {"critic_norm": False, "penalty": "zero_centered", "loss": "hinge"},
        {"augment": "color,translation", "instance_noise": 0.2, "label_smoothing": 0.1},
        {"critic_norm": False, "spectral": True, "conditional": False, "augment": "cutout"},
        {"conditioning": "concatenation", "augment": "cutout", "minibatch_std": True},
        {"critic_norm": False, "conditional": False, "packing": 4, "penalty": "r1", "instance_noise": 0.1},
        {"schedule": "burn_in", "burn_in": 0.5, "beta2_end": 0.99, "penalty": "clip", "penalty_weight_end": 1.0},
        {"held_out": 5, "first_phase": 0.5, "critic_steps": 2, "output": "sigmoid"},
    ],
)
def test_going_on_from_a_checkpoint_equals_never_having_stopped(tmp_path, digits, change):
    config = dataclasses.replace(TINY, **change)
    through = Trainer(config, digits)
    for _ in range(3):
        through.step()
    run = Run.create(tmp_path, "tiny", config)
    run.save_checkpoint(3, *through.state())
    resumed = Trainer(config, digits)
    resumed.load_state(*run.load_checkpoint())
    reports = [(through.step(), resumed.step()) for _ in range(3)]
    assert all(a == b for a, b in reports)
    assert everything(through) == everything(resumed)


def test_a_resumed_run_ends_with_the_same_pictures_and_the_same_log(tmp_path, digits):
    whole = trained(tmp_path / "whole", digits)
    stopped = Run.create(tmp_path / "stopped", "tiny", TINY)
    trainer = Trainer(TINY, digits)
    for _ in range(2):
        trainer.step()
    stopped.save_checkpoint(2, *trainer.state())
    for step in (1, 2, 3):  # step 3 was logged after the checkpoint, then the machine died
        stopped.log({"step": step})
    with open(os.devnull, "w") as silent:
        train(Trainer(TINY, digits), stopped, resume=True, output=silent)
    last = "step-0000006.png"
    assert (whole.samples / last).read_bytes() == (stopped.samples / last).read_bytes()
    assert [json.loads(line)["step"] for line in stopped.metrics_file.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_drawing_does_not_change_training(digits):
    quiet, drawn = Trainer(TINY, digits), Trainer(TINY, digits)
    for _ in range(3):
        quiet.step()
        drawn.step()
        drawn.draw(np.zeros((2, 4), np.float32), np.array([0, 1]))
    assert everything(quiet) == everything(drawn)


def test_ctrl_c_saves(tmp_path, digits, monkeypatch):
    run = Run.create(tmp_path, "tiny", TINY)
    step = Trainer.step

    def interrupted(self):
        if self.step_count == 3:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C in the middle of step 4, which ends first
        return step(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with open(os.devnull, "w") as silent, pytest.raises(KeyboardInterrupt):
        train(Trainer(TINY, digits), run, output=silent)
    assert run.load_checkpoint()[1]["step"] == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def diverged(*batch):
    raise FloatingPointError("critic loss nan")


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, digits, monkeypatch):
    run = Run.create(tmp_path, "tiny", TINY)
    monkeypatch.setattr(gan.Game, "critic_step", diverged)
    with open(os.devnull, "w") as silent, pytest.raises(RunError, match=r"training has diverged\. .*not a number"):
        train(Trainer(TINY, digits), run, output=silent)
    assert not list(run.checkpoints.iterdir())


def test_samples_are_in_the_range_of_the_data_and_repeat(tmp_path, digits):
    run = trained(tmp_path, digits)
    images = draw(run, 23, seed=5)
    assert images.shape == (23, 8, 8, 1)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert (images == draw(run, 23, seed=5)).all()
    assert not (images == draw(run, 23, seed=6)).all()
    assert not (draw(run, 5, label=3) == draw(run, 5, label=4)).all()


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_does_not_exist_is_refused(tmp_path, digits, label):
    with pytest.raises(ValueError, match=f"label {label}: this generator has 10 classes"):
        draw(trained(tmp_path, digits), 1, label=label)


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    Run.create(tmp_path, "tiny", TINY)
    with pytest.raises(RunError, match="already holds a run"):
        Run.create(tmp_path, "tiny", TINY)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write the run folder .*file"):
        Run.create(tmp_path / "file" / "run", "tiny", TINY)


def test_no_run_and_no_checkpoint_are_named(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path)
    with pytest.raises(RunError, match="no checkpoint yet"):
        Run.create(tmp_path, "tiny", TINY).load_checkpoint()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"preset": "x", "steps": 3, "colour": 1}', '{"preset": "x", "steps": "3"}']
)
def test_a_damaged_config_is_named(tmp_path, text):
    run = Run.create(tmp_path, "tiny", TINY)
    run.config_file.write_text(text)
    with pytest.raises(RunError, match="not the configuration of a run"):
        run.read_config()


def test_numbered_folders_do_not_collide(tmp_path):
    assert Run.next_free(tmp_path, "digits").name == "digits-001"
    for name in ("digits-001", "digits-003"):
        (tmp_path / name).mkdir()
    assert Run.next_free(tmp_path, "digits").name == "digits-002"


def test_a_conditional_run_needs_labels(digits):
    with pytest.raises(ValueError, match="has no labels"):
        Trainer(TINY, dataclasses.replace(digits, labels=None))
