"""report.html: one run, from what it is to the command that trains it again."""

import shlex

from ..files import replacing
from ..presets import PRESETS
from . import charts, facts, measured
from .frames import frames, strip
from .markup import definitions, page, section, tag

FINDINGS = 20  # shown, the first ones


def report(run):
    """Write RUN/report.html, complete or not at all.  Returns its path.  RunError if the folder holds no whole run."""
    found = facts.read(run)
    content = page(
        f"{found.preset}: {found.name}",
        _header(found),
        section("Samples", *_samples(run, found.config)),
        section("Curves", *_curves(found)),
        section("Metrics", *_metrics(found)),
        section("Diagnosis", *_diagnosis(found)),
        section("Once more", *_once_more(found)),
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
        return "A preset that this version of minigan does not know."
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
        return [tag("p", "No picture has been drawn yet.", class_="aside")]
    note = f"Always from the same {'inputs' if config.model == 'unet' else 'noise'}."
    if len(shown) < drawn:
        note += f" {len(shown)} of {drawn} pictures."
    return [strip(shown), tag("p", note, class_="aside")]


def _curves(found):
    drawn = charts.curves(found.records)
    if not drawn:
        return [tag("p", "Nothing has been logged yet.", class_="aside")]
    note = "Faint: as logged. Strong: the mean of a fortieth of the run, whose last value stands beside the name."
    return [tag("div", *drawn, class_="charts"), tag("p", note, class_="aside")]


def _metrics(found):
    if not found.evaluation:
        if found.config.model == "unet":
            return ["A translation is judged by its error on held-out inputs, among the curves."]
        return [tag("p", "Not measured yet: ", tag("code", f"minigan evaluate {_path(found)}"), class_="aside")]
    step, seed = (found.evaluation.get(key) for key in ("step", "seed"))
    newer = "" if step == found.step else f" at step {step}, before training went on"
    note = f"Measured{newer} with seed {seed}. {measured.EXPLAINED}"
    return [measured.table(found.evaluation["metrics"]), tag("p", note, class_="aside")]


def _diagnosis(found):
    if not found.findings:
        examined = found.config.model not in ("unet", "vae")
        none = "Nothing that usually goes wrong was found." if examined else "There is one for GANs from noise alone."
        return [tag("p", none, class_="aside")]
    rows = [_finding(finding) for finding in found.findings[:FINDINGS]]
    more = len(found.findings) - FINDINGS
    return [*rows, tag("p", f"The first {FINDINGS} of {FINDINGS + more} findings.", class_="aside") if more > 0 else ""]


def _finding(finding):
    name, step, evidence, remedy = (finding.get(key, "") for key in ("name", "step", "evidence", "remedy"))
    return tag(
        "article", tag("h3", _sentence(name).removesuffix("."), tag("span", f"step {step}")),
        tag("p", _sentence(evidence)), tag("p", _sentence(remedy), class_="remedy"), class_="finding",
    )  # fmt: skip


def _sentence(text):
    return f"{text[:1].upper()}{text[1:]}." if isinstance(text, str) else str(text)


def _once_more(found):
    name, _ = facts.base(found.preset)
    parts = [tag("pre", tag("code", facts.command(found.preset, found.config)))]
    if name != found.preset:
        parts.append(tag("p", f"{found.preset} is unknown here, so the command starts from {name}.", class_="aside"))
    if not found.finished:
        parts += [tag("p", "To go on:")]
        parts += [tag("pre", tag("code", f"minigan train --out {_path(found)} --resume"))]
    note = f"Seed {found.config.seed}. On an equal machine with these versions it is equal to the bit."
    parts += [tag("p", note, class_="aside")] if found.sessions else []
    return [*parts, *(_session(session) for session in found.sessions[-1:]), *_earlier(found.sessions)]


def _session(session):
    versions = session.get("versions")
    about = dict(versions) if isinstance(versions, dict) else {}
    about |= {"device": session.get("device", ""), "trained": session.get("started", "")}
    return definitions(about, "rows")


def _earlier(sessions):
    """What was different before a run was resumed."""
    for session in sessions[:-1]:
        step, versions, steps = (session.get(key) for key in ("step", "versions", "steps"))
        if versions != sessions[-1].get("versions"):
            yield tag("p", f"From step {step} on other versions trained it: see sessions.jsonl.", class_="aside")
        if steps != sessions[-1].get("steps"):
            yield tag("p", f"From step {step} on it was trained with steps={steps}, then for longer.", class_="aside")


def _settings(found):
    name, start = facts.base(found.preset)
    changed = facts.differences(found.config, start)
    rows = [_setting(field, value, changed.get(field)) for field, value in facts.settings(found.config).items()]
    note = f"Bold: not as in {name}, whose value stands before it." if changed else f"All as in {name}."
    return [tag("dl", *rows, class_="settings"), tag("p", note, class_="aside")]


def _setting(field, value, changed):
    if not changed:
        return tag("div", tag("dt", field), tag("dd", measured.shown(value)))
    preset = tag("s", measured.shown(changed[1]))
    return tag("div", tag("dt", field), tag("dd", preset, " ", tag("b", measured.shown(value))), class_="changed")


def _path(found):
    return shlex.quote(str(found.folder))
