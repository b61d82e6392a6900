"""Settings that make no sense are refused, in one sentence, before anything is written."""

import ast
import dataclasses
import inspect
import itertools
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import minigan
from minigan.cli import main
from minigan.gan import losses, penalties
from minigan.presets import PRESETS, Config, preset
from minigan.presets.config import BELONGS
from minigan.presets.penalties import PENALTIES

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
        ({"ema": 1.5}, r"ema is a fraction of the run, in \[0, 1\), got 1.5"),
        ({"burn_in": 1.5}, r"burn_in is a fraction of the run, in \[0, 1\], got 1.5"),
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


def read_by_the_code():
    """The fields of a Config that code of trainers or runs reads: `config.NAME`, or the name as a string of its own."""
    package = Path(minigan.__file__).parent
    for path in [*package.glob("trainers/*.py"), *package.glob("runs/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("config"):
                yield node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_no_setting_is_read_by_nothing():
    unread = {field.name for field in dataclasses.fields(Config)} - set(read_by_the_code())
    assert unread == set()


def docstrings():
    """{field: its text in `minigan train --help`}."""
    (config,) = [node for node in ast.parse(inspect.getsource(Config)).body if isinstance(node, ast.ClassDef)]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(config.body)
        if isinstance(field, ast.AnnAssign)
    }


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Config)])
def test_the_help_of_a_setting_names_the_models_that_use_it(name):
    models = get_args(get_type_hints(Config)["model"])
    lists = [text.split(", ") for text in re.findall(r"\(([\w, ]+)\)", docstrings()[name])]
    named = {model for words in lists if set(words) <= set(models) for model in words}
    assert named in (set(), set(models)) if name not in BELONGS else named == set(BELONGS[name])


def test_every_loss_and_every_penalty_can_be_chosen():
    choices = get_type_hints(Config)
    assert get_args(choices["loss"]) == tuple(losses.ALL)
    assert get_args(choices["penalty"]) == ("none", *PENALTIES, "clip")
    functions = {name: f for name, f in inspect.getmembers(penalties, inspect.isfunction) if not name.startswith("_")}
    own = {name for name, f in functions.items() if f.__module__ == penalties.__name__}
    of_critics = {name for name in own if next(iter(inspect.signature(functions[name]).parameters)) == "critic"}
    assert set(PENALTIES) == of_critics - {"r2", "drift", "input_gradient"}  # parts of others, and a setting of its own


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hing"}, "loss must be one of minimax, .*, got 'hing'; did you mean 'hinge'"),
        ({"penalty": "r3"}, "penalty must be one of none, gradient_penalty, .*, clip, got 'r3'"),
        ({"channels": 2}, "channels must be one of 0, 1, 3, got 2"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Config(), **change).check()


OF_THE_FIRST_RELEASE = """
    data size channels held_out test_interval steps batch_size seed device precision threads summary_interval
    keep_last keep_every on_nan model task adversary l1_weight sigma conditional conditioning latent
    generator_width critic_width depth generator_depth kernel refine generator_slope output octaves critic_norm
    spectral minibatch_std dropout packing loss label_smoothing augment instance_noise penalty penalty_weight
    penalty_weight_end penalty_fall drift penalty_interval critic_steps first_phase optimizer generator_lr
    critic_lr beta1 beta2 beta2_end schedule lr_end ema burn_in
"""


def test_the_settings_of_old_run_folders_are_still_known():
    """A config.json that has them all must open: a setting may be added, and none renamed or removed."""
    assert set(OF_THE_FIRST_RELEASE.split()) <= {field.name for field in dataclasses.fields(Config)}
