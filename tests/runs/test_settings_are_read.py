"""Every setting that a preset changes is read when it trains: none is silently without effect."""

import ast
import dataclasses
from pathlib import Path

import pytest

import minigan
from minigan import data
from minigan.presets import PRESETS, Config, preset
from minigan.trainers import load_data, trainer_for

RUNS = Path(minigan.__file__).parent / "runs"
BY_THE_LOOP = {
    node.attr
    for path in RUNS.glob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("config")
}


class Traced(Config):
    """A configuration that notes which of its settings are read."""

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        vars(type(self)).get("seen", set()).add(name)
        return found

    def check(self):
        """Check nothing: it would read everything."""


def read_in_training(config):
    """The settings that a trainer of `config` reads in all steps of a run and in a test."""
    traced = type("Traced", (Traced,), {"seen": set()})
    config = traced(**dataclasses.asdict(config))
    traced.seen.clear()
    dataset = load_data(config)
    if isinstance(dataset, data.Dataset):
        dataset = dataclasses.replace(dataset, images=dataset.images[:64], labels=dataset.labels[:64])
    trainer = trainer_for(config, dataset)
    while trainer.step_count < config.steps:
        trainer.step()
    trainer.test()
    return traced.seen


def unread(config):
    """The settings of `config` that differ from their defaults and that nothing reads."""
    changed = {field.name for field in dataclasses.fields(Config) if getattr(config, field.name) != field.default}
    return changed - read_in_training(config) - BY_THE_LOOP


def small(config):
    """The same with narrow networks, few samples and few steps."""
    narrow = {"generator_width": 4} | ({} if config.model == "vae" else {"critic_width": 4})
    digits = {"data": "digits-8x8"} if config.data == "mnist-10k" else {}
    return dataclasses.replace(config, **digits, steps=4, batch_size=4, held_out=min(config.held_out, 4), **narrow)


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_a_preset_is_read(name):
    assert not unread(small(preset(name)))


def test_a_setting_that_nothing_reads_is_found():
    config = dataclasses.replace(
        small(preset("vae")), sigma=0.5, spectral=True
    )  # pixels are Bernoulli, without a critic
    assert unread(config) == {"spectral"}
