"""A run that was stopped, however, ends as one that was not: its checkpoints, its log and its pictures."""

import dataclasses
import signal

import pytest
from crashes import TINY, go, left, lines, resumes_to_the_bit

from minigan import data
from minigan.cli import main
from minigan.presets import preset
from minigan.presets.changes import consequence, refused
from minigan.runs import Run, RunError, Stopped, loop, train
from minigan.trainers import Trainer, load_data, trainer_for

CONSTANT = dataclasses.replace(TINY, schedule="constant", ema=0.0)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


@pytest.mark.parametrize("name", ["digits", "dense-1024", "vae", "translate", "r3gan-small"])
def test_a_crash_in_the_last_step_costs_no_bit(tmp_path, digits, name, monkeypatch):
    """The other presets, as they are: tests/slow/test_resume_presets.py."""
    monkeypatch.setattr(loop, "PICTURES", 2)
    narrow = {"generator_width": 4, "critic_width": 4, "latent": 3, "batch_size": 8, "steps": 4, "summary_interval": 0}
    config = preset(name)
    for setting in {"unet": ["latent"], "vae": ["critic_width"]}.get(config.model, []):
        narrow.pop(setting)
    on = "digits-8x8" if config.data == "mnist-10k" else config.data
    config = dataclasses.replace(config, data=on, held_out=min(config.held_out, 8), test_interval=1, **narrow)
    dataset = digits if on == "digits-8x8" else load_data(config)
    resumes_to_the_bit(tmp_path, config, dataset, monkeypatch)


def test_more_steps_go_on_as_if_they_had_been_asked_for_at_once(tmp_path, digits):
    short = dataclasses.replace(CONSTANT, steps=3)
    go(tmp_path / "grown", short, digits)
    said = go(tmp_path / "grown", CONSTANT, digits)
    assert "6 steps instead of 3: as if that had been asked for from the beginning" in said
    go(tmp_path / "whole", CONSTANT, digits)
    assert left(tmp_path / "grown") == left(tmp_path / "whole")
    assert Run(tmp_path / "grown").read_config() == ("tiny", CONSTANT)


def test_what_more_steps_mean_to_schedules_is_said():
    longer = dataclasses.replace(TINY, steps=60)
    assert consequence(TINY, TINY) == ""
    assert "fractions of the run (schedule, ema) follow the longer run from here on" in consequence(TINY, longer)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"keep_last": 5, "keep_every": 2, "on_nan": "rollback", "summary_interval": 3, "steps": 60}, ""),
        ({"steps": 5}, "steps can only grow from 6, got 5"),
        ({"generator_lr": 1.0, "seed": 3}, "it cannot change seed from 0 to 3, generator_lr from 0.0002 to 1.0"),
    ],
)
def test_which_settings_may_change(change, clause):
    assert refused(TINY, dataclasses.replace(TINY, **change)) == clause


def test_the_command_line_names_the_setting_and_touches_nothing(tmp_path, digits, capsys):
    go(tmp_path, TINY, digits)
    before = left(tmp_path)
    assert main(["train", "--resume", "--out", str(tmp_path), "--generator-lr", "1"]) == 2
    assert "it cannot change generator_lr from 0.0002 to 1.0; for that begin a new run" in capsys.readouterr().err
    assert left(tmp_path) == before
    with pytest.raises(RunError, match="cannot change batch_size from 8 to 4"):
        go(tmp_path, dataclasses.replace(TINY, batch_size=4), digits)


def test_a_config_changed_by_hand_is_noticed(tmp_path, digits):
    go(tmp_path, TINY, digits)
    run = Run.open(tmp_path)
    run.config_file.write_text(run.config_file.read_text().replace('"latent": 4', '"latent": 5'))
    with pytest.raises(RunError, match=r"config.json was changed since the checkpoint of step 6, and it cannot change"):
        run.load_checkpoint()


