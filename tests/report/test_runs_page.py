"""docs/runs.md names everything that a run folder holds."""

import dataclasses
import io
import json
from pathlib import Path

import pytest

from minigan.gan import Finding
from minigan.presets import Config
from minigan.report import report
from minigan.runs import Run, train
from minigan.runs.evaluation import keep
from minigan.trainers import load_data, trainer_for

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()
SMALL = Config(data="digits-8x8", steps=2, batch_size=8, latent=4, generator_width=2, critic_width=2, held_out=16)


def test_every_file_and_key_is_documented(tmp_path):
    config = dataclasses.replace(SMALL, penalty="r1", summary_interval=1)
    run = Run.create(tmp_path / "run", "tiny", config)
    train(trainer_for(config, load_data(config)), run, output=io.StringIO())
    run.note(dataclasses.asdict(Finding("collapse", "evidence", "remedy", 2)))
    keep(run, {}, seed=0)
    report(run)
    for path in run.folder.iterdir():
        assert path.name.startswith(".") or f"`{path.name}" in PAGE
    for log in ("metrics", "findings", "sessions"):
        last = json.loads((run.folder / f"{log}.jsonl").read_text().splitlines()[-1])
        part = PAGE.split(f"## {log}.jsonl")[1].split("\n## ")[0]
        assert [key for key in last if f"`{key}`" not in part] == []


@pytest.mark.parametrize(
    ("model", "settings", "keys"),
    [
        ("vae", {"critic_width": 64}, {"negative_elbo", "test_negative_elbo", "vae_gradient"}),
        (
            "unet",
            {"latent": 100},
            {"critic_loss", "generator_loss", "content", "test_l1", "critic_gradient", "generator_gradient"},
        ),
    ],
)
def test_the_keys_of_other_models(model, settings, keys):
    config = dataclasses.replace(SMALL, model=model, **settings)
    trainer = trainer_for(config, load_data(config))
    found = trainer.step() | trainer.gradient_norms() | trainer.test()
    assert found.keys() == keys
    assert all(f"`{key}`" in PAGE for key in keys)
