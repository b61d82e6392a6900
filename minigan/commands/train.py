"""`minigan train`: train a preset, or continue a run."""

import dataclasses
import sys
import time
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from ..presets import DEFAULT, PRESETS, Config, preset
from ..report import report
from ..runs import Busy, Run, RunError, Stopped, history
from ..runs import train as train_run
from ..scale import mpi
from ..trainers import describe, load_data
from .shared import OptionalPath, parse, parse_known, try_to_write

# Words that people try after `minigan train`, with the way to say it.
_HINTS = {
    "--epochs": "the length of a run is --steps, the number of generator updates",
    "--preset": "the preset is the first word, as in minigan train dcgan",
}


@dataclass(frozen=True)
class TrainOptions:
    """Train a GAN, an image-to-image translation or a VAE.

    The run folder gets report.html, config.json, metrics.jsonl, samples/*.png, checkpoints, pictures/curves.png and
    pictures/training.gif.

    While it trains, D is the critic's loss, G the generator's loss, and P the penalty that is added to the critic's.
    """

    preset: Annotated[Positional[str], arg(metavar="[PRESET]")] = DEFAULT
    """Preset to train, see `minigan presets`. It sets the defaults of the options below."""
    out: OptionalPath = None
    """Run folder; by default the first of runs/PRESET-001, runs/PRESET-002, ... that does not exist."""
    resume: FlagCreatePairsOff[bool] = False
    """Continue the run in --out from its newest undamaged checkpoint; a larger --steps makes it longer."""
    config: OmitArgPrefixes[Config] = dataclasses.field(default_factory=lambda: PRESETS[DEFAULT].config)


def main(arguments: list[str]) -> int:
    """Run the command; in processes that mpiexec started, the first one runs it and the others follow."""
    return mpi.together(_train)(arguments)


def options(arguments: list[str]) -> TrainOptions:
    """Parse the arguments; the defaults come from the named preset, or from the run to resume.

    Raises:
        ValueError: If the preset is unknown or not that of the resumed run, if two presets are given, or `--resume`
            without `--out`.
        RunError: If a setting was changed that must stay the same when a run is continued.
    """
    words = [word for word in arguments if word not in ("-h", "--help")]
    parsed, unknown = parse_known(TrainOptions, "train", words)
    if unknown:
        _refuse(parsed.preset, unknown[0])
        parse(TrainOptions, "train", words)  # exits, and suggests options with similar names
    if parsed.resume:
        if parsed.out is None:
            raise ValueError("--resume needs --out, the folder of the run to continue")
        name, config = Run.open(parsed.out).read_config()
        again = parse(TrainOptions, "train", arguments, TrainOptions(name, config=config))
        if again.preset != name:
            raise ValueError(f"--resume goes on with the run as it was, from the preset {name!r}, not {again.preset!r}")
        Run.open(parsed.out).refuse(again.config)  # before any data are read
        return again
    return parse(TrainOptions, "train", arguments, TrainOptions(parsed.preset, config=preset(parsed.preset)))


def _refuse(preset, word):
    """Raise a ValueError about a word that is not understood, if a sentence can say what was meant."""
    option = word.partition("=")[0]
    if option in _HINTS:
        raise ValueError(f"there is no option {option}: {_HINTS[option]}")
    if not word.startswith("-"):
        raise ValueError(f"train takes one preset, got {preset!r} and {word!r}")


def _train(arguments, team):
    asked = options(arguments)
    config = asked.config
    dataset = load_data(config)
    trainer = team.trainer(config, dataset)  # before anything is written: it refuses contradictory settings
    if asked.resume and asked.out:
        run = Run.open(asked.out)
    else:
        run = Run.create(asked.out or Run.next_free("runs", asked.preset), asked.preset, config)
    print(
        f"{asked.preset}: {config.steps} steps on {describe(config, dataset)}"
        f"{'' if trainer.device == 'cpu' else ', on the GPU'}, into {run.folder}",
        file=sys.stderr,
    )
    started, logged = time.perf_counter(), run.seconds()
    try:
        picture = train_run(trainer, run, resume=asked.resume)
    except Busy:
        raise  # another process trains this run and will write its report
    except Stopped as stop:
        try_to_write(report, run)
        again = f"minigan train --out {run.folder} --resume"
        print(f"\nstopped and saved at step {trainer.step_count}; go on with: {again}", file=sys.stderr)
        return 128 + stop.signum
    except RunError:
        try_to_write(report, run)
        raise
    history(run)
    try_to_write(report, run)
    done = f"trained in {time.perf_counter() - started:.0f} s"
    if asked.resume and run.seconds() == logged:
        done = f"already finished at step {trainer.step_count}; a larger --steps makes it longer"
    print(
        f"{done}: {run.folder / 'report.html'}\ndraw more with: minigan sample {run.folder} --n 100 --out samples.png",
        file=sys.stderr,
    )
    print(picture)
    return 0
