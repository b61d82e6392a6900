"""The command line: `minigan train`, `minigan sample`, `minigan pictures`, `minigan presets`, `minigan evaluate`,
`minigan protocol`, `minigan bench`, `minigan verify`, `minigan download`, `minigan report`, `minigan compare`,
`minigan export`, `minigan sweep`."""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tyro

from . import __version__, interchange, verify
from .backend import DeviceError
from .data import download
from .files import replacing, write_json
from .options import (
    CompareOptions,
    DownloadOptions,
    EvaluateOptions,
    ExportOptions,
    PicturesOptions,
    ProtocolOptions,
    ReportOptions,
    SampleOptions,
    SweepOptions,
    TrainOptions,
    VerifyOptions,
)
from .presets import DEFAULT, PRESETS, preset
from .protocols import command
from .report import compare
from .report import report as write_report
from .runs import Busy, Run, RunError, Stopped, draw, evaluate, gallery, history, save_picture, train
from .runs.evaluation import keep
from .scale import grid, mpi, results, sweep
from .trainers import describe, load_data

USAGE = f"""minigan {__version__}: GANs from nothing but arrays

  minigan train [PRESET] [OPTIONS]      train; without a preset, {DEFAULT!r} on digits that ship with the package
  minigan sample RUN --n N --out FILE   draw images or points from a run, as .npy or .png
  minigan pictures RUN                  draw what a run has learned, and how, into RUN/pictures
  minigan report RUN                    all about a run on one page, RUN/report.html
  minigan compare RUN RUN...            several runs on one page
  minigan export RUN --out FILE         the generator of a run for PyTorch (.safetensors) or as ONNX (.onnx)
  minigan presets                       what can be trained
  minigan evaluate RUN                  what a run is worth: metrics with their floors
  minigan sweep FILE                    presets x settings x seeds, side by side, with one table and one figure
  minigan protocol NAME                 a published protocol, all seeds, beside the published numbers
  minigan verify [CHAPTER...]           every claim of the tutorials, computed anew
  minigan download NAME...              fetch mnist, fashion-mnist, kmnist or cifar-10, verified
  minigan bench                         this machine's minigan beside the libraries installed on it

minigan COMMAND --help lists the options."""


def main(arguments=None):
    """Run one command.  Returns the exit status; what a user can mend is one sentence on stderr and status 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    commands = {
        "train": mpi.together(_train), "sample": _sample, "presets": _presets, "evaluate": _evaluate,
        "protocol": _protocol, "bench": _bench, "verify": _verify, "pictures": _pictures, "download": _download,
        "report": _report, "compare": _compare, "sweep": _sweep, "export": _export,
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
        print(f"minigan: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nminigan: interrupted", file=sys.stderr)
        return 130


def _sentence(error):
    """An error in words: of one about a file its name and the reason, without a number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _train(arguments, team):
    options = _parse_train(arguments)
    config = options.config
    dataset = load_data(config)
    trainer = team.trainer(config, dataset)  # before anything is written: it refuses settings that do not go together
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
    except Busy:
        raise  # the run is another process's to report on
    except Stopped as stop:
        _try(write_report, run)
        again = f"minigan train --out {run.folder} --resume"
        print(f"\nstopped and saved at step {trainer.step_count}; go on with: {again}", file=sys.stderr)
        return 128 + stop.signum
    except RunError:
        _try(write_report, run)
        raise
    history(run)
    _try(write_report, run)
    print(
        f"trained in {time.perf_counter() - started:.0f} s: {run.folder / 'report.html'}\n"
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
        if again.preset != name:
            raise ValueError(f"--resume goes on with the run as it was, from the preset {name!r}, not {again.preset!r}")
        Run.open(parsed.out).refuse(again.config)  # before any data are read
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


def _export(arguments):
    options = _parse(ExportOptions, "export", arguments)
    endings = {"torch": ".safetensors", "onnx": ".onnx"}
    to = options.to or next((to for to, ending in endings.items() if ending == options.out.suffix), None)
    if endings.get(to) != options.out.suffix:
        raise ValueError(f"--out must end in {endings.get(to, '.safetensors or .onnx')}, got {options.out}")
    try:
        save = (interchange.layout if to == "torch" else interchange.onnx).save
    except ImportError as error:
        raise RunError(str(error)) from error
    save(options.out, *interchange.runs.generator(Run.open(options.run)))
    print(options.out)
    return 0


def _report(arguments):
    print(write_report(Run.open(_parse(ReportOptions, "report", arguments).run)))
    return 0


def _try(write, run, *more):
    """Write what only describes a run; where that cannot be done, the run has not failed."""
    try:
        write(run, *more)
    except (Exception, KeyboardInterrupt) as error:
        print(f"minigan: nothing written about {run.folder}: {error}", file=sys.stderr)


def _compare(arguments):
    options = _parse(CompareOptions, "compare", arguments)
    compare([Run.open(folder) for folder in options.runs], options.out)
    print(options.out)
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
    run = Run.open(options.run)
    found = evaluate(run, options.n, options.seed)
    print(*results.measurements(found), sep="\n")
    _try(keep, run, found, options.seed)
    _try(write_report, run)
    if options.out is not None:
        write_json(options.out, {name: dataclasses.asdict(measured) for name, measured in found.items()})
    return 0


def _protocol(arguments):
    options = _parse(ProtocolOptions, "protocol", arguments)
    return command.main(**vars(options))


def _sweep(arguments):
    options = _parse(SweepOptions, "sweep", arguments)
    asked = grid.read(options.file)
    out = options.out or Path("runs") / f"sweep-{asked.name}"
    try:
        lines = sweep.run(asked, out, processes=options.processes, slurm=options.slurm)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with what is not finished", file=sys.stderr)
        return 130
    print(*lines, f"written: {out}", sep="\n")
    return 0


def _bench(arguments):
    try:
        from benchmarks import command as bench
    except ImportError as error:
        raise ValueError(
            "the benchmarks are not installed with the package: run `python -m benchmarks` in a clone"
        ) from error
    return bench.main(_parse(bench.Options, "bench", arguments))


def _download(arguments):
    names = _parse(DownloadOptions, "download", arguments).names
    if not names:
        raise ValueError("download: give at least one NAME; minigan download --help lists them")
    for name in names:
        print(download(name))
    return 0


def _verify(arguments):
    options = _parse(VerifyOptions, "verify", arguments)
    return verify.main(options.chapters, options.folder, options.json)


if __name__ == "__main__":
    sys.exit(main())
