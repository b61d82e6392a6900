"""The command line: `minigan train`, `minigan sample`, `minigan presets`, `minigan protocol`."""

import dataclasses
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from . import __version__, data, protocols, viz
from .experiment import DEFAULT, PRESETS, Config, Run, RunError, Trainer, draw, preset, train
from .files import replacing

USAGE = f"""minigan {__version__}: GANs from nothing but arrays

  minigan train [PRESET] [OPTIONS]      train; without a preset, {DEFAULT!r} on digits that ship with the package
  minigan sample RUN --n N --out FILE   draw images from a run, as .npy or .png
  minigan presets                       what can be trained
  minigan protocol NAME                 a published protocol, our numbers beside the expected ones

minigan COMMAND --help lists the options."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a GAN.  The run folder gets config.json, metrics.jsonl, samples/*.png and checkpoints/*.safetensors."""

    preset: Annotated[Positional[str], arg(metavar="PRESET")] = DEFAULT
    """What to train; `minigan presets` lists them.  The options below start from its values."""
    out: Path | None = None
    """The run folder; by default the next free runs/PRESET-NNN."""
    resume: FlagCreatePairsOff[bool] = False
    """Go on with the run in --out, from its newest checkpoint."""
    config: OmitArgPrefixes[Config] = dataclasses.field(default_factory=lambda: PRESETS[DEFAULT].config)


@dataclass(frozen=True)
class SampleOptions:
    """Draw images from the newest checkpoint of a run.

    A .npy file gets float32 (N, H, W, C) in the data's range, [-1, 1]: -1 is background, 1 is ink.
    A .png file gets a grid.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""
    out: Path
    """Where to write: FILE.npy or FILE.png."""
    n: int = 100
    """How many images."""
    seed: int = 0
    """Of the noise; the same seed draws the same images."""
    label: int | None = None
    """The class to draw, for a conditional generator; by default all, at random."""


@dataclass(frozen=True)
class ProtocolOptions:
    """Run a published evaluation protocol and print its numbers beside the expected ones.

    dirac: which methods converge on the Dirac-GAN (Mescheder et al. 2018), to all digits.
    """

    name: Positional[Literal["dirac"]]
    """Which protocol."""
    out: Path | None = None
    """Also write the rows as JSON."""


def main(arguments=None):
    """Run one command.  Returns the exit status; what a user can mend is one sentence on stderr and status 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    commands = {"train": _train, "sample": _sample, "presets": _presets, "protocol": _protocol}
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if arguments[0] in ("-V", "--version"):
        print(__version__)
        return 0
    try:
        command = commands.get(arguments[0])
        if command is None:
            raise ValueError(f"unknown command {arguments[0]!r}; there are {', '.join(commands)}")
        return command(arguments[1:])
    except (ValueError, RunError, OSError) as error:
        print(f"minigan: {error}", file=sys.stderr)
        return 2


def _train(arguments):
    options = _parse_train(arguments)
    config = options.config
    if config.device == "cuda":
        raise ValueError("device cuda: this version computes with NumPy only; give --device cpu or auto")
    dataset = data.load(config.data)
    if config.batch_size > len(dataset):
        raise ValueError(
            f"batch_size {config.batch_size} is larger than the data: {dataset.name} has {len(dataset)} images"
        )
    trainer = Trainer(config, dataset)  # before anything is written: it refuses settings that do not go together
    if options.resume:
        run = Run.open(options.out)
    else:
        run = Run.create(options.out or Run.next_free("runs", options.preset), options.preset, config)
    print(
        f"{options.preset}: {config.steps} steps on {len(dataset)} images of {dataset.name}, into {run.folder}",
        file=sys.stderr,
    )
    started = time.perf_counter()
    try:
        picture = train(trainer, run, resume=options.resume)
    except KeyboardInterrupt:
        print(f"\nstopped and saved; go on with: minigan train --out {run.folder} --resume", file=sys.stderr)
        return 130
    print(
        f"trained in {time.perf_counter() - started:.0f} s; "
        f"draw more with: minigan sample {run.folder} --n 100 --out samples.png",
        file=sys.stderr,
    )
    print(picture)
    return 0


def _parse_train(arguments):
    """The options, starting from the named preset, or from the run to resume."""
    parsed = _parse(TrainOptions, "train", [a for a in arguments if a not in ("-h", "--help")])
    if parsed.resume:
        if parsed.out is None:
            raise ValueError("--resume needs --out, the folder of the run to go on with")
        name, config = Run.open(parsed.out).read_config()
        again = _parse(TrainOptions, "train", arguments, TrainOptions(name, config=config))
        changed = [
            f.name for f in dataclasses.fields(Config) if getattr(again.config, f.name) != getattr(config, f.name)
        ]
        if changed or again.preset != name:
            raise ValueError(
                f"--resume goes on with the run as it was: {', '.join(changed or ['preset'])} cannot be changed"
            )
        return again
    return _parse(TrainOptions, "train", arguments, TrainOptions(parsed.preset, config=preset(parsed.preset)))


def _parse(options, name, arguments, default=None):
    given = {} if default is None else {"default": default}
    return tyro.cli(options, prog=f"minigan {name}", args=arguments, **given)


def _sample(arguments):
    options = _parse(SampleOptions, "sample", arguments)
    if options.n < 1:
        raise ValueError(f"--n must be at least 1, got {options.n}")
    if options.out.suffix not in (".npy", ".png"):
        raise ValueError(f"--out must end in .npy or .png, got {options.out}")
    if not options.out.parent.is_dir():
        raise ValueError(f"--out {options.out}: there is no folder {options.out.parent}")
    images = draw(Run.open(options.run), options.n, options.seed, options.label)
    if options.out.suffix == ".npy":
        with replacing(options.out) as file:
            np.save(file, images, allow_pickle=False)
    else:
        viz.save_grid(options.out, images, columns=math.isqrt(options.n - 1) + 1)
    print(options.out)
    return 0


def _presets(arguments):
    if arguments:
        raise ValueError(f"presets takes no arguments, got {' '.join(arguments)}")
    for name, entry in PRESETS.items():
        print(f"{name:18} {entry.about}")
    return 0


def _protocol(arguments):
    options = _parse(ProtocolOptions, "protocol", arguments)
    rows = protocols.BY_NAME[options.name]()
    for line in _table(rows):
        print(line)
    if options.out is not None:
        with replacing(options.out) as file:
            file.write(json.dumps(rows, indent=2).encode())
    return 0


def _table(rows):
    """Rows, dicts with the same keys, as aligned lines of text."""
    cells = [list(rows[0])] + [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


if __name__ == "__main__":
    sys.exit(main())
