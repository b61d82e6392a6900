"""The real thing: `mpiexec -n 2 minigan train`, what it computes, and what remains when one of the two dies."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minigan.runs import Run, train
from minigan.trainers import load_data, trainer_for

pytest.importorskip("mpi4py", reason="mpi4py is not installed: pip install minigan[mpi]")
MPIEXEC = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")
if MPIEXEC is None:
    pytest.skip("there is no mpiexec: pip install minigan[mpi]", allow_module_level=True)

STEPS = 20  # with a checkpoint at every second one
TRAIN = ["dense-128", "--steps", str(STEPS), "--batch-size", "16", "--generator-width", "16", "--critic-width", "16",
         "--held-out", "64", "--test-interval", "5"]  # fmt: skip
PLAIN = """
import sys, time
from minigan import cli
from minigan.commands import train
from minigan.runs import loop
from minigan.trainers import Trainer
train.history = train.report = lambda run: None
loop.PICTURES = 1
step = Trainer.step
"""  # without what only describes a run


def started(arguments, script="", **options):
    """The processes of `minigan train` under mpiexec, which run `script` before; its output is one stream."""
    code = f"{PLAIN}\n{script}\nsys.exit(cli.main(sys.argv[1:]))"
    command = [MPIEXEC, "-n", "2", sys.executable, "-c", code, "train", *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(arguments, script=""):
    """(exit status, output) of the same."""
    process = started(arguments, script)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def metrics(folder):
    """The lines of metrics.jsonl, but for the time that they took."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in Run.open(folder).read_log()]


def weights(folder):
    return Run.open(folder).load_checkpoint()[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of a run of two processes."""
    folder = tmp_path_factory.mktemp("two") / "run"
    status, output = finished([*TRAIN, "--out", str(folder)])
    assert status == 0, output
    return folder


def test_two_processes_train_the_run_of_one(two, tmp_path):
    _, config = Run.open(two).read_config()
    train(trainer_for(config, load_data(config)), Run.create(tmp_path / "one", "dense-128", config))
    one, together = metrics(tmp_path / "one"), metrics(two)
    assert [line["step"] for line in together] == [line["step"] for line in one]
    for a, b in zip(one, together, strict=True):
        assert b == pytest.approx(a, rel=1e-3, abs=1e-4)
    arrays, found = weights(tmp_path / "one"), weights(two)
    assert max(abs(arrays[name] - found[name]).max() for name in arrays if "optimizer" not in name) < 1e-3


def test_when_one_is_killed_all_end_and_go_on_later_as_if_nothing_had_happened(two, tmp_path):
    folder = tmp_path / "run"
    script = (
        "import os, signal\nfrom mpi4py import MPI\n"
        "def killed(self):\n"
        "    if self.step_count == 13 and MPI.COMM_WORLD.rank == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return step(self)\n"
        "Trainer.step = killed"
    )
    status, output = finished([*TRAIN, "--out", str(folder)], script)
    assert status != 0
    assert "Killed" in output
    assert Run.open(folder).load_checkpoint()[1]["step"] == 13 - 13 % 2 == 12
    status, output = finished(["--out", str(folder), "--resume"])
    assert status == 0, output
    assert metrics(folder) == metrics(two)
    expected, found = weights(two), weights(folder)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_what_fails_in_one_ends_all_and_says_where(tmp_path):
    script = (
        "from mpi4py import MPI\n"
        "def failing(self):\n"
        "    if self.step_count == 3 and MPI.COMM_WORLD.rank == 1:\n"
        "        raise MemoryError('no memory left')\n"
        "    return step(self)\n"
        "Trainer.step = failing"
    )
    status, output = finished([*TRAIN, "--out", str(tmp_path / "run")], script)
    assert status == 2
    assert "minigan: process 1 of 2 failed, so all stop: no memory left. What was saved is whole" in output
    assert Run.open(tmp_path / "run").load_checkpoint()[1]["step"] == 2


@pytest.mark.slow
def test_ctrl_c_saves_and_ends_all(tmp_path):
    script = "Trainer.step = lambda self: (time.sleep(0.1), step(self))[1]"
    process = started([*TRAIN, "--out", str(tmp_path / "run")], script)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "run" / "checkpoints").glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    saved = int(re.search(r"stopped and saved at step (\d+)", output)[1])
    assert Run.open(tmp_path / "run").load_checkpoint()[1]["step"] == saved < STEPS


@pytest.mark.slow
def test_a_number_that_is_none_in_one_rolls_all_back(tmp_path):
    script = (
        "from mpi4py import MPI\n"
        "left = [13]\n"
        "def poisoned(self):\n"
        "    if self.step_count in left:\n"
        "        left.clear()\n"
        "        p = self.critic.parameters()[0]\n"
        "        if MPI.COMM_WORLD.rank == 1:\n"
        "            p.assign_(p.data * float('nan'))\n"
        "    return step(self)\n"
        "Trainer.step = poisoned"
    )
    status, output = finished([*TRAIN, "--on-nan", "rollback", "--out", str(tmp_path / "run")], script)
    assert status == 0, output
    assert "Back at step 12, with 0.5 of the learning rates" in output
    assert Run.open(tmp_path / "run").load_checkpoint()[1]["rollbacks"] == 1


def test_a_mistake_is_told_once(tmp_path):
    status, output = finished(["dense-128", "--batch-size", "33", "--out", str(tmp_path / "run")])
    assert status == 2
    assert output.count("minigan: batch_size 33 cannot be divided equally among 2 processes") == 1
    assert not (tmp_path / "run").exists()
