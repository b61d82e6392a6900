"""A run folder: `config.json`, `metrics.jsonl`, `findings.jsonl`, `checkpoints/`, `samples/*.png`, `pictures/`,
`summaries/`.
"""

import dataclasses
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from ..files import replacing, sync_folder
from ..presets import Config
from ..presets.changes import refused
from .checkpoints import Checkpoints
from .errors import RunError
from .lock import locked


def _warn(line):
    print(line, file=sys.stderr)


class Run:
    """The folder of one training run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config_file = self.folder / "config.json"
        self.metrics_file = self.folder / "metrics.jsonl"
        self.findings_file = self.folder / "findings.jsonl"
        self.checkpoints = self.folder / "checkpoints"
        self.samples = self.folder / "samples"
        self.pictures = self.folder / "pictures"
        self.summaries = self.folder / "summaries"
        self._settings = None  # (preset name, Config) of the training that goes on

    @classmethod
    def create(cls, folder, preset, config):
        """A new run in `folder`, which must not hold one yet.  RunError if it does or cannot be written."""
        run = cls(folder)
        try:
            for needed in (run.checkpoints, run.samples):
                needed.mkdir(parents=True, exist_ok=True)
            with locked(run.folder):
                if run.config_file.exists():
                    raise RunError(f"{run.folder} already holds a run: give another --out or --resume to go on with it")
                run._settings = preset, config
                run._write_config()
            sync_folder(run.folder.parent)
        except OSError as error:
            raise RunError(f"cannot write the run folder {run.folder}: {error.strerror or error}") from error
        return run

    @classmethod
    def open(cls, folder):
        """An existing run.  RunError if `folder` holds none."""
        run = cls(folder)
        if not run.config_file.is_file():
            raise RunError(f"{run.folder} holds no run: there is no {run.config_file.name} in it")
        return run

    @classmethod
    def next_free(cls, parent, name):
        """`parent`/name-001, or the first number that is free."""
        taken = {path.name for path in Path(parent).glob(f"{name}-*")}
        number = next(n for n in range(1, len(taken) + 2) if f"{name}-{n:03d}" not in taken)
        return Path(parent) / f"{name}-{number:03d}"

    def read_config(self):
        """(preset name, Config) as saved."""
        try:
            return _preset_and_config(json.loads(self.config_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RunError(f"{self.config_file} is not the configuration of a run: {error}") from error

    def refuse(self, config):
        """RunError, with the names of the settings, if this run cannot go on with `config`."""
        if clause := refused(self.read_config()[1], config):
            raise RunError(f"--resume goes on with the run as it was: {clause}; for that begin a new run")

    @contextmanager
    def held(self):
        """Inside, this process alone trains this run.  RunError, with the holder's pid, if another one does.

        An OSError, such as that of a full disk, becomes a RunError that says what is saved and how to go on.
        """
        try:
            with locked(self.folder):
                yield
        except OSError as error:
            raise RunError(
                f"cannot write into {self.folder}: {error.strerror or error}; {self._saved()}. "
                f"When that is mended, go on with: minigan train --out {self.folder} --resume"
            ) from error

    def _saved(self):
        steps = Checkpoints(self.checkpoints).finished()
        return f"the checkpoint of step {steps[-1]} is saved" if steps else "there is no checkpoint yet"

    def log(self, record):
        """Append a line to metrics.jsonl."""
        _append(self.metrics_file, record)

    def read_log(self):
        """The lines of metrics.jsonl as dicts, [] if there are none yet; one cut off by a crash is left out."""
        return [json.loads(line) for line in _lines(self.metrics_file)]

    def seconds(self):
        """How long training has taken up to the last line of metrics.jsonl."""
        records = self.read_log()
        return records[-1].get("seconds", 0.0) if records else 0.0

    def note(self, record):
        """Append a line to findings.jsonl, once."""
        if json.dumps(record) not in _lines(self.findings_file):
            _append(self.findings_file, record)

    def rewind(self, step):
        """Drop all beyond `step`, which training from there will write again, and what a crash left unfinished."""
        for log in (self.metrics_file, self.findings_file):
            if log.exists():
                kept = [line for line in _lines(log) if _step_of(line) <= step]
                with replacing(log) as file:
                    file.write("".join(line + "\n" for line in kept).encode())
        for picture in self.samples.glob("step-*.png"):
            if int(picture.stem.removeprefix("step-")) > step:
                picture.unlink()
        for folder in (self.folder, self.samples):
            for unfinished in folder.glob(".*.tmp"):
                unfinished.unlink()
        Checkpoints(self.checkpoints).discard(step)
        self._prune()

    def save_checkpoint(self, step, arrays, state):
        """Write {name: array} and the JSON-able `state`; which older ones are kept, the configuration says."""
        for log in (self.metrics_file, self.findings_file):
            _sync(log)  # a log that ended before the checkpoint could not be mended
        about = {"state": {"step": step} | state, "config": _as_dict(*self._current())}
        Checkpoints(self.checkpoints).save(step, arrays, about)
        self._prune()

    def load_checkpoint(self, say=_warn):
        """({name: array}, state) of the newest checkpoint that is whole; say(line) is told of damaged ones.

        RunError if there is none.
        """
        found = self.resume(say)
        if found is None:
            raise RunError(f"{self.folder} has no checkpoint yet: the run was stopped before its first one")
        return found

    def resume(self, say=_warn):
        """As `load_checkpoint`, but None if the run was stopped before its first checkpoint.

        RunError also for a config.json with which that checkpoint was not written.
        """
        found = Checkpoints(self.checkpoints).newest(say)
        if found is None:
            return None
        step, arrays, about = found
        try:
            state, (_, config) = about["state"], _preset_and_config(about["config"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint of step {step} in {self.folder} is not one of a run: {error}") from error
        if clause := refused(config, self.read_config()[1]):
            raise RunError(f"{self.config_file} was changed since the checkpoint of step {step}, and {clause}")
        return arrays, state

    def adopt(self, config):
        """Go on with `config`, which may differ in what `refuse` lets pass."""
        preset, before = self.read_config()
        self._settings = preset, config
        if config != before:
            self._write_config()

    def _prune(self):
        _, config = self._current()
        Checkpoints(self.checkpoints).prune(config.keep_last, config.keep_every)

    def _current(self):
        self._settings = self._settings or self.read_config()  # once: nobody's editing disturbs a training
        return self._settings

    def _write_config(self):
        with replacing(self.config_file) as file:
            file.write(json.dumps(_as_dict(*self._settings), indent=2).encode())


def _as_dict(preset, config):
    return {"preset": preset} | dataclasses.asdict(config)


def _preset_and_config(settings):
    name, config = settings.pop("preset"), Config(**settings)
    config.check()
    return name, config


def _append(path, record):
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _sync(path):
    if path.exists():
        with open(path, "rb+") as file:
            os.fsync(file.fileno())


def _lines(path):
    """The whole lines of a log, [] if there is none; what a crash cut off is left out."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return [line for line in lines if _step_of(line) < float("inf")]


def _step_of(line):
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return float("inf")  # a line cut off by a crash
