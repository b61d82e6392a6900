"""Steps of the trainer for every preset, its networks narrowed, on the strict device: equal to the CPU's, to the bit.

What the trainer leaves to its surroundings, to put networks, noise, batches and the penalty's weight on a device, is
done here.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from strict_device import StrictArray, capturing, on_device, same_bits

from minigan import data, nn, optim
from minigan.experiment import autoencoder, presets, trainer, translation
from minigan.experiment.sources import load_data
from minigan.experiment.trainers import trainer_for
from minigan.gan import training


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
    """The trainer of a preset, with all that it owns on `device`."""
    made = trainer_for(narrowed(name), samples(name))
    for part in made.parts().values():
        if isinstance(part, optim.EMA):
            part.module.to(device)
        elif isinstance(part, nn.Module):
            part.to(device)
        elif device == "strict":
            part.state = on_device(part.state)
    if device == "strict":
        next_batch = made.loader.next_batch
        made.loader.next_batch = lambda: [on_device(np.asarray(part)) for part in next_batch()]
        if made.config.penalty != "clip":  # there it is a number for Python
            made.penalty_weight = StrictArray(np.zeros((), np.float32))
    made.noise = made.noise.on(device) if hasattr(made, "noise") else None
    return made


@pytest.fixture(autouse=True)
def without_numpy_tapes(monkeypatch):
    monkeypatch.setattr(trainer, "_repeats_itself", lambda config: False)  # `mg.capture` records NumPy's calls


def without_report(optimizer, terms, gradients):
    """`descend` without what looks at values: the report, the norm, and that both are finite."""
    optimizer.step(gradients)
    return dict.fromkeys(terms, 0.0), 0.0


@pytest.mark.parametrize("name", presets.PRESETS)
def test_steps_of_a_preset(name, monkeypatch):
    """Two steps with reports, and one without, under the rules of capture."""
    there, here = on("strict", name), on("cpu", name)
    for _ in range(2):
        assert there.step() == here.step()
    for module in (training, autoencoder, translation):
        monkeypatch.setattr(module, "descend", without_report)
    with capturing():
        there.step()
    here.step()
    for key, part in here.parts().items():
        if isinstance(part, nn.Module):
            for (_, one), (_, other) in zip(there.parts()[key]._state(), part._state(), strict=True):
                same_bits(one, other)
