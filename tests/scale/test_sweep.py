"""A grid of runs: what the file may say, what is kept, what goes on, and what the table shows."""

import csv
import dataclasses
import json
import os
import signal
import sys

import numpy as np
import pytest

from minigan import cli
from minigan.presets import preset
from minigan.runs import Run, RunError, train
from minigan.scale import grid, jobs, sweep
from minigan.trainers import load_data, trainer_for

FILE = """
presets = ["dense-128"]
seeds = [0, 1]
samples = 0

[settings]
data = "digits-8x8"
steps = 4
batch_size = 8
generator_width = 4
critic_width = 4
generator_lr = [1e-4, 1e-3]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(sys.modules["minigan.runs.loop"], "PICTURES", 1)


def planned(file, out):
    return sweep.jobs_of(grid.read(file), out)


def in_this_process(todo, processes, **shown):
    for job in todo:
        job()


def weights(folder):
    return Run.open(folder).load_checkpoint()[0]


def test_every_combination_is_a_run_of_its_own(file, tmp_path):
    combinations = planned(file, tmp_path / "out")
    assert [(job.point.method, job.point.config.seed, job.point.config.generator_lr) for job in combinations] == [
        ("dense-128, generator_lr 0.0001", 0, 1e-4),
        ("dense-128, generator_lr 0.0001", 1, 1e-4),
        ("dense-128, generator_lr 0.001", 0, 1e-3),
        ("dense-128, generator_lr 0.001", 1, 1e-3),
    ]
    assert len({job.folder for job in combinations}) == 4
    assert all(job.point.config.threads == 1 for job in combinations)


def test_processes_side_by_side_with_one_table_and_one_figure(file, tmp_path, capsys):
    file.write_text(FILE.replace("[1e-4, 1e-3]", "1e-4"))
    assert cli.main(["sweep", str(file), "--out", str(tmp_path / "out"), "--processes", "2"]) == 0
    assert "grid: 2 runs, 2 seeds each" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    assert [(row["preset"], row["seed"], row["generator_lr"], row["failed"]) for row in rows] == [
        ("dense-128", "0", "0.0001", ""),
        ("dense-128", "1", "0.0001", ""),
    ]
    assert all(float(row["critic_loss"]) > 0 for row in rows)
    assert (tmp_path / "out" / "figure.png").stat().st_size > 1000
    job = planned(file, tmp_path / "out")[0]
    alone = Run.create(tmp_path / "alone", "dense-128", job.point.config)
    train(trainer_for(job.point.config, load_data(job.point.config)), alone)
    expected, found = weights(alone.folder), weights(job.folder)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_finished_runs_are_kept_and_stopped_ones_go_on(file, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "run", in_this_process)
    asked, out = grid.read(file), tmp_path / "out"
    first, second, third, fourth = planned(file, out)
    first()
    half = Run.create(second.folder, second.point.preset, second.point.config)
    trainer = trainer_for(second.point.config, load_data(second.point.config))
    trainer.step()
    half.save_checkpoint(1, *trainer.state())
    resumed = []
    monkeypatch.setattr(
        sweep, "train", lambda t, run, **how: (resumed.append((run.folder, how["resume"])), train(t, run, **how))
    )
    sweep.run(asked, out)
    assert resumed == [(second.folder, True), (third.folder, False), (fourth.folder, False)]
    resumed.clear()
    lines = sweep.run(asked, out)
    assert not resumed
    assert sum("seed" in line and "failed" not in line for line in lines) >= 4
    (first.folder / "record.json").write_text("cut o")
    sweep.run(asked, out)
    assert resumed == [(first.folder, True)]


def test_a_run_that_fails_is_a_row_and_is_tried_again(file, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "run", in_this_process)
    asked = grid.read(file)
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "trainer_for", lambda *given: (_ for _ in ()).throw(MemoryError("too large")))
        lines = sweep.run(asked, tmp_path / "out")
    assert sum("failed: MemoryError: too large" in line for line in lines) == 4
    assert not any("failed" in line for line in sweep.run(asked, tmp_path / "out"))


def test_a_job_that_leaves_no_record_is_a_failed_row(file, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "run", lambda todo, processes, **shown: None)
    lines = sweep.run(grid.read(file), tmp_path / "out")
    assert sum("it ended without a result" in line for line in lines) == 4


class Dies(sweep.Job):
    def _trained(self):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_whose_process_is_killed_is_a_failed_row(file, tmp_path, monkeypatch):
    file.write_text(FILE.replace("[1e-4, 1e-3]", "1e-4"))
    monkeypatch.setattr(sweep, "Job", Dies)
    lines = sweep.run(grid.read(file), tmp_path / "out", processes=1)
    assert sum("a process of the pool was killed" in line for line in lines) == 2
    assert all("metrics" not in job.record() for job in planned(file, tmp_path / "out"))


def test_a_file_that_has_changed_does_not_mix_results(file, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "run", in_this_process)
    sweep.run(grid.read(file), tmp_path / "out")
    file.write_text(FILE.replace("batch_size = 8", "batch_size = 16"))
    with pytest.raises(RunError, match="holds a run of other settings: it cannot change batch_size from 8 to 16"):
        sweep.run(grid.read(file), tmp_path / "out")
    file.write_text(FILE.replace("steps = 4", "steps = 6"))
    sweep.run(grid.read(file), tmp_path / "out")
    assert all(job.record()["config"]["steps"] == 6 for job in planned(file, tmp_path / "out"))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_submitit_runs_them_too(file, tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install minigan[slurm]")
    file.write_text(FILE.replace("[1e-4, 1e-3]", "1e-4") + '\n[slurm]\ncluster = "debug"\ntimeout_min = 5\n')
    lines = sweep.run(grid.read(file), tmp_path / "out", slurm=True)
    assert any("generator loss" in line for line in lines)
    assert all(job.is_finished() for job in planned(file, tmp_path / "out"))
    file.write_text(FILE + "\n[slurm]\nmemorie = 5\n")
    with pytest.raises(ValueError, match=r"sweep grid: \[slurm\]"):
        sweep.run(grid.read(file), tmp_path / "other", slurm=True)


def test_slurm_is_asked_to_run_again_what_it_stopped(file, tmp_path):
    submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install minigan[slurm]")
    job = planned(file, tmp_path)[0]
    again = job.checkpoint()
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.function is job


WRONG = {
    "presetss = []": "unknown key 'presetss'; did you mean 'presets'?",
    'presets = "digits"': "presets must be a list, got 'digits'",
    "seeds = [0]": r"presets is missing: a list, such as presets = \[\"dense-128\"\]",
    'presets = ["digits"]': "seeds is missing",
    'presets = ["digitz"]\nseeds = [0]': "did you mean 'digits'?",
    'presets = ["digits"]\nseeds = [0.5]': "each of seeds must be an integer, got 0.5",
    'presets = ["digits"]\nseeds = [0, 0]': "seeds has 0 twice",
    'presets = ["digits"]\nseeds = [0]\n[settings]\ngenerator_rl = 1.0': "unknown setting .* mean 'generator_lr'?",
    'presets = ["digits"]\nseeds = [0]\n[settings]\nsteps = 1.5': "steps must be an integer, got 1.5",
    'presets = ["digits"]\nseeds = [0]\n[settings]\nsteps = [1, true]': "steps must be an integer, got True",
    'presets = ["digits"]\nseeds = [0]\n[settings]\nloss = "hing"': "loss must be one of .* did you mean 'hinge'?",
    'presets = ["digits"]\nseeds = [0]\n[settings]\nsteps = []': "leaves nothing to try",
    'presets = ["digits"]\nseeds = [0]\n[settings]\nseed = 1': "seed under .settings.; seeds stands above",
    'presets = [1]\nseeds = [0]': "each of presets must be a text, got 1",
    'presets = ["digits"]\nseeds = [0]\nsamples = -1': "samples must be at least 0, got -1",
    "presets = [": "is not a TOML file",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_explained(text, tmp_path):
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ValueError, match=WRONG[text]):
        grid.read(tmp_path / "wrong.toml")


def test_settings_that_contradict_each_other_are_refused_before_anything_runs(file, tmp_path):
    file.write_text(FILE + "batch_norm = 1\n")
    assert cli.main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 2
    file.write_text(FILE.replace("batch_size = 8", "batch_size = [8, 0]"))
    with pytest.raises(ValueError, match=r"sweep grid: dense-128, batch_size 0, .*: batch_size must be at least 1"):
        sweep.run(grid.read(file), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_is_judged_like_any_other(tmp_path):
    config = dataclasses.replace(preset("toy-swissroll"), steps=2, batch_size=8, generator_width=4, critic_width=4)
    job = sweep.Job(grid.Point("toy-swissroll", "toy-swissroll", {}, config), tmp_path / "run", 100)
    job()
    assert {"sliced_w2", "precision"} <= job.record()["metrics"].keys()
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["step"] == 2
