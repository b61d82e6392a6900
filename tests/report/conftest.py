"""Run folders as training leaves them, made by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from minigan.presets import Config, preset
from minigan.random import Generator
from minigan.runs import Run

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\"&'"


def records(steps, seed=0, every=1):
    """Yield the lines of a metrics.jsonl, as a GAN with a penalty and held-out samples logs them."""
    numbers = Generator(seed).uniform((steps // every, 4), 0.1, 2.0)
    for row, step in zip(numbers.tolist(), range(every, steps + 1, every), strict=True):
        line = dict(zip(("critic_loss", "generator_loss", "penalty", "critic_gradient"), row, strict=True))
        yield {"step": step, "seconds": step / 10} | line | ({"test_critic_loss": 1.0} if step % 20 == 0 else {})


def measurement(value, low, high):
    return {"value": value, "floor": (low + high) / 2, "standard_error": 0.01, "n": 100, "floor_range": [low, high]}


@pytest.fixture
def make_run(tmp_path):
    """Return the writer of a run: make_run(name, preset, config, steps=taken, size=of its pictures, more=...)."""

    def make(name, preset_name="digits", config=None, steps=40, size=(204, 204), pictures=4, **more):
        config = config or preset(preset_name)
        run = Run.create(tmp_path / name, preset_name, config)
        for record in records(steps):
            run.log(record)
        for k in range(1, pictures + 1):
            noise = Generator(k).integers(0, 256, size).astype(np.uint8)
            Image.fromarray(noise).save(run.samples / f"step-{steps * k // pictures:07d}.png")
        for finding in more.get("findings", []):
            run.note(finding)
        if "metrics" in more:
            evaluation = {"step": steps, "seed": 0, "metrics": more["metrics"]}
            (run.folder / "evaluation.json").write_text(json.dumps(evaluation))
        for session in more.get("sessions", []):
            with open(run.folder / "sessions.jsonl", "a") as file:
                file.write(json.dumps(session) + "\n")
        return run

    return make


@pytest.fixture
def full_run(make_run):
    """Return a run with all kinds of files, in which every text tries to inject markup."""
    finding = {"name": "collapse" + HOSTILE, "evidence": HOSTILE, "remedy": "Look " + HOSTILE, "step": 20}
    versions = {"minigan": "0.1.0", "BLAS": "openblas-" + "x" * 80, HOSTILE: HOSTILE}
    config = Config(data=HOSTILE + "/" + "long-path-" * 12, steps=40, held_out=20)
    return make_run(
        "run-" + "long-name-" * 8, HOSTILE, config, findings=[finding] * 2,
        metrics={"coverage": measurement(0.5, 0.9, 1.0), HOSTILE: measurement(0.95, 0.9, 1.0)},
        sessions=[{"step": 0, "started": "2026-01-01", "device": "cpu", "versions": versions}],
    )  # fmt: skip


@pytest.fixture
def hostile():
    return HOSTILE


@pytest.fixture
def measured():
    return measurement