def test_sigterm_ends_the_step_saves_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    """As Ctrl-C does: see test_cli.py."""
    step = Trainer.step

    def interrupted(self):
        if self.step_count == 2:
            signal.raise_signal(signal.SIGTERM)
        return step(self)

    options = ["--data", "digits-8x8", "--steps", "5", "--batch-size", "4", "--latent", "3", "--kernel", "3"]
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", interrupted)
        assert main(["train", *options, "--out", str(tmp_path / "run")]) == 143
    assert f"stopped and saved at step 3; go on with: minigan train --out {tmp_path / 'run'} --resume" in (
        capsys.readouterr().err
    )
    assert Run(tmp_path / "run").load_checkpoint()[1]["step"] == 3
    assert [line["step"] for line in lines(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3]
    assert main(["train", "--out", str(tmp_path / "run"), "--resume"]) == 0
    main(["train", *options, "--out", str(tmp_path / "whole")])
    assert left(tmp_path / "run") == left(tmp_path / "whole")


def test_a_second_signal_interrupts_at_once_and_does_not_claim_to_have_saved(tmp_path, digits, capsys, monkeypatch):
    def stuck(self):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    monkeypatch.setattr(Trainer, "step", stuck)
    assert main(["train", "--data", "digits-8x8", "--steps", "5", "--out", str(tmp_path)]) == 130
    error = capsys.readouterr().err
    assert "interrupted" in error
    assert "saved" not in error
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_stopped_before_its_first_checkpoint_a_run_begins_again(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINTS", 1)
    go(tmp_path / "crashed", TINY, digits, dies_at=3)
    assert not list((tmp_path / "crashed" / "checkpoints").iterdir())
    for folder in ("crashed", "whole"):
        go(tmp_path / folder, TINY, digits)
    assert left(tmp_path / "crashed") == left(tmp_path / "whole")


def test_a_log_has_every_step_once_after_a_crash_in_the_middle_of_a_line(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINTS", 2)
    go(tmp_path / "crashed", TINY, digits, dies_at=5)
    with open(tmp_path / "crashed" / "metrics.jsonl", "ab") as log:
        log.write(b'{"step": 6, "critic_lo\xff')
    (tmp_path / "crashed" / "samples" / ".step-0000006.png.0123.tmp").write_bytes(b"half")
    assert len(Run(tmp_path / "crashed").read_log()) == 5
    for folder in ("crashed", "whole"):
        go(tmp_path / folder, TINY, digits)
    assert left(tmp_path / "crashed") == left(tmp_path / "whole")


def test_what_lies_beyond_a_checkpoint_goes_also_where_it_would_not_be_written_again(tmp_path, digits):
    """More steps have other pictures."""
    go(tmp_path, TINY, digits)
    Run(tmp_path).rewind(5)
    kept = {path.stem for part in ("samples", "checkpoints") for path in (tmp_path / part).iterdir()}
    assert kept == {f"step-000000{k}" for k in range(1, 6)}
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5]


def test_which_checkpoints_are_kept(tmp_path, digits):
    config = dataclasses.replace(TINY, steps=9, keep_last=1, keep_every=4)
    go(tmp_path, config, digits)
    assert sorted(p.stem for p in (tmp_path / "checkpoints").glob("*.safetensors")) == [
        "step-0000004", "step-0000008", "step-0000009",
    ]  # fmt: skip
    assert {p.stem for p in (tmp_path / "checkpoints").iterdir()} == {"step-0000004", "step-0000008", "step-0000009"}


def test_a_checkpoint_every_k_steps_is_one_more(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINTS", 1)
    go(tmp_path, dataclasses.replace(TINY, keep_every=4), digits)
    assert sorted(p.stem for p in (tmp_path / "checkpoints").glob("*.safetensors")) == ["step-0000004", "step-0000006"]


def test_stopping_right_after_a_checkpoint_does_not_write_it_again(tmp_path, digits, monkeypatch):
    saved, save = [], Run.save_checkpoint
    monkeypatch.setattr(Run, "save_checkpoint", lambda run, step, *state: (saved.append(step), save(run, step, *state)))
    trainer = trainer_for(TINY, digits)
    picture = trainer.picture

    def signalled(path):
        picture(path)
        if trainer.step_count == 3:
            signal.raise_signal(signal.SIGTERM)

    trainer.picture = signalled
    with pytest.raises(Stopped) as stopped:
        train(trainer, Run.create(tmp_path, "tiny", TINY))
    assert (saved, stopped.value.signum) == ([1, 2, 3], signal.SIGTERM)
