"""Folders of runs, and the files that training keeps in them.

They are `config.json`, `metrics.jsonl`, `findings.jsonl`, `checkpoints/`, `samples/*.png`, `pictures/` and
`summaries/`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import replacing, sync_folder
from ..presets import Config
from ..presets.changes import refused
from .checkpoints import Checkpoints
from .errors import RunError
from .lock import locked

if TYPE_CHECKING:
    from typing import Self

    from ..types import Array, NDArray, PathLike

__all__ = ["Run"]


def _warn(line):
    print(line, file=sys.stderr)


class Run:
    """Folder of one training run.

    `Run.create` begins a new run and `Run.open` opens an existing one.

    Args:
        folder: The folder; nothing is read or written yet.

    Attributes:
        folder: The folder.
        config_file, metrics_file, findings_file: Paths of its files.
        checkpoints, samples, pictures, summaries: Paths of its subfolders.
    """

    folder: Path
    config_file: Path
    metrics_file: Path
    findings_file: Path
    checkpoints: Path
    samples: Path
    pictures: Path
    summaries: Path

    def __init__(self, folder: PathLike) -> None:
        self.folder = Path(folder)
        self.config_file = self.folder / "config.json"
        self.metrics_file = self.folder / "metrics.jsonl"
        self.findings_file = self.folder / "findings.jsonl"
        self.checkpoints = self.folder / "checkpoints"
        self.samples = self.folder / "samples"
        self.pictures = self.folder / "pictures"
        self.summaries = self.folder / "summaries"
        self._settings: tuple[str, Config] | None = None  # of the training in progress

    @classmethod
    def create(cls, folder: PathLike, preset: str, config: Config) -> Self:
        """Begin a new run.

        Args:
            folder: The folder; it is created if it does not exist.
            preset: The name of the preset that the configuration is derived from.
            config: The configuration.

        Raises:
            RunError: If the folder already holds a run, or cannot be written.
        """
        run = cls(folder)
        try:
            for needed in (run.checkpoints, run.samples):
                needed.mkdir(parents=True, exist_ok=True)
            with locked(run.folder):
                if run.config_file.exists():
                    raise RunError(f"{run.folder} already holds a run: give another --out, or --resume to continue it")
                run._write_config(preset, config)
            sync_folder(run.folder.parent)
        except OSError as error:
            raise RunError(f"cannot write the run folder {run.folder}: {error.strerror or error}") from error
        return run

    @classmethod
    def open(cls, folder: PathLike) -> Self:
        """Open an existing run.

        Raises:
            RunError: If the folder holds no run.
        """
        run = cls(folder)
        if not run.config_file.is_file():
            raise RunError(f"{run.folder} holds no run: there is no {run.config_file.name} in it")
        return run

    @classmethod
    def next_free(cls, parent: PathLike, name: str) -> Path:
        """Return the path `parent`/name-NNN with the first number, from 001 on, that is not taken."""
        taken = {path.name for path in Path(parent).glob(f"{name}-*")}
        number = next(n for n in range(1, len(taken) + 2) if f"{name}-{n:03d}" not in taken)
        return Path(parent) / f"{name}-{number:03d}"

    def read_config(self) -> tuple[str, Config]:
        """Read the name of the preset and the configuration.

        Raises:
            RunError: If the file config.json is damaged or does not exist.
        """
        try:
            return _preset_and_config(json.loads(self.config_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RunError(f"{self.config_file} is not the configuration of a run: {error}") from error

    def refuse(self, config: Config) -> None:
        """Check that this run can be continued with `config`.

        Raises:
            RunError: If the run cannot be continued with it; the message names the settings that differ.
        """
        if clause := refused(self.read_config()[1], config):
            raise RunError(f"--resume goes on with the run as it was: {clause}; for that begin a new run")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Return a context in which only this process trains this run.

        Raises:
            Busy: Another process trains it; the message has its process id.
            RunError: If the folder cannot be written, for example because the disk is full; the message says what is
                saved and how to continue.
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

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        _append(self.metrics_file, record)

    def read_log(self) -> list[dict[str, Any]]:
        """Read the lines of metrics.jsonl, except for one that a crash cut off."""
        return [json.loads(line) for line in _lines(self.metrics_file)]

    def seconds(self) -> float:
        """Return the time of training up to the last line of metrics.jsonl, in seconds."""
        records = self.read_log()
        return records[-1].get("seconds", 0.0) if records else 0.0

    def note(self, record: dict[str, Any]) -> None:
        """Append a line to findings.jsonl, unless the same line is there already."""
        if json.dumps(record) not in _lines(self.findings_file):
            _append(self.findings_file, record)

    def rewind(self, step: int) -> None:
        """Remove logs, pictures and checkpoints of steps after `step`, and files that a crash left unfinished."""
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

    def save_checkpoint(self, step: int, arrays: dict[str, Array], state: dict[str, Any]) -> None:
        """Write a checkpoint, and remove older ones that the configuration does not keep.

        Args:
            step: The step of the training.
            arrays, state: What the trainer's `state` returned.
        """
        for log in (self.metrics_file, self.findings_file):
            _sync(log)  # a run that resumes from this checkpoint would not write these lines again
        about = {"state": {"step": step} | state, "config": _as_dict(*self._current())}
        Checkpoints(self.checkpoints).save(step, arrays, about)
        self._prune()

    def load_checkpoint(self, say: Callable[[str], object] = _warn) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Read the newest undamaged checkpoint.

        Args:
            say: Called with a line about each damaged checkpoint; by default it is printed on stderr.

        Returns:
            Arrays and state, for the trainer's `load_state`.

        Raises:
            RunError: If there is no undamaged checkpoint, or it does not belong to config.json.
        """
        found = self.resume(say)
        if found is None:
            raise RunError(f"{self.folder} has no checkpoint yet: the run was stopped before its first one")
        return found

    def resume(self, say: Callable[[str], object] = _warn) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Read the newest undamaged checkpoint, as `load_checkpoint` does; None if no checkpoint was finished yet."""
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

    def adopt(self, config: Config) -> None:
        """Continue with `config`, which may differ from the saved one in settings that `refuse` allows to change."""
        preset, before = self.read_config()
        self._settings = preset, config
        if config != before:
            self._write_config(preset, config)

    def __repr__(self) -> str:
        steps = Checkpoints(self.checkpoints).finished()
        return f"<Run {self.folder}: {f'checkpoint of step {steps[-1]:,}' if steps else 'no checkpoint yet'}>"

    def _prune(self):
        _, config = self._current()
        Checkpoints(self.checkpoints).prune(config.keep_last, config.keep_every)

    def _current(self):
        self._settings = self._settings or self.read_config()  # once: later edits of the file have no effect
        return self._settings

    def _write_config(self, preset, config):
        self._settings = preset, config
        with replacing(self.config_file) as file:
            file.write(json.dumps(_as_dict(preset, config), indent=2).encode())


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
    """Return the complete lines of a log, without one that a crash cut off; [] if there is no log."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return [line for line in lines if _step_of(line) < float("inf")]


def _step_of(line):
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return float("inf")  # a line cut off by a crash
