"""`minigan export`: the generator that `minigan sample` draws from, in a file of another library."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from minigan import cli, interchange
from minigan.interchange import layout, runs
from minigan.presets import preset
from minigan.random import Generator
from minigan.runs import Run, draw
from minigan.trainers import load_data, trainer_for
from minigan.trainers.networks import sample
from minigan.trainers.sources import published

SMALL = {"batch_size": 8, "generator_width": 4, "steps": 10}


def run_of(folder, name, **changes):
    """A run with the checkpoint of one step."""
    config = replace(preset(name), **SMALL | changes)
    run, trainer = Run.create(folder, name, config), trainer_for(config, load_data(config))
    trainer.step()
    run.save_checkpoint(1, *trainer.state())
    return run, config


@pytest.mark.parametrize("name", ["toy-ring", "dcgan", "vae"])
def test_it_is_the_network_of_which_samples_are_drawn(name, tmp_path):
    run, config = run_of(tmp_path / "run", name)
    network, shape = runs.generator(run)
    samples = published(config, sample(network, Generator(0).normal((6, *shape))))
    assert np.array_equal(samples, draw(run, 6))


def test_a_conditional_one_and_a_translation_too(tmp_path):
    network, shape = runs.generator(run_of(tmp_path / "digits", "digits")[0])
    assert sample(network, np.zeros((2, *shape), "float32"), np.array([3, 4])).shape == (2, 28, 28, 1)
    network, shape = runs.generator(run_of(tmp_path / "translate", "translate", data="digits-8x8", held_out=40)[0])
    assert sample(network, np.zeros((2, *shape), "float32")).shape == (2, 8, 8, 3)


def test_the_command_writes_what_pytorch_reads(tmp_path, capsys):
    run, _ = run_of(tmp_path / "run", "toy-ring")
    out = tmp_path / "g.safetensors"
    assert cli.main(["export", str(run.folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    network, shape = runs.generator(run)
    before = network.state_dict()
    layout.load(out, network, shape)
    assert all(np.array_equal(before[name], array) for name, array in network.state_dict().items())


def test_a_wrong_name_and_a_missing_library_are_explained(tmp_path, capsys, monkeypatch):
    run, _ = run_of(tmp_path / "run", "toy-ring")
    assert cli.main(["export", str(run.folder), "--out", "g.pt"]) == 2
    assert "--out must end in .safetensors or .onnx, got g.pt" in capsys.readouterr().err
    assert cli.main(["export", str(run.folder), "--to", "onnx", "--out", "g.safetensors"]) == 2
    assert "--out must end in .onnx, got g.safetensors" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "minigan.interchange.onnx", raising=False)
    monkeypatch.delitem(vars(interchange), "onnx", raising=False)
    assert cli.main(["export", str(run.folder), "--out", str(tmp_path / "g.onnx")]) == 2
    assert 'needs onnx: pip install "minigan[onnx]"' in capsys.readouterr().err
