"""Settings that make no sense are refused, in one sentence, before anything is written."""

import dataclasses

import pytest

from minigan.cli import main
from minigan.presets import PRESETS, Config, preset

RING = preset("toy-ring")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_passes(name):
    preset(name).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"threads": -1}, "threads must be at least 0, got -1"),
        ({"instance_noise": -1.0}, "instance_noise must be at least 0, got -1.0"),
        ({"seed": -1}, r"seed must be from 0 to 2\*\*64 - 1, got -1"),
        ({"beta1": 1.5}, r"beta1 must lie in \[0, 1\), got 1.5"),
        ({"generator_lr": -1.0}, "generator_lr must be a positive number, got -1.0"),
        ({"penalty_weight": float("nan")}, "penalty_weight must be a positive number, got nan"),
        ({"generator_slope": 3.0}, r"generator_slope must lie in \[0, 1\], got 3.0"),
        ({"label_smoothing": 0.7}, r"label_smoothing must lie in \[0, 0.5\), got 0.7"),
        ({"ema": 1.5}, r"ema is a share of the run, in \[0, 1\), got 1.5"),
        ({"burn_in": 1.5}, r"burn_in is a share of the run, in \[0, 1\], got 1.5"),
        ({"critic_norm": True, "penalty": "r1"}, "critic_norm couples the samples .* cannot go with penalty=r1"),
        ({"minibatch_std": True, "penalty": "dragan"}, "minibatch_std couples the samples .* with penalty=dragan"),
        ({"model": "dense", "dropout": 0.5}, "dropout belongs to model=dcgan, got model=dense"),
        ({"model": "dense", "kernel": 3}, "kernel belongs to model=dcgan.*, got model=dense"),
        ({"octaves": 4}, "octaves belongs to model=dense, got model=dcgan"),
        ({"model": "residual", "refine": True}, "refine belongs to model=dcgan, got model=residual"),
        ({"conditioning": "concatenation"}, "conditioning=concatenation needs conditional"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing belongs to the losses .*, got loss=hinge"),
        ({"first_phase": 0.5}, "first_phase needs critic_steps above 1"),
        ({"packing": 3}, "packing 3 must divide batch_size, got 64"),
        ({"packing": 2, "held_out": 3}, "packing 2 must divide held_out, got 3"),
        ({"packing": 2, "conditional": True}, "packing cannot go with conditional"),
        ({"packing": 2, "augment": "cutout"}, "packing cannot go with augment"),
        ({"penalty": "r1", "penalty_weight_end": 0.1}, "penalty_weight_end needs burn_in"),
        ({"beta2_end": 0.99}, "beta2_end needs burn_in"),
        ({"schedule": "burn_in"}, "schedule=burn_in needs burn_in"),
        ({"burn_in": 0.2}, "burn_in has no effect without"),
        ({"burn_in": 0.2, "penalty_weight_end": 0.1}, "penalty_weight_end needs a penalty, got penalty=none"),
        ({"burn_in": 0.2, "beta2_end": 0.9, "optimizer": "rmsprop"}, "beta2_end belongs to optimizer=adam"),
        ({"lr_end": 0.1}, "lr_end needs a schedule"),
        ({"schedule": "geometric"}, "schedule=geometric needs lr_end"),
        ({"data": "grid"}, r"points in the plane \(data=grid\) need model=dense and output=linear, got model=dcgan"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Config(), **change).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "tanh"}, "need model=dense and output=linear, got model=dense and output=tanh"),
        ({"size": 16}, "size is for images, and data=ring gives points in the plane"),
        ({"augment": "color"}, "augment is for images"),
        ({"conditional": True}, "conditional is for images"),
    ],
)
def test_points_are_no_images(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RING, **change).check()


def test_nothing_is_written_for_a_run_that_is_refused(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", "dcgan", "--data", "digits-8x8", "--packing", "5", "--out", str(out)]) == 2
    assert capsys.readouterr().err == "minigan: packing 5 must divide batch_size, got 64\n"
    assert main(["train", "dense-128", "--data", "digits-8x8", "--held-out", "1797", "--out", str(out)]) == 2
    assert "held_out 1797 leaves nothing to train on" in capsys.readouterr().err
    assert not out.exists()
