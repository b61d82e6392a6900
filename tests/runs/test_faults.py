"""What can happen to a run, each for real: nothing is lost but the steps since the last checkpoint, and it is said."""

import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from crashes import TINY, go, left, lines
from processes import child, killed
from safetensors.numpy import save

from minigan import data
from minigan.cli import main
from minigan.presets import Config
from minigan.runs import Run, RunError, loop
from minigan.runs.lock import locked
from minigan.trainers import load_data, trainer_for


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


# --- SIGKILL


def test_killed_before_any_change_of_the_disk_a_run_goes_on_to_the_same_bits(tmp_path):
    """Fifty random moments: tests/slow/test_kill.py."""
    assert killed("points", tmp_path)["points"] >= 25


# --- damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory, digits):
    """A finished run with checkpoints of the steps 5 and 6."""
    folder = tmp_path_factory.mktemp("sound")
    go(folder, TINY, digits)
    return folder


@pytest.fixture
def run(tmp_path, sound):
    """A copy to be damaged."""
    shutil.copytree(sound, tmp_path / "run")
    return Run(tmp_path / "run")


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :]


def header(content):
    return 8 + int.from_bytes(content[:8], "little")


DATA = {
    "the length of the header": lambda c: flipped(c, 0),
    "a huge header": lambda c: b"\xff" * 8 + c[8:],
    "the first brace": lambda c: flipped(c, 8),
    "the metadata": lambda c: flipped(c, c.index(b"generators")),
    "the shapes": lambda c: flipped(c, c.index(b"shape") + 8),
    "the first number": lambda c: flipped(c, header(c)),
    "the last number": lambda c: flipped(c, len(c) - 1),
    "cut by a byte": lambda c: c[:-1],
    "cut in the header": lambda c: c[:100],
    "empty": lambda c: b"",
    "a byte too many": lambda c: c + b"\0",
    "zeros, as after a power cut": lambda c: bytes(len(c)),
    "another file": lambda c: save({"a": np.zeros(3)}),
}


@pytest.mark.parametrize("damage", DATA)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(run, damage):
    path = run.checkpoints / "step-0000006.safetensors"
    path.write_bytes(DATA[damage](path.read_bytes()))
    said = []
    _, state = run.load_checkpoint(said.append)
    assert state["step"] == 5
    assert said == [f"{path} is damaged: its sha256 is not that in step-0000006.json; going back to step 5"]


def test_every_byte_of_a_manifest_matters_or_does_no_harm(run):
    """After a flip the checkpoint is refused, and the one before it used; or it is still known to be whole."""
    manifest, used = run.checkpoints / "step-0000006.json", []
    content = manifest.read_bytes()
    for at in range(len(content)):
        manifest.write_bytes(flipped(content, at))
        used.append(run.load_checkpoint(lambda line: None)[1]["step"])
    assert used.count(5) > 100
    assert {bytes([content[at]]) for at, step in enumerate(used) if step == 6} <= {b"\n", b" "}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "its manifest step-0000006.json is missing"),
        (b"", "step-0000006.json is no manifest of it"),
        (b"[" * 100_000, "step-0000006.json is no manifest of it"),
        (b"\xff\xfe", "step-0000006.json is no manifest of it"),
        (b'{"sha256": {}}', "step-0000006.json is no manifest of it"),
        (b'{"sha256": 3}', "step-0000006.json is no manifest of it"),
        (b'{"sha256": {"step-0000006.safetensors": null}}', "its sha256 is not that in step-0000006.json"),
    ],
)
def test_a_manifest_that_is_none(run, content, message):
    manifest, said = run.checkpoints / "step-0000006.json", []
    manifest.unlink() if content is None else manifest.write_bytes(content)
    assert run.load_checkpoint(said.append)[1]["step"] == 5
    assert said == [f"{manifest.with_suffix('.safetensors')} is damaged: {message}; going back to step 5"]


def test_a_checkpoint_that_is_gone(run):
    said = []
    (run.checkpoints / "step-0000006.safetensors").unlink()
    assert run.load_checkpoint(said.append)[1]["step"] == 5
    assert "step-0000006.safetensors is missing: it was removed, or saving it was cut short" in said[0]


