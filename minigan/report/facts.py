"""Contents of a run folder, as the reports need them."""

from __future__ import annotations

import dataclasses
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..presets import DEFAULT, PRESETS
from ..presets.changes import changes
from ..presets.config import BELONGS, Config

if TYPE_CHECKING:
    from ..runs import Run

__all__ = ["Facts", "base", "command", "read", "settings"]


@dataclass(frozen=True)
class Facts:
    """Contents of a run folder.

    Attributes:
        folder: The folder.
        preset: Name of the preset that the run started from.
        config: The run's configuration.
        records: The lines of metrics.jsonl.
        findings: The lines of findings.jsonl.
        sessions: The lines of sessions.jsonl.
        evaluation: The results of `minigan evaluate`; {} if there are none yet.
        step: The number of steps taken.
    """

    folder: Path
    preset: str
    config: Config
    records: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    evaluation: dict[str, Any]
    step: int

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def finished(self) -> bool:
        """Return whether all steps were taken."""
        return self.step >= self.config.steps

    @property
    def seconds(self) -> float:
        """Seconds of training up to the last line of the log."""
        return self.records[-1].get("seconds", 0.0) if self.records else 0.0


def read(run: Run) -> Facts:
    """Read the folder of a run, in which all files except the configuration may be missing or incomplete.

    Raises:
        RunError: If the configuration cannot be read.
    """
    preset, config = run.read_config()
    records = run.read_log()
    return Facts(
        folder=run.folder, preset=preset, config=config, records=records,
        findings=_lines(run.findings_file), sessions=_lines(run.folder / "sessions.jsonl"),
        evaluation=_evaluation(run.folder / "evaluation.json"), step=_last_step(run, records),
    )  # fmt: skip


def base(preset: str) -> tuple[str, Config]:
    """Return name and configuration of a preset, or of the default one if this version does not know the preset."""
    name = preset if preset in PRESETS else DEFAULT
    return name, PRESETS[name].config


def settings(config: Config) -> dict[str, Any]:
    """Return {field: value} of a configuration, except for the fields that belong to other models."""
    return {n: v for n, v in dataclasses.asdict(config).items() if config.model in BELONGS.get(n, (config.model,))}


def command(preset: str, config: Config) -> str:
    """Return the command that trains the same run again: its preset, and the settings that differ from the preset."""
    name, start = base(preset)
    words = ["minigan", "train", name]
    for field, (value, _) in changes(config, start).items():
        option = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif str(value).startswith("-"):
            words.append(f"--{option}={value}")  # as a separate word it would be taken for an option
        else:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _last_step(run, records):
    """Return the step of the newest checkpoint or of the last line of the log, whichever is later."""
    saved = [path.name.removeprefix("step-").split(".")[0] for path in run.checkpoints.glob("step-*")]
    return max([records[-1]["step"] if records else 0, *(int(step) for step in saved if step.isdecimal())])


def _lines(path):
    """Return the complete lines of a .jsonl file as dicts."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = [_parsed(line) for line in text.splitlines()]
    return [line for line in found if isinstance(line, dict)]


def _evaluation(path) -> Any:
    found = _parsed(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    metrics = found.get("metrics") if isinstance(found, dict) else None
    complete = isinstance(metrics, dict) and all(isinstance(metric, dict) for metric in metrics.values())
    return found if complete else {}


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None
