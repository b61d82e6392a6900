"""What a run folder says about its run."""

import dataclasses
import json
import shlex
from dataclasses import dataclass

from ..presets import DEFAULT, PRESETS
from ..presets.config import BELONGS, Config


@dataclass(frozen=True)
class Facts:
    """A run as a report sees it.

    records, findings, sessions: the lines of metrics.jsonl, findings.jsonl and sessions.jsonl.
    evaluation: what `minigan evaluate` wrote, {} if it has not yet.  step: how far the run has come.
    """

    folder: object
    preset: str
    config: Config
    records: list
    findings: list
    sessions: list
    evaluation: dict
    step: int

    @property
    def name(self):
        """The name of the folder."""
        return self.folder.resolve().name

    @property
    def finished(self):
        """Was every step taken?"""
        return self.step >= self.config.steps

    @property
    def seconds(self):
        """Of training, so far as they were logged."""
        return self.records[-1].get("seconds", 0.0) if self.records else 0.0


def read(run):
    """The Facts of a `Run`.  RunError if its configuration cannot be read; other files may be missing or cut off."""
    preset, config = run.read_config()
    records = run.read_log()
    return Facts(
        folder=run.folder, preset=preset, config=config, records=records,
        findings=_lines(run.findings_file), sessions=_lines(run.folder / "sessions.jsonl"),
        evaluation=_evaluation(run.folder / "evaluation.json"), step=_last_step(run, records),
    )  # fmt: skip


def base(preset):
    """(name, Config) of the preset that a run started from, or of the default if this version knows no such preset."""
    name = preset if preset in PRESETS else DEFAULT
    return name, PRESETS[name].config


def differences(config, other):
    """{field: (value, the other's value)} where two Configs differ."""
    pairs = {f.name: (getattr(config, f.name), getattr(other, f.name)) for f in dataclasses.fields(Config)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def settings(config):
    """{field: value}, but for those that belong to other models."""
    return {n: v for n, v in dataclasses.asdict(config).items() if config.model in BELONGS.get(n, (config.model,))}


def command(preset, config):
    """The command that trains the same run again: the preset, and the settings in which the run differs from it."""
    name, start = base(preset)
    words = ["minigan", "train", name]
    for field, (value, _) in differences(config, start).items():
        option = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif str(value).startswith("-"):
            words.append(f"--{option}={value}")  # or it would be taken for an option
        else:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _last_step(run, records):
    """The step of the newest checkpoint or of the last line of the log, whichever is later."""
    saved = [path.name.removeprefix("step-").split(".")[0] for path in run.checkpoints.glob("step-*")]
    return max([records[-1]["step"] if records else 0, *(int(step) for step in saved if step.isdecimal())])


def _lines(path):
    """The lines of a .jsonl that are whole, as dicts."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = [_parsed(line) for line in text.splitlines()]
    return [line for line in found if isinstance(line, dict)]


def _evaluation(path):
    found = _parsed(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    metrics = found.get("metrics") if isinstance(found, dict) else None
    whole = isinstance(metrics, dict) and all(isinstance(metric, dict) for metric in metrics.values())
    return found if whole else {}


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None
