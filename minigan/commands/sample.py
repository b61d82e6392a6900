"""`minigan sample`: draw samples from a run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import replacing
from ..runs import Run, draw, save_picture
from .shared import OptionalCount, RunFolder, parse


@dataclass(frozen=True)
class SampleOptions:
    """Draw samples from the newest checkpoint of a run.

    A .npy file gets float32: images (N, H, W, C) in [-1, 1], where -1 is background and 1 is ink, or points (N, 2) in
    the units in which the data are published. A .png file gets a grid of images, or the points beside the data.
    """

    run: RunFolder
    """The run folder."""
    out: Path
    """File to write: FILE.npy or FILE.png."""
    n: int = 100
    """Number of samples."""
    seed: int = 0
    """Seed of the noise; the same seed draws the same samples."""
    label: OptionalCount = None
    """Class to draw, for a conditional generator; by default random classes."""


def main(arguments: list[str]) -> int:
    """Run the command and print the path of the file."""
    options = parse(SampleOptions, "sample", arguments)
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
