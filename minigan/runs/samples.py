"""New samples from a run folder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import viz
from ..data.mixtures import POINTS
from ..random import Generator
from ..trainers import TRAINERS

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import NDArray, PathLike
    from .folder import Run

__all__ = ["draw", "save_picture"]


def draw(run: Run, n: int, seed: int = 0, label: int | None = None) -> NDArray[Any]:
    """Draw samples from the newest checkpoint of a run.

    Args:
        run: The run.
        n: The number of samples.
        seed: The seed of the noise.
        label: The class to draw, for a conditional generator; None draws each class as often as it occurs in the data.

    Returns:
        Images (n, H, W, C) in [-1, 1] or points (n, 2), float32.

    Raises:
        RunError: If the run has no checkpoint.
        ValueError: If there is no such class.
    """
    _, config = run.read_config()
    return TRAINERS[config.model].samples(config, *run.load_checkpoint(), n, Generator(seed), label)


def save_picture(path: PathLike, config: Config, samples: NDArray[Any]) -> None:
    """Write samples as a PNG: a square grid of images, or the points over as many real ones.

    Args:
        path: The file to write.
        config: The configuration of the run.
        samples: What `draw` returned.
    """
    if config.data in POINTS:
        real = POINTS[config.data]().sample(len(samples), Generator(config.seed))
        viz.plane(path, real, samples, title=f"{config.data}: {len(samples):,} samples")
    else:
        viz.save_grid(path, samples, columns=math.isqrt(len(samples) - 1) + 1)
