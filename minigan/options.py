"""The options of the commands, as `minigan COMMAND --help` explains them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from .presets import DEFAULT, PRESETS, Config


@dataclass(frozen=True)
class TrainOptions:
    """Train a GAN.

    The run folder gets report.html, config.json, metrics.jsonl, samples/*.png, checkpoints, pictures/curves.png and
    pictures/training.gif.
    """

    preset: Annotated[Positional[str], arg(metavar="PRESET")] = DEFAULT
    """What to train; `minigan presets` lists them.  The options below start from its values."""
    out: Path | None = None
    """The run folder; by default the next free runs/PRESET-NNN."""
    resume: FlagCreatePairsOff[bool] = False
    """Go on with the run in --out, from its newest whole checkpoint; with more --steps, for longer."""
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
class ExportOptions:
    """Write the generator of a run's newest checkpoint for other libraries.

    A .safetensors file gets its weights in the names and the layout of PyTorch; an .onnx file a graph that takes noise
    "z" (N, latent), and of a conditional generator "labels" (N,), and gives "samples", images as (N, H, W, C).
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""
    out: Path
    """Where to write: FILE.safetensors or FILE.onnx."""
    to: Literal["torch", "onnx"] | None = None
    """Which of both; by default as FILE is called."""


@dataclass(frozen=True)
class ReportOptions:
    """Write RUN/report.html anew, and print its path.

    One page that needs no other file and no network: samples over time, curves, metrics with their floors, diagnosis,
    settings, versions, and the command that trains the same run again.  Training and `minigan evaluate` write it too.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder."""


@dataclass(frozen=True)
class CompareOptions:
    """Put several runs on one page: samples, the settings in which they differ, metrics, curves over each other."""

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")]
    """The run folders, two or more."""
    out: Path = Path("compare.html")
    """Where to write: FILE.html."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure what a run's newest checkpoint draws: every metric with its standard error and its floor.

    The numbers go into RUN/evaluation.json and RUN/report.html too.

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
class SweepOptions:
    """Train every run of a grid, several at a time, judge them, and print one table.

    FILE is TOML: presets, seeds, and under [settings] one value or a list of values of any option of `minigan train`.
    Stopped, it goes on when it is called again.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """What to run; docs/scale.md shows one."""
    out: Path | None = None
    """The folder of the results, by default runs/sweep-NAME for NAME.toml."""
    processes: int | None = None
    """How many at a time; by default as many as there are cores."""
    slurm: FlagCreatePairsOff[bool] = False
    """Submit the runs to Slurm, as [slurm] in the file says, instead of running them here."""


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


@dataclass(frozen=True)
class DownloadOptions:
    """Fetch data sets that do not come with minigan, and print their folders.

    They go to $MINIGAN_DATA/NAME, or to the platform's cache folder, and are verified by their sha256.
    """

    names: Annotated[Positional[tuple[str, ...]], arg(metavar="NAME...")]
    """mnist (12 MB), fashion-mnist (31 MB), kmnist (21 MB) or cifar-10 (170 MB)."""
