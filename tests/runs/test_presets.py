"""Every preset: that it trains, saves, goes on exactly, and draws; and what the docs show of them."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import data, nn
from minigan.cli import main
from minigan.data.mixtures import POINTS
from minigan.presets import PRESETS, preset
from minigan.random import Generator
from minigan.runs import Run
from minigan.trainers import Trainer, load_data, trainer_for

DOCS = (Path(__file__).parents[2] / "docs" / "presets.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)


def small(name):
    """The preset with narrow networks and few samples, all else as it is."""
    config = preset(name)
    on = {"mnist-10k": "digits-8x8"}.get(config.data, config.data)
    narrow = {"generator_width": 4, "critic_width": 4, "latent": 3}
    narrow.pop({"unet": "latent", "vae": "critic_width"}.get(config.model), None)  # it has none
    held_out = min(config.held_out, 4)
    return dataclasses.replace(config, data=on, steps=4, batch_size=4, held_out=held_out, **narrow)


@pytest.fixture(scope="module")
def datasets():
    """Each data set once, a few samples of it."""
    loaded = {}

    def get(config):
        key = config.data, config.size
        if key not in loaded:
            found = load_data(config)
            if isinstance(found, data.Dataset):
                found = dataclasses.replace(found, images=found.images[:64], labels=found.labels[:64])
            loaded[key] = found
        return loaded[key]

    return get


def everything(trainer):
    arrays, state = trainer.state()
    return {name: array.tobytes() for name, array in arrays.items()}, state


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_goes_on_as_if_it_had_not_stopped_and_draws(tmp_path, datasets, name):
    config = small(name)
    through = trainer_for(config, datasets(config))
    for _ in range(2):
        through.step()
    run = Run.create(tmp_path, name, config)
    run.save_checkpoint(2, *through.state())
    resumed = trainer_for(run.read_config()[1], datasets(config))
    resumed.load_state(*run.load_checkpoint())
    for _ in range(2):
        report = through.step()
        assert report == resumed.step()
        assert all(np.isfinite(value) for value in report.values())
    assert everything(through) == everything(resumed)
    through.picture(run.samples / "picture.png")
    with Image.open(run.samples / "picture.png") as picture:
        assert len(picture.convert("L").getcolors()) > 2  # more than the gaps and one gray
    assert everything(through) == everything(resumed)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_source_and_a_line(name, capsys):
    assert PRESETS[name].source
    main(["presets"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{name} ")]
    assert len(line) <= 120
    assert line.endswith(f"{PRESETS[name].about} ({PRESETS[name].source})")


def test_the_network_of_lsgan_gp_16_is_that_of_the_table():
    """z 100 -> 4x4x256 -> 128, stride 1 -> 64, stride 2 -> 3, stride 2; critic 64, 128, 1."""
    config = preset("lsgan-gp-16")
    black = data.Dataset(np.zeros((64, 16, 16, 3), np.uint8), None, "black", "nowhere", "none")
    trainer = Trainer(config, black)
    weights = {n: p.shape for n, p in trainer.generator.named_parameters() if n.endswith("weight")}
    assert list(weights.values()) == [(100, 4 * 4 * 256), (5, 5, 128, 256), (5, 5, 64, 128), (5, 5, 3, 64)]
    convolutions = [m for m in trainer.generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.options["stride"] for m in convolutions] == [1, 2, 2]
    weights = {n: p.shape for n, p in trainer.critic.named_parameters() if n.endswith("weight")}
    assert list(weights.values()) == [(5, 5, 3, 64), (5, 5, 64, 128), (4 * 4 * 128, 1)]


@pytest.mark.parametrize("name", POINTS)
def test_points_are_trained_on_at_unit_scale_and_drawn_in_published_units(name):
    config = dataclasses.replace(preset("toy-ring"), data=name)
    trainer = trainer_for(config, load_data(config))
    assert 0.9 < trainer.loader.next_batch()[0].std() < 1.1
    arrays, state = trainer.state()
    arrays = {k: np.full_like(a, k == "ema.module.out.bias") for k, a in arrays.items()}
    points = trainer.samples(config, arrays, state, 5, Generator(0))
    assert points == pytest.approx(np.full((5, 2), POINTS[name]().scale))


def test_blocks_of_the_docs_are_short():
    assert len(BLOCKS) == 2
    assert all(block.count("\n") <= 60 for block in BLOCKS)


def test_a_preset_in_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[0].replace("steps=100", "steps=2"), {})
    assert "critic_loss" in capsys.readouterr().out
    assert (tmp_path / "ring.png").exists()


def test_the_example_from_parts_equals_the_preset_to_the_bit(capsys):
    found, steps = {}, f"{preset('toy-ring').steps:_}"
    assert steps in BLOCKS[1]
    exec(BLOCKS[1].replace(steps, "6"), found)
    config = dataclasses.replace(preset("toy-ring"), steps=6)
    trainer = Trainer(config, load_data(config))
    for _ in range(6):
        report = trainer.step()
    assert report == found["report"]
    for mine, theirs in zip(trainer.ema.module.parameters(), found["average"].module.parameters(), strict=True):
        assert np.array_equal(mine.data, theirs.data)


def test_an_unknown_preset_gets_the_nearest_name():
    with pytest.raises(ValueError, match="unknown preset 'mnist'; that is a data set, --data mnist; there are: digits"):
        preset("mnist")
    with pytest.raises(ValueError, match="unknown preset 'dcgann'; did you mean 'dcgan'"):
        preset("dcgann")
