"""Steps and runs of the trainers, their networks narrowed, on a GPU: the numbers of the CPU."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import stand_in
from against_numpy import close
from captured_games import numbers

from minigan import backend, data, nn, presets
from minigan.runs import Run, loop, train
from minigan.trainers import load_data, schedules, trainer_for

pytestmark = pytest.mark.gpu

TOLERANCE = 1e-3  # after several steps, of the largest number in an array


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


def on(device, name, **changes):
    """The trainer of a preset, whose optimizers do not magnify the roundings of a gradient that is nearly 0."""
    trainer = trainer_for(replace(narrowed(name), device=device, **changes), samples(name))
    for part in trainer.parts().values():
        if hasattr(part, "eps"):
            part.eps = 1e-3
    return trainer


def same_reports(found, expected):
    assert found.keys() == expected.keys()
    assert numbers(found) == pytest.approx(numbers(expected), rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_steps_of_a_preset(name):
    """As they are, recorded and replayed; not to be captured is a warning, and so an error here."""
    there, here = on("cuda", name), on("cpu", name)
    for _ in range(4):
        same_reports(there.step(), here.step())
    same_reports(there.gradient_norms(), here.gradient_norms())
    for key, part in here.parts().items():
        if isinstance(part, nn.Module):
            for (_, found), (_, expected) in zip(there.parts()[key]._state(), part._state(), strict=True):
                close(found, expected, TOLERANCE)


@pytest.mark.parametrize("name", ["digits", "toy-ring", "translate", "vae"])
def test_a_whole_run(name, tmp_path, monkeypatch):
    """Steps, tests, diagnosis, a picture and a checkpoint, from which it goes on: what a run on the CPU logs."""
    monkeypatch.setattr(loop, "PICTURES", 1)
    runs = {}
    for device in ("cpu", "cuda"):
        trainer = on(device, name, steps=2, held_out=4, test_interval=1)
        run = runs[device] = Run.create(tmp_path / device, name, trainer.config)
        train(trainer, run, output=io.StringIO())
        assert [path.suffix for path in run.samples.iterdir()] == [".png"]
    for found, expected in zip(runs["cuda"].read_log(), runs["cpu"].read_log(), strict=True):
        same_reports(found | {"seconds": 0}, expected | {"seconds": 0})
    again = on("cuda", name, steps=2, held_out=4, test_interval=1)
    again.load_state(*runs["cuda"].load_checkpoint())
    again.step()
    arrays = [a for part in again.parts().values() if isinstance(part, nn.Module) for _, a in part._state()]
    assert {backend.device_of(array) for array in arrays} == {"cuda"}


@pytest.mark.parametrize("limit", [0, 4 << 30])
def test_data_that_do_not_fit_go_over_batch_by_batch(limit, monkeypatch):
    monkeypatch.setattr("minigan.trainers.device.RESIDENT_BYTES", limit)
    there, here = on("cuda", "digits"), on("cpu", "digits")
    assert backend.device_of(there.loader._arrays[0]) == ("cuda" if limit else "cpu")
    for _ in range(9):  # into the second epoch
        found, expected = there.loader.next_batch()[0], here.loader.next_batch()[0]
        np.testing.assert_array_equal(backend.move(found, "cpu"), expected)
    assert there.loader.state_dict() == here.loader.state_dict()


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_step_of_a_preset_is_one_graph_for_each_player_and_waits_for_nothing(name):
    if stand_in.RUNTIME is None:
        pytest.skip("only the stand-in counts")
    trainer = on("cuda", name)
    for _ in range(4):
        trainer.step()
    trainer.settle()
    stand_in.RUNTIME.reset()
    trainer.step()
    asked = stand_in.RUNTIME.counts()
    config = trainer.config
    steps = {"vae": 1}.get(config.model, schedules.critic_steps(config, trainer.step_count - 1) + 1)
    assert asked["graph_launches"] == steps
    waits = {"stream_synchronisations", "event_synchronisations", "device_synchronisations", "products"}
    assert not waits & asked.keys()
