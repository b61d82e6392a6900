"""Report of one run, report.html: what it is, its samples, curves, metrics and settings, and how to reproduce it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import replacing
from ..presets import PRESETS
from ..presets.changes import changes
from . import charts, facts, measured
from .frames import frames, strip
from .markup import aside, definitions, page, section, tag

if TYPE_CHECKING:
    from ..runs import Run

__all__ = ["FINDINGS", "report"]

FINDINGS: int = 20
"""The most findings of the diagnosis that a report shows."""


def __dir__() -> list[str]:
    return sorted(__all__)


def report(run: Run) -> Path:
    """Write report.html into the folder of a run, completely or not at all, and return its path.

    Raises:
        RunError: If the configuration of the run cannot be read.
    """
    found = facts.read(run)
    content = page(
        f"{found.preset}: {found.name}",
        _header(found),
        section("Samples", *_samples(run, found.config)),
        section("Curves", *_curves(found)),
        section("Metrics", *_metrics(found)),
        section("Diagnosis", *_diagnosis(found)),
        section("Reproduce", *_reproduce(found)),
        section("Settings", *_settings(found)),
    )
    path = run.folder / "report.html"
    with replacing(path) as file:
        file.write(content)
    return path


def _header(found):
    config = found.config
    about = {
        "Data": config.data,
        "Model": config.model,
        "Loss": config.loss.replace("_", " "),
        "Penalty": config.penalty.replace("_", " "),
        "Batch": charts.number(config.batch_size),
        "Seed": config.seed,
    }
    if config.model == "vae":
        about = {name: text for name, text in about.items() if name not in ("Loss", "Penalty")}
    return tag(
        "header", tag("p", found.name, class_="above"), tag("h1", found.preset), tag("p", _about(found.preset)),
        tag("p", _state(found), class_="state done" if found.finished else "state"), definitions(about),
    )  # fmt: skip


def _about(name):
    if name not in PRESETS:
        return "This version of minigan does not know this preset."
    about, source = PRESETS[name].about, PRESETS[name].source
    return f"{about[0].upper()}{about[1:]} ({source})."


def _state(found):
    time = measured.duration(found.seconds)
    if found.finished:
        return f"Finished: {found.step:,} steps in {time}"
    return f"Unfinished: step {found.step:,} of {found.config.steps:,}, after {time}"


def _samples(run, config):
    shown, drawn = frames(run.samples)
    if not shown:
        return [aside("No picture has been drawn yet.")]
    note = f"All pictures are drawn from the same {'inputs' if config.model == 'unet' else 'noise'}."
    if len(shown) < drawn:
        note += f" Shown are {len(shown)} of {drawn} pictures."
    return [strip(shown), aside(note)]


def _curves(found):
    drawn = charts.curves(found.records)
    if not drawn:
        return [aside("Nothing has been logged yet.")]
    note = (
        "Faint lines are the logged values. Strong lines are their moving mean over a fortieth of the run; the last "
        "value of the mean is beside the name."
    )
    return [tag("div", *drawn, class_="charts"), aside(note)]


def _metrics(found):
    if not found.evaluation:
        if found.config.model == "unet":
            return ["A translation is judged by its error on held-out inputs, which is among the curves."]
        return [aside("Not measured yet: ", tag("code", f"minigan evaluate {_path(found)}"))]
    step, seed = (found.evaluation.get(key) for key in ("step", "seed"))
    older = "" if step == found.step else f" at step {step}, before training went on,"
    note = f"Measured{older} with seed {seed}. {measured.EXPLAINED}"
    return [measured.table(found.evaluation["metrics"]), aside(note)]


def _diagnosis(found):
    if not found.findings:
        examined = found.config.model not in ("unet", "vae")
        none = "None of the usual problems was found." if examined else "Only GANs that start from noise are diagnosed."
        return [aside(none)]
    rows = [_finding(finding) for finding in found.findings[:FINDINGS]]
    more = len(found.findings) - FINDINGS
    return [*rows, aside(f"The first {FINDINGS} of {FINDINGS + more} findings.") if more > 0 else ""]


def _finding(finding):
    name, step, evidence, remedy = (finding.get(key, "") for key in ("name", "step", "evidence", "remedy"))
    return tag(
        "article", tag("h3", _sentence(name).removesuffix("."), tag("span", f"step {step}")),
        tag("p", _sentence(evidence)), tag("p", _sentence(remedy), class_="remedy"), class_="finding",
    )  # fmt: skip


def _sentence(text):
    return f"{text[:1].upper()}{text[1:]}." if isinstance(text, str) else str(text)


def _reproduce(found):
    name, _ = facts.base(found.preset)
    parts = [tag("pre", tag("code", facts.command(found.preset, found.config)))]
    if name != found.preset:
        unknown = f"This version does not know the preset {found.preset}, so the command starts from {name}."
        parts.append(aside(unknown))
    if not found.finished:
        parts += [tag("p", "To continue the training:")]
        parts += [tag("pre", tag("code", f"minigan train --out {_path(found)} --resume"))]
    seed = found.config.seed
    note = f"With seed {seed}, the versions below and the same kind of machine, the result is equal to the bit."
    parts += [aside(note)] if found.sessions else []
    return [*parts, *(_session(session) for session in found.sessions[-1:]), *_earlier(found.sessions)]


def _session(session):
    versions = session.get("versions")
    about = dict(versions) if isinstance(versions, dict) else {}
    about |= {"device": session.get("device", ""), "trained": session.get("started", "")}
    return definitions(about, "rows")


def _earlier(sessions):
    """Yield notes on differences between the last session of a resumed run and the earlier ones."""
    for session in sessions[:-1]:
        step, versions, steps = (session.get(key) for key in ("step", "versions", "steps"))
        if versions != sessions[-1].get("versions"):
            yield aside(f"From step {step} on, other versions were in use: see sessions.jsonl.")
        if steps != sessions[-1].get("steps"):
            yield aside(f"From step {step} on, the run was planned for steps={steps}; it was extended later.")


def _settings(found):
    name, start = facts.base(found.preset)
    changed = changes(found.config, start)
    rows = [_setting(field, value, changed.get(field)) for field, value in facts.settings(found.config).items()]
    bold = f"Bold: different from {name}, whose value is crossed out."
    note = bold if changed else f"All settings are those of {name}."
    return [tag("dl", *rows, class_="settings"), aside(note)]


def _setting(field, value, changed):
    if not changed:
        return tag("div", tag("dt", field), tag("dd", measured.shown(value)))
    preset = tag("s", measured.shown(changed[1]))
    return tag("div", tag("dt", field), tag("dd", preset, " ", tag("b", measured.shown(value))), class_="changed")


def _path(found):
    return shlex.quote(str(found.folder))
