"""The command line: `minigan train`, `minigan sample`, `minigan pictures`, `minigan presets`, `minigan evaluate`,
`minigan protocol`, `minigan bench`, `minigan verify`."""

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from . import __version__, verify
from .backend import DeviceError
from .bench import command as bench
from .experiment import (
    DEFAULT,
    PRESETS,
    Config,
    Run,
    RunError,
    describe,
    draw,
    gallery,
    history,
    load_data,
    preset,
    save_picture,
    train,
    trainer_for,
)
from .experiment.evaluate import evaluate
from .files import replacing, write_json
from .protocols import command, report

USAGE = f"""minigan {__version__}: GANs from nothing but arrays

  minigan train [PRESET] [OPTIONS]      train; without a preset, {DEFAULT!r} on digits that ship with the package
  minigan sample RUN --n N --out FILE   draw images or points from a run, as .npy or .png
  minigan pictures RUN                  draw what a run has learned, and how, into RUN/pictures
  minigan presets                       what can be trained
  minigan evaluate RUN                  what a run is worth: metrics with their floors
  minigan protocol NAME                 a published protocol, all seeds, beside the published numbers
  minigan verify [CHAPTER...]           every claim of the tutorials, computed anew
  minigan bench                         this machine's minigan beside the libraries installed on it

minigan COMMAND --help lists the options."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a GAN.

    The run folder gets config.json, metrics.jsonl, samples/*.png, checkpoints/*.safetensors, pictures/curves.png and
    pictures/training.gif.
    """

    preset: Annotated[Positional[str], arg(metavar="PRESET")] = DEFAULT
    """What to train; `minigan presets` lists them.  The options below start from its values."""
    out: Path | None = None
    """The run folder; by default the next free runs/PRESET-NNN."""
    resume: FlagCreatePairsOff[bool] = False
    """Go on with the run in --out, from its newest checkpoint."""
    config: OmitArgPrefixes[Config] = dataclasses.field(default_factory=lambda: PRESETS[DEFAULT].config)


@dataclass(frozen=True)
class SampleOptions:
    """Draw from the newest checkpoint of a run.

    A .npy file gets float32: images (N, H, W, C) in the data's range, [-1, 1], where -1 is background and 1 is ink, or
    points (N, 2) in the units in which the data are published.  A .png file gets a grid, or the points beside the data.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""
    out: Path
    """Where to write: FILE.npy or FILE.png."""
    n: int = 100
    """How many."""
    seed: int = 0
    """Of the noise; the same seed draws the same samples."""
    label: int | None = None
    """The class to draw, for a conditional generator; by default all, at random."""


@dataclass(frozen=True)
class PicturesOptions:
    """Draw a run into its folder `pictures`, and print the paths.

    Of every run the curves, and the training as an animation.  From the newest checkpoint: of images a grid of samples,
    an interpolation, and samples beside the training images nearest to them; of points the samples over the critic's
    surface; of a translation held-out inputs beside their translations.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure what a run's newest checkpoint draws: every metric with its standard error and its floor.

    The floor is what real data, or a perfect sampler, scores under the same protocol, with its 5 % and 95 % quantiles.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""
    n: int | None = None
    """How many samples to judge; by default 2,500 points, 10,000 images or 26,000 stacked digits."""
    seed: int = 0
    """Of the noise, and of everything that the metrics draw."""
    out: Path | None = None
    """Also write the numbers to this JSON file."""


@dataclass(frozen=True)
class ProtocolOptions:
    """Run a published evaluation protocol, all seeds in processes of their own, and print its table.

    Stopped, it goes on when it is called again: what is finished is kept in --out and not computed twice.
    """

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """dirac, ring, grid, same-harness, official-toys, digits, mnist or stacked-mnist."""
    out: Path | None = None
    """The folder of the results, runs/protocol-NAME by default; for dirac a JSON file, none by default."""
    processes: int | None = None
    """How many at a time; by default as many as there are cores."""
    seeds: tuple[int, ...] | None = None
    """Instead of the protocol's."""
    steps: int | None = None
    """Generator updates, instead of the protocol's: a rehearsal, and the table says so."""


@dataclass(frozen=True)
class VerifyOptions:
    """Run the tutorials and compute both sides of every claim, and its wrong variants, which must differ.

    Prints each claim's number, distance and tolerance; the exit status is 1 if anything does not hold.
    """

    chapters: Annotated[Positional[tuple[str, ...]], arg(metavar="CHAPTER")] = ()
    """Which, such as 4 or errata; by default all."""
    folder: Path | None = None
    """Where they are; by default ./tutorials, or the clone that minigan runs from."""
    json: FlagCreatePairsOff[bool] = False
    """Print all as JSON."""


def main(arguments=None):
    """Run one command.  Returns the exit status; what a user can mend is one sentence on stderr and status 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    commands = {
        "train": _train, "sample": _sample, "presets": _presets, "evaluate": _evaluate, "protocol": _protocol,
        "bench": _bench, "verify": _verify, "pictures": _pictures,
    }  # fmt: skip
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
    except (ValueError, RunError, OSError, DeviceError) as error:
        print(f"minigan: {error}", file=sys.stderr)
        return 2


def _train(arguments):
    options = _parse_train(arguments)
    config = options.config
    dataset = load_data(config)
    trainer = trainer_for(config, dataset)  # before anything is written: it refuses settings that do not go together
    if options.resume:
        run = Run.open(options.out)
    else:
        run = Run.create(options.out or Run.next_free("runs", options.preset), options.preset, config)
    print(
        f"{options.preset}: {config.steps} steps on {describe(config, dataset)}"
        f"{'' if trainer.device == 'cpu' else ', on the GPU'}, into {run.folder}",
        file=sys.stderr,
    )
    started = time.perf_counter()
    try:
        picture = train(trainer, run, resume=options.resume)
    except KeyboardInterrupt:
        print(f"\nstopped and saved; go on with: minigan train --out {run.folder} --resume", file=sys.stderr)
        return 130
    history(run)
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
    run = Run.open(options.run)
    samples = draw(run, options.n, options.seed, options.label)
    if options.out.suffix == ".npy":
        with replacing(options.out) as file:
            np.save(file, samples, allow_pickle=False)
    else:
        save_picture(options.out, run.read_config()[1], samples)
    print(options.out)
    return 0


def _pictures(arguments):
    options = _parse(PicturesOptions, "pictures", arguments)
    print(*gallery(Run.open(options.run)), sep="\n")
    return 0


def _presets(arguments):
    if arguments:
        raise ValueError(f"presets takes no arguments, got {' '.join(arguments)}")
    for name, entry in PRESETS.items():
        print(f"{name:18} {entry.about} ({entry.source})")
    return 0


def _evaluate(arguments):
    options = _parse(EvaluateOptions, "evaluate", arguments)
    if options.n is not None and options.n < 1:
        raise ValueError(f"--n must be at least 1, got {options.n}")
    found = evaluate(Run.open(options.run), options.n, options.seed)
    print(*report.measurements(found), sep="\n")
    if options.out is not None:
        write_json(options.out, {name: dataclasses.asdict(measured) for name, measured in found.items()})
    return 0


def _protocol(arguments):
    options = _parse(ProtocolOptions, "protocol", arguments)
    return command.main(**vars(options))


def _bench(arguments):
    return bench.main(_parse(bench.Options, "bench", arguments))


def _verify(arguments):
    options = _parse(VerifyOptions, "verify", arguments)
    return verify.main(options.chapters, options.folder, options.json)


if __name__ == "__main__":
    sys.exit(main())
