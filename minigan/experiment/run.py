"""A run folder: `config.json`, `metrics.jsonl`, `findings.jsonl`, `checkpoints/*.safetensors`, `samples/*.png`,
`pictures/`, `summaries/`.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import replacing
from .config import Config

_METADATA = "minigan"


class RunError(Exception):
    """A run folder that cannot be used, in one sentence."""


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

    @classmethod
    def create(cls, folder, preset, config):
        """A new run in `folder`, which must not hold one yet.  RunError if it does or cannot be written."""
        run = cls(folder)
        if run.config_file.exists():
            raise RunError(f"{run.folder} already holds a run: give another --out, or --resume to go on with it")
        try:
            for needed in (run.checkpoints, run.samples):
                needed.mkdir(parents=True, exist_ok=True)
            with replacing(run.config_file) as file:
                file.write(json.dumps({"preset": preset} | dataclasses.asdict(config), indent=2).encode())
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
            settings = json.loads(self.config_file.read_text())
            name, config = settings.pop("preset"), Config(**settings)
            config.check()
            return name, config
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{self.config_file} is not the configuration of a run: {error}") from error

    def log(self, record):
        """Append a line to metrics.jsonl."""
        _append(self.metrics_file, record)

    def read_log(self):
        """The lines of metrics.jsonl as dicts, [] if there are none yet; one cut off by a crash is left out."""
        lines = self.metrics_file.read_text().splitlines() if self.metrics_file.exists() else []
        return [json.loads(line) for line in lines if _step_of(line) < float("inf")]

    def seconds(self):
        """How long training has taken up to the last line of metrics.jsonl."""
        records = self.read_log()
        return records[-1].get("seconds", 0.0) if records else 0.0

    def note(self, record):
        """Append a line to findings.jsonl."""
        _append(self.findings_file, record)

    def truncate_log(self, step):
        """Drop the lines of metrics.jsonl and findings.jsonl beyond `step`, which a resumed run will write again."""
        for log in (self.metrics_file, self.findings_file):
            if log.exists():
                kept = [line for line in log.read_text().splitlines() if _step_of(line) <= step]
                with replacing(log) as file:
                    file.write("".join(line + "\n" for line in kept).encode())

    def save_checkpoint(self, step, arrays, state, keep=2):
        """Write {name: array} and the JSON-able `state`; older checkpoints but the last `keep` are removed."""
        metadata = {_METADATA: json.dumps({"step": step} | state)}
        path = self.checkpoints / f"step-{step:07d}.safetensors"
        with replacing(path) as file:
            file.write(save({name: np.asarray(a, order="C") for name, a in arrays.items()}, metadata))
        for old in self._checkpoints()[:-keep]:
            old.unlink()
        return path

    def _checkpoints(self):
        return sorted(self.checkpoints.glob("step-*.safetensors"), key=lambda path: int(path.stem.split("-")[1]))

    def load_checkpoint(self):
        """({name: array}, state) of the newest checkpoint.  RunError if there is none, or it is damaged."""
        paths = self._checkpoints()
        if not paths:
            raise RunError(f"{self.folder} has no checkpoint yet: the run was stopped before its first one")
        try:
            with safe_open(paths[-1], framework="numpy") as file:
                state = json.loads(file.metadata()[_METADATA])
                return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118  (not a dict)
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"the checkpoint {paths[-1]} is damaged: {error}") from error


def _append(path, record):
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _step_of(line):
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError):
        return float("inf")  # a line cut off by a crash
