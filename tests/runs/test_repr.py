"""How trainers and runs look in a notebook."""

import dataclasses
import re

import pytest

from minigan.presets import preset
from minigan.runs import Run
from minigan.trainers import load_data, trainer_for

SMALL = {"generator_width": 2, "critic_width": 2, "steps": 4000, "batch_size": 8}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("toy-ring", "<Trainer: dense on ring, step 1 of 4,000 on cpu; parameters: generator N, critic N>"),
        (
            "translate",
            "<TranslationTrainer: unet on digits-8x8, step 1 of 4,000 on cpu; parameters: generator N, critic N>",
        ),
        ("vae", "<VaeTrainer: vae on digits-8x8, step 1 of 4,000 on cpu; parameters: vae N>"),
    ],
)
def test_a_trainer_shows_its_configuration_its_step_and_its_size(name, shown):
    config = preset(name)
    small = {key: value for key, value in SMALL.items() if (config.model, key) != ("vae", "critic_width")}
    config = dataclasses.replace(
        config, data=config.data if name == "toy-ring" else "digits-8x8", held_out=min(config.held_out, 8), **small
    )
    trainer = trainer_for(config, load_data(config))
    trainer.step()
    found = repr(trainer)
    networks = [part for part in trainer.parts().values() if hasattr(part, "named_parameters")]
    for network in networks:
        assert f"{sum(p.data.size for p in network.parameters()):,}" in found
    assert re.sub(r"(generator|critic|vae) [\d,]*\d", r"\1 N", found) == shown


def test_a_run_shows_its_folder_and_how_far_it_came(tmp_path):
    config = dataclasses.replace(preset("toy-ring"), **SMALL)
    run = Run.create(tmp_path / "run", "toy-ring", config)
    assert repr(run) == f"<Run {tmp_path / 'run'}: no checkpoint yet>"
    run.save_checkpoint(1200, *trainer_for(config, load_data(config)).state())
    assert repr(run) == f"<Run {tmp_path / 'run'}: checkpoint of step 1,200>"
    assert repr(Run(tmp_path / "nowhere")) == f"<Run {tmp_path / 'nowhere'}: no checkpoint yet>"