def test_with_a_fitting_hash_but_no_state_a_checkpoint_is_damaged_too(run):
    """As somebody else might write it."""
    from minigan.runs.checkpoints import Checkpoints

    Checkpoints(run.checkpoints).save(7, {"a": np.zeros(2)}, {"state": {}})
    with pytest.raises(RunError, match=r"the checkpoint of step 7 in .* is not one of a run"):
        run.load_checkpoint()
    path = run.checkpoints / "step-0000007.safetensors"
    path.write_bytes(b"nothing")
    digest = "1785cfc3bc6ac7738e8b38cdccd1af12563c2b9070e07af336a1bf8c0f772b6a"
    path.with_suffix(".json").write_text(json.dumps({"sha256": {path.name: digest}}))
    said = []
    assert run.load_checkpoint(said.append)[1]["step"] == 6
    assert "is damaged: Error while deserializing header" in said[0]


def test_a_bad_sector_is_damage_but_what_may_pass_costs_no_checkpoint(run, monkeypatch):
    digest, said = hashlib.file_digest, []

    def failing(number):
        def fails(file, name):
            if "0000006" in str(file.name):
                raise OSError(number, os.strerror(number))
            return digest(file, name)

        monkeypatch.setattr(hashlib, "file_digest", fails)

    failing(errno.EIO)
    assert run.load_checkpoint(said.append)[1]["step"] == 5
    assert "step-0000006.safetensors is damaged: Input/output error; going back to step 5" in said[0]
    failing(errno.EMFILE)
    with pytest.raises(OSError, match="Too many open files"):
        run.load_checkpoint()


def test_when_none_is_whole_all_are_named(run, digits, capsys):
    for path in run.checkpoints.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    before = left(run.folder)
    for command in (["train", "--resume", "--out"], ["sample", "--n", "1", "--out", "x.npy"]):
        assert main([*command, str(run.folder)]) == 2
        error = capsys.readouterr().err
        assert error.count("minigan: ") == 1
        assert "no checkpoint is whole: " in error
        assert all(f"step-000000{k}.safetensors is damaged" in error for k in (5, 6))
    assert left(run.folder) == before


def test_a_damaged_run_ends_as_a_sound_one(run, sound, digits):
    path = run.checkpoints / "step-0000006.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "going back to step 5" in go(run.folder, TINY, digits, dies_at=5)
    assert not path.exists()  # or it would count among the newest that are kept
    go(run.folder, TINY, digits)
    assert left(run.folder) == left(sound)


def after_step(trainer, step, do):
    """Let `do()` happen then."""
    diagnose = trainer.diagnose

    def examined():
        if trainer.step_count == step:
            do()
        return diagnose()

    trainer.diagnose = examined


# --- a disk that is full, or cannot be written


