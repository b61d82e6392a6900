"""Runs that end before their time, and what is left of a run to compare."""

import io
import json

from threadpoolctl import threadpool_limits

from minigan.presets import Config
from minigan.runs import Run, loop, train
from minigan.trainers import trainer_for

TINY = Config(
    data="digits-8x8", steps=6, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3, conditional=True,
    critic_norm=True, ema=0.5, schedule="linear", threads=1,
)  # fmt: skip


class Crash(BaseException):
    """The process is gone: nobody saves anything, or says a word."""


def run_in(folder, config):
    """The run in `folder`, new if there is none yet."""
    return Run.open(folder) if (folder / "config.json").exists() else Run.create(folder, "tiny", config)


def go(folder, config, dataset, *, dies_at=None, trainer=None):
    """Train in `folder`, from where it stands; at the end of step `dies_at` + 1 it crashes.  Returns what it said."""
    run, trainer, said = run_in(folder, config), trainer or trainer_for(config, dataset), io.StringIO()
    step = trainer.step

    def dying():
        if trainer.step_count == dies_at:
            step()
            raise Crash
        return step()

    trainer.step = dying
    try:
        train(trainer, run, resume=True, output=said)
    except Crash:
        assert dies_at is not None
    return said.getvalue()


def left(folder):
    """All that a run leaves and that its settings decide: {name: bytes}, and metrics.jsonl without the time."""
    run = Run(folder)
    files = {p.name: p.read_bytes() for part in (run.checkpoints, run.samples) for p in part.iterdir()}
    return files | {"metrics": [{k: v for k, v in line.items() if k != "seconds"} for line in lines(run.metrics_file)]}


def lines(path):
    """Of a file of JSON lines, which must all be whole."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def resumes_to_the_bit(folder, config, dataset, monkeypatch):
    """A run that crashes in its last step and goes on from half of them leaves what one leaves that did not.

    The checkpoints are compared as files: parameters, buffers, averages, optimizers, generators, the place in the data.
    A trainer that does nothing but its steps has the same state at half of them, so that the log, tests, examinations
    and pictures do not change it.
    """
    monkeypatch.setattr(loop, "CHECKPOINTS", 2)
    half = config.steps // 2
    go(folder / "whole", config, dataset)
    go(folder / "crashed", config, dataset, dies_at=config.steps - 1)
    assert [line["step"] for line in lines(folder / "crashed" / "metrics.jsonl")] == [*range(1, config.steps)]
    assert Run(folder / "crashed").load_checkpoint()[1]["step"] == half
    go(folder / "crashed", config, dataset)
    assert left(folder / "crashed") == left(folder / "whole")
    quiet = trainer_for(config, dataset)
    with threadpool_limits(config.threads or None, "blas"):  # as `train` does: another number rounds otherwise
        for _ in range(half):
            quiet.step()
    Run.create(folder / "quiet", "tiny", config).save_checkpoint(half, *quiet.state())
    name = f"step-{half:07d}.safetensors"
    files = [(folder / run / "checkpoints" / name).read_bytes() for run in ("quiet", "whole")]
    assert files[0] == files[1]
