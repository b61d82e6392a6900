"""Steps and runs of the trainer for every preset, its networks narrowed, on the strict device: those of the CPU."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from strict_device import StrictArray, capturing, same_bits

from minigan import data, nn, presets
from minigan.gan import game
from minigan.random import Generator
from minigan.runs import Run, train
from minigan.trainers import load_data, trainer_for, translation
from minigan.trainers import vae as autoencoder


def narrowed(name):
    config = presets.preset(name)
    small = {"generator_width": 4, "critic_width": 4, "latent": 3}
    small.pop({"unet": "latent", "vae": "critic_width"}.get(config.model), None)  # it has none
    on = {"mnist-10k": "digits-8x8"}.get(config.data, config.data)
    held_out = 4 if config.model == "unet" else 0
    return replace(config, data=on, steps=4, batch_size=4, held_out=held_out, summary_interval=0, **small)


@cache
def samples(name):
    """Few samples of the data set that a preset is trained on."""
    found = load_data(narrowed(name))
    few = isinstance(found, data.Dataset)
    return replace(found, images=found.images[:32], labels=found.labels[:32]) if few else found


def on(device, name):
    """The trainer of a preset, which puts all that it owns on `device`."""
    return trainer_for(replace(narrowed(name), device=device), samples(name))


def ahead(trainer, steps):
    """The batches of the next steps are at hand: points in the plane come from the host."""
    batches = [trainer.loader.next_batch() for _ in range(steps * trainer.config.critic_steps)]
    trainer.loader.next_batch = lambda: batches.pop(0)


def without_report(optimizer, terms, gradients, *_):
    """`descend` without what looks at values: the report, the norm, and that both are finite."""
    optimizer.step(gradients)
    return dict.fromkeys(terms, 0.0), 0.0


@pytest.mark.parametrize("name", presets.PRESETS)
def test_steps_of_a_preset(name, monkeypatch):
    """Two steps with reports, and one without, under the rules of capture."""
    there, here = on("strict", name), on("cpu", name)
    for _ in range(2):
        assert there.step() == here.step()
    for module in (game, autoencoder, translation):
        monkeypatch.setattr(module, "descend", without_report)
    ahead(there, 1)
    with capturing():
        there.step()
    here.step()
    for key, part in here.parts().items():
        if isinstance(part, nn.Module):
            for (_, one), (_, other) in zip(there.parts()[key]._state(), part._state(), strict=True):
                same_bits(one, other)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_whole_run(name, tmp_path):
    """Steps, tests, diagnosis, pictures, a checkpoint, and going on from it: the files of a run on the CPU."""
    config, runs = replace(narrowed(name), steps=2, held_out=4, test_interval=1), {}
    for device in ("cpu", "strict"):
        config = replace(config, device=device)
        run = runs[device] = Run.create(tmp_path / device, name, config)
        train(trainer_for(config, samples(name)), run, output=io.StringIO())
    assert _records(runs["strict"]) == _records(runs["cpu"])
    arrays, state = runs["strict"].load_checkpoint()
    expected, expected_state = runs["cpu"].load_checkpoint()
    assert state == expected_state
    for key, array in expected.items():
        np.testing.assert_array_equal(arrays[key], array)
    again = trainer_for(config, samples(name))
    again.load_state(arrays, state)
    again.step()
    assert {type(array) for part in again.parts().values() if isinstance(part, nn.Module)
            for _, array in part._state()} == {StrictArray}  # fmt: skip


@pytest.mark.parametrize("limit", [0, 4 << 30])
def test_data_that_do_not_fit_go_over_batch_by_batch(limit, monkeypatch):
    monkeypatch.setattr("minigan.trainers.device.RESIDENT_BYTES", limit)
    there, here = on("strict", "digits"), on("cpu", "digits")
    assert type(there.loader._arrays[0]) is (StrictArray if limit else np.ndarray)
    for _ in range(9):  # into the second epoch
        same_bits(there.loader.next_batch()[0], here.loader.next_batch()[0])
    assert there.loader.state_dict() == here.loader.state_dict()


def test_a_loader_wants_its_arrays_on_one_device():
    images = np.zeros((4, 2), np.uint8)
    with pytest.raises(ValueError, match="arrays must be on one device, got some on each of cpu, strict"):
        data.Loader((images, StrictArray(images)), 2, Generator(0))


def _records(run):
    """What was logged, without the times."""
    return [{key: value for key, value in record.items() if key != "seconds"} for record in run.read_log()]
