"""The gallery: train every preset from the command line, and write docs/gallery.md with a picture of each.

    python docs/scripts/gallery.py

This takes about forty minutes on two cores.  If it is stopped, call it again: it continues, and trains no preset twice.
With `--presets`, `--steps`, `--runs` and `--docs` it can be tried on a small scale.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import tyro
from PIL import Image

from minigan import viz
from minigan.presets import PRESETS
from minigan.runs import Run, RunError

STEPS = {
    "lsgan-gp-16": 1000, "dcgan-28-wgan-gp": 150, "wgan": 150, "dcgan": 400, "dcgan-bn": 400, "dcgan-conditional": 350,
    "sngan": 350, "sngan-conditional": 350, "dense-128": 10_000, "dense-conditional": 10_000, "dense-1024": 2000,
    "r3gan-small": 1000, "toy-grid": 4000,
}  # fmt: skip
"""Fewer steps for the presets that would take more than two or three minutes."""

IN_FULL = "digits"  # the preset for which every kind of picture is shown
KINDS = {
    "training.gif": "Samples during training, always from the same noise, with one class in each column.",
    "curves.png": "Losses, and the norms of both gradients.",
    "interpolation.png": "Interpolation between latent points along the sphere, with one class in each row.",
    "neighbours.png": "Samples, each beside the training images nearest to it.",
}
COLORS = 256  # of a picture with text: half the bytes, without a visible difference


def main(
    docs: Path = Path("docs"),
    runs: Path = Path("runs/gallery"),
    presets: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAMES")] = tuple(PRESETS),
    steps: int | None = None,
):
    """Train the presets, draw their pictures, and write DOCS/gallery.md and DOCS/gallery/*.

    Sections of presets that are not trained stay as they are on the page.

    Args:
        docs: Folder of the page and its pictures.
        runs: Folder of the runs, which are continued if they are there.
        presets: Names of the presets to train.
        steps: Number of steps for every preset, instead of the table's.
    """
    folder = docs / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    page = docs / "gallery.md"
    sections = sections_of(page.read_text()) if page.exists() else {}
    for name in presets:
        run = trained(name, runs / name, steps or STEPS.get(name, PRESETS[name].config.steps))
        shrink(sorted(run.samples.iterdir())[-1], folder / f"{name}.png")
        sections[name] = section(name, run)
        if name == IN_FULL:
            sections[name] += "\n\n" + every_kind(run, folder)
    page.write_text("\n\n".join([introduction(), *(sections[name] for name in PRESETS if name in sections)]) + "\n")
    print(f"{docs}: {sum(f.stat().st_size for f in docs.rglob('*') if f.is_file()) / 1e6:.2f} MB", file=sys.stderr)


def sections_of(page):
    """Return {preset: its section of the page}."""
    _, *sections = page.rstrip("\n").split("\n\n## ")
    return {section.partition("\n")[0]: f"## {section}" for section in sections}


def trained(name, folder, steps):
    """Return the run in `folder`, trained to `steps` and with all its pictures."""
    run, reached = Run(folder), step_of(Run(folder))
    if not reached:
        if run.config_file.exists():  # it stopped before its first checkpoint
            shutil.rmtree(folder)
        minigan("train", name, "--steps", steps, "--out", folder)
    elif (found := run.read_config()[1].steps) != steps:
        raise SystemExit(f"{folder} holds a run of {found} steps, not {steps}: remove it, or give another --runs")
    elif reached < steps:
        minigan("train", "--out", folder, "--resume")
    minigan("pictures", folder)
    return run


def step_of(run):
    """Return the step of the newest checkpoint; 0 if there is none."""
    try:
        return run.load_checkpoint()[1]["step"]
    except RunError:
        return 0


def minigan(*arguments):
    """Run the command line as a user would, except that a warning is an error."""
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    subprocess.run([sys.executable, *strict, "-m", "minigan", *map(str, arguments)], check=True)


def shrink(source, target):
    """Write a picture at half its side: samples then have their own pixels, and text is still legible."""
    with Image.open(source) as picture:
        page = picture.mode == "RGBA"
        small = picture.convert("RGB" if page else picture.mode).reduce(2)
    (small.quantize(COLORS, dither=Image.Dither.NONE) if page else small).save(target, "PNG", optimize=True)


def introduction():
    """Return the page's opening, with the machine and the versions of this run."""
    return f"""# Gallery

Every preset, trained from the command line on {os.cpu_count()} cores with Python {platform.python_version()} and
NumPy {np.__version__}, with seed 0. Each picture is the last of its run, not a selection. Presets that take long are
trained for fewer steps, and their schedules are shortened to that number. `minigan pictures RUN` draws every kind of
picture of a run, as shown for `{IN_FULL}`.

    python docs/scripts/gallery.py"""


def section(name, run):
    """Return a preset's section: source, command, steps, seconds, findings of the diagnosis, and the picture."""
    entry, steps = PRESETS[name], run.read_config()[1].steps
    full = steps == entry.config.steps
    done = f"{steps:,} steps" if full else f"{steps:,} of its {entry.config.steps:,} steps"
    lines = [f"{entry.about[0].upper()}{entry.about[1:]} ({entry.source}). {done}, {run.seconds():,.0f} seconds."]
    lines += [f"Finding at step {f['step']:,}: {f['name']}; {f['evidence']}." for f in findings(run)]
    command = f"minigan train {name}" + ("" if full else f" --steps {steps}")
    return f"## {name}\n\n" + "\n".join(lines) + f"\n\n    {command}\n\n![{name}](gallery/{name}.png)"


def every_kind(run, folder):
    """Return the part of the page with every picture that `minigan pictures` draws of a run."""
    parts = []
    for kind, about in KINDS.items():
        (shrink_gif if kind.endswith(".gif") else shrink)(run.pictures / kind, folder / f"{IN_FULL}-{kind}")
        parts.append(f"{about}\n\n![{about}](gallery/{IN_FULL}-{kind})")
    return "\n\n".join(parts)


def shrink_gif(source, target):
    """Make the same animation from the pictures at half their side."""
    with TemporaryDirectory() as small:
        for picture in (source.parent.parent / "samples").iterdir():
            shrink(picture, Path(small) / picture.name)
        viz.training_gif(target, small)


def findings(run):
    """Return the findings of a run's diagnosis, in the order of the log."""
    lines = run.findings_file.read_text().splitlines() if run.findings_file.exists() else []
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    tyro.cli(main)