def test_no_room_for_a_checkpoint(tmp_path, digits, monkeypatch):
    """A limit on the size of files: log and pictures fit, a checkpoint does not."""
    monkeypatch.setattr(loop, "PICTURES", 1)
    resource = pytest.importorskip("resource", reason="this system has no limits of resources")
    trainer, limits = trainer_for(TINY, digits), resource.getrlimit(resource.RLIMIT_FSIZE)
    after_step(trainer, 3, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1])))
    try:
        with pytest.raises(RunError, match=r"cannot write into .*: File too large; the checkpoint of step 2 is saved"):
            go(tmp_path / "full", TINY, digits, trainer=trainer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [p for p in (tmp_path / "full").rglob("*") if p.suffix == ".tmp"]
    assert Run(tmp_path / "full").load_checkpoint()[1]["step"] == 2
    for folder in ("full", "whole"):
        go(tmp_path / folder, TINY, digits)
    assert left(tmp_path / "full") == left(tmp_path / "whole")


def traced(monkeypatch, fail=lambda name: False):
    """The list of what is flushed to the disk, and of the names that files take, from now on, in order."""
    trace, fsync, replace = [], os.fsync, os.replace

    def traced_fsync(descriptor):
        name = re.sub(r"\.[0-9a-f]{8}\.tmp", ".tmp", Path(f"/proc/self/fd/{descriptor}").readlink().name)
        trace.append(f"flush {name}")
        if fail(name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    def traced_replace(source, target):
        trace.append(f"name {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    return trace


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux to tell what is flushed")


@linux
def test_a_power_cut_finds_nothing_on_the_disk_before_what_it_relies_on(run, monkeypatch):
    """The log is flushed before a checkpoint, a file before it has its name, and the folder after each name."""
    run.note({"step": 6})
    arrays, state = run.load_checkpoint()
    trace = traced(monkeypatch)
    run.save_checkpoint(7, arrays, state)
    assert trace == [
        "flush metrics.jsonl", "flush findings.jsonl",
        "flush .step-0000007.json.tmp", "name step-0000007.json", "flush checkpoints",
        "flush .step-0000007.safetensors.tmp", "name step-0000007.safetensors", "flush checkpoints",
    ]  # fmt: skip


@linux
def test_a_disk_that_notices_too_late_that_it_is_full(tmp_path, digits, monkeypatch):
    """As one over a network may."""
    with monkeypatch.context() as patched:
        traced(patched, fail=lambda name: name == ".step-0000003.safetensors.tmp")
        with pytest.raises(RunError, match="No space left on device; the checkpoint of step 2 is saved"):
            go(tmp_path / "full", TINY, digits)
    assert "step-0000003.safetensors is missing: it was removed, or saving it was cut short" in go(
        tmp_path / "full", TINY, digits
    )
    go(tmp_path / "whole", TINY, digits)
    assert left(tmp_path / "full") == left(tmp_path / "whole")


FULL = """
import os, subprocess, sys
from pathlib import Path
from crashes import TINY, go, left
from minigan import data
from minigan.runs import Run, RunError

disk, digits = Path(sys.argv[1]), data.load("digits-8x8")
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=72k", "none", disk], check=True)
try:
    go(disk / "run", TINY, digits)
except RunError as error:
    assert "No space left on device; the checkpoint of step" in str(error), error
else:
    raise AssertionError("there was room")
assert not [p for p in disk.rglob("*.tmp")]
Run(disk / "run").load_checkpoint()
subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
for folder in ("run", "whole"):
    go(disk / folder, TINY, digits)
assert left(disk / "run") == left(disk / "whole")
print("whole")
"""


def test_a_full_disk(tmp_path):
    """A file system of 72 KB in memory, in a mount namespace of its own."""
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if not shutil.which("unshare") or child(*alone, "mount", "-t", "tmpfs", "none", str(tmp_path))[1]:
        pytest.skip("this system lets nobody mount a file system of his own")
    printed, _, error = child(*alone, sys.executable, "-c", FULL, str(tmp_path))
    assert printed == "whole", error


READ_ONLY = """
import os
from pathlib import Path
from crashes import TINY, go
from minigan import data
from minigan.runs import RunError

digits = data.load("digits-8x8")
if os.geteuid() == 0:
    os.setuid(65534)  # to root nothing is read-only
for folder in ("run", "new"):
    try:
        go(Path(folder), TINY, digits)
    except RunError as error:
        print(error, end="; ")
"""


def test_a_folder_that_cannot_be_written(tmp_path, digits):
    config = dataclasses.replace(TINY, steps=3)
    go(tmp_path / "run", config, digits)
    before = left(tmp_path / "run")
    for path in (*tmp_path.rglob("*"), tmp_path):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        printed, _, error = child(sys.executable, "-c", READ_ONLY, cwd=tmp_path)
    finally:
        for path in (tmp_path, *tmp_path.rglob("*")):
            path.chmod(0o755)
    assert "cannot write into run: Permission denied; the checkpoint of step 3 is saved. When that is mended" in printed
    assert "cannot write the run folder new: Permission denied" in printed, error
    assert left(tmp_path / "run") == before


# --- two processes


HOLDER = """
import sys
from pathlib import Path
from minigan.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_refuses_and_names_the_first_until_that_dies(tmp_path, digits, capsys):
    go(tmp_path, TINY, digits, dies_at=4)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        before = left(tmp_path)
        assert main(["train", "--out", str(tmp_path), "--resume"]) == 2
        error = capsys.readouterr().err
        assert f"{tmp_path} is being trained by process {holder.pid} on " in error
        assert left(tmp_path) == before
        Run(tmp_path).load_checkpoint()  # to read it is no harm
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    go(tmp_path, TINY, digits)
    assert Run(tmp_path).load_checkpoint()[1]["step"] == 6


def test_two_runs_are_not_begun_in_one_folder(tmp_path):
    with locked(tmp_path), pytest.raises(RunError, match=f"being trained by process {os.getpid()} on"):
        Run.create(tmp_path, "tiny", TINY)


# --- NaN


def test_a_number_that_is_none_ends_the_run_before_it_is_written_and_its_origin_is_named(tmp_path, digits):
    trainer = trainer_for(TINY, digits)
    first = trainer.critic.parameters()[0]
    after_step(trainer, 3, lambda: first.assign_(np.full(first.shape, 1e38, np.float32)))
    told = "step 4: not a number: in the forward of the critic's step the operation 'conv2d' on shapes"
    with np.errstate(all="ignore"), pytest.raises(RunError, match=told):
        go(tmp_path, TINY, digits, trainer=trainer)
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == [1, 2, 3]
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path, digits):
    trainer = trainer_for(TINY, digits)
    after_step(trainer, 3, lambda: trainer.game.critic_optimizer.state[0][0].fill(np.inf))
    with pytest.raises(RunError, match=r"has diverged\. step 3: critic_optimizer\.0\.0 is no longer finite"):
        go(tmp_path, TINY, digits, trainer=trainer)
    assert Run(tmp_path).load_checkpoint()[1]["step"] == 2


STEEP = Config(
    data="digits-8x8", model="dense", output="linear", steps=20, batch_size=8, latent=2, depth=3, generator_width=8,
    critic_width=8, loss="least_squares", threads=1, generator_lr=10.0, critic_lr=10.0, on_nan="rollback",
)  # fmt: skip


@pytest.fixture
def steep(monkeypatch):
    """Trains at learning rates at which float32 cannot hold the squares of gradients; in a folder, as `go` does."""
    monkeypatch.setattr(loop, "PICTURES", 1)
    monkeypatch.setattr(loop, "EXAMINATIONS", 1)

    def train_in(folder, *, rate=10.0, on_nan="rollback", dies_at=None):
        config = dataclasses.replace(STEEP, generator_lr=rate, critic_lr=rate, on_nan=on_nan)
        with np.errstate(all="ignore"):
            return go(folder, config, load_data(config), dies_at=dies_at)

    return train_in


def rollbacks(folder):
    return [line for line in lines(folder / "findings.jsonl") if line["name"] == "rollback"]


def test_a_rollback_goes_back_slows_down_and_is_written_down(tmp_path, steep):
    said = steep(tmp_path)
    noted = rollbacks(tmp_path)
    assert [line["remedy"] for line in noted] == [
        f"Back at step {line['step']}, with {0.5**k:g} of the learning rates" for k, line in enumerate(noted, 1)
    ]
    steps = [line["step"] for line in noted]
    assert len(steps) > len(set(steps)) > 1  # some help only at the second attempt
    assert said.count("rollback: training has diverged. step ") == len(noted)
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == [*range(1, 21)]
    arrays, state = Run(tmp_path).load_checkpoint()
    assert (state["step"], state["rollbacks"]) == (20, len(noted))
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_rollback_can_be_resumed(tmp_path, steep):
    """From before the first, between two from one checkpoint, and after all."""
    steep(tmp_path / "whole")
    for dies_at in (1, 3, 15):
        folder = tmp_path / f"crashed-{dies_at}"
        steep(folder, dies_at=dies_at)
        assert Run(folder).load_checkpoint()[1]["step"] <= dies_at
        steep(folder)
        assert left(folder) == left(tmp_path / "whole")
        assert rollbacks(folder) == rollbacks(tmp_path / "whole")


def test_after_five_rollbacks_it_ends(tmp_path, steep):
    with pytest.raises(RunError, match=r"no longer finite\. It did so after 5 rollbacks too"):
        steep(tmp_path, rate=1000.0)
    assert [line["remedy"] for line in rollbacks(tmp_path)][4:] == [
        "Back at step 0, with 0.03125 of the learning rates"
    ]


def test_nobody_rolls_back_unasked(tmp_path, steep):
    with pytest.raises(RunError, match="no longer finite"):
        steep(tmp_path, on_nan="stop")
    assert not [p for p in tmp_path.glob("findings.jsonl") if "rollback" in p.read_text()]
