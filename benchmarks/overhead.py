"""Overhead of a run: the fraction of its time that goes into logs, checkpoints, pictures and diagnosis.

    python benchmarks/overhead.py digits toy-ring --out benchmarks/results/overhead.json

Each preset is trained in full, as `minigan train` does, in a folder that is removed afterwards.
"""

import io
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from minigan import __version__
from minigan.files import write_json
from minigan.presets import preset
from minigan.report import report
from minigan.runs import Run, train
from minigan.trainers import load_data, trainer_for

WRITTEN = ("log", "note", "save_checkpoint")  # methods of a Run: files that must exist after a crash
SHOWN = ("picture", "diagnose")  # methods of a trainer: output for the user


def main(
    presets: Annotated[tuple[str, ...], tyro.conf.Positional] = ("digits",),
    out: Path | None = None,
):
    """Train PRESETS, print the fraction of time of each part, and with --out write them as JSON."""
    found = {name: shares(name) for name in presets}
    for name, parts in found.items():
        print(name, f"{parts['seconds']:.1f} s", *(f"{k} {v:.2%}" for k, v in parts["share"].items()), sep="   ")
    if out:
        machine = {"machine": platform.platform(), "python": platform.python_version(), "minigan": __version__}
        write_json(out, machine | {"presets": found})


def shares(name):
    """Return {"steps": of the preset, "seconds": of the whole run, "share": {part: fraction of the seconds}}."""
    config, spent = preset(name), Counter()
    with TemporaryDirectory() as folder:
        run, trainer = Run.create(Path(folder) / name, name, config), trainer_for(config, load_data(config))
        for owner, parts in ((run, WRITTEN), (trainer, (*SHOWN, "step"))):
            for part in parts:
                setattr(owner, part, timed(getattr(owner, part), part, spent))
        started = time.perf_counter()
        train(trainer, run, output=io.StringIO())
        timed(report, "report", spent)(run)
        seconds = time.perf_counter() - started
    share = {part: spent[part] / seconds for part in ("step", *WRITTEN, *SHOWN, "report")}
    share["logs and checkpoints"] = sum(share[part] for part in WRITTEN)
    return {"steps": config.steps, "seconds": round(seconds, 2), "share": share}


def timed(function, part, spent):
    """Return `function`, with the seconds of each call added to spent[part]."""

    def run(*given, **options):
        started = time.perf_counter()
        try:
            return function(*given, **options)
        finally:
            spent[part] += time.perf_counter() - started

    return run


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
