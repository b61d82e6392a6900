"""Evaluation protocols: everything that is decided before the first seed is run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from .. import __version__
from ..presets import Config
from ..presets.config import deciding

if TYPE_CHECKING:
    import numpy as np

    from ..metrics import Measurement
    from ..random import Generator

Draw: TypeAlias = "Callable[[int, Generator], np.ndarray]"
"""Function draw(n, rng) that returns n samples."""

Judged: TypeAlias = "tuple[dict[str, Measurement], np.ndarray]"
"""Metrics by name, and samples to keep."""


@dataclass(frozen=True)
class Published:
    """Row of a published table: the method, the source, and {metric: number}."""

    method: str
    source: str
    values: dict[str, float]


@dataclass(frozen=True)
class Target:
    """Range in which a metric must lie for every seed; one of the bounds may be infinite."""

    least: float = -math.inf
    most: float = math.inf

    def met(self, value: float) -> bool:
        """Return whether `value` lies in the range; NaN does not."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{self.least:g} to {self.most:g}"
        return " ".join(f"{sign} {x:g}" for sign, x in ((">=", self.least), ("<=", self.most)) if math.isfinite(x))


@dataclass(frozen=True)
class Protocol:
    """Evaluation in which everything is decided before it is run.

    The three functions must be defined at the top level of a module, since they are sent to other processes by name.

    Attributes:
        name: Name of the protocol.
        about: One line on the data and the metrics.
        source: The paper.
        seeds: The seeds to run.
        methods: {name: Config}, complete except for the seed.
        train: Function train(config) that returns a `Draw`; it may raise ValueError or ArithmeticError if training
            fails.
        judge: Function judge(draw, rng, **judging) that returns ({metric: Measurement}, samples to keep).
        shown: {metric: its title in the table}, in order.
        judging: Arguments of `judge`, numbers and names that JSON can hold. The results depend on them, so they belong
            to the protocol.
        published: Rows of published numbers, which the table shows beside ours.
        targets: {name of a group of targets: {metric: Target}}.
        picture: Function picture(path, samples, **judging) that draws a PNG of the samples to keep; None draws none.
    """

    name: str
    about: str
    source: str
    seeds: tuple[int, ...]
    methods: dict[str, Config]
    train: Callable[[Config], Draw]
    judge: Callable[..., Judged]
    shown: dict[str, str]
    judging: dict[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    targets: dict[str, dict[str, Target]] = field(default_factory=dict)
    picture: Callable[..., None] | None = None

    def jobs(self, seeds: Sequence[int] | None = None) -> list[tuple[str, Config]]:
        """Return every (method, Config with its seed); the seeds of one method follow one another.

        Args:
            seeds: The seeds to run; None takes the protocol's own.

        Raises:
            ValueError: If a seed is given twice.
        """
        seeds = self.seeds if seeds is None else seeds
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ from one another, got {', '.join(map(str, seeds))}")
        return [(name, dataclasses.replace(c, seed=seed)) for name, c in self.methods.items() for seed in seeds]

    def fingerprint(self, method: str, config: Config) -> str:
        """Return a hash of everything on which the result of a job depends."""
        decided = [
            __version__, self.name, method, deciding(config), self.judging,
            self.train.__qualname__, self.judge.__qualname__,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]

    def reached(self, what: str, record: dict[str, Any]) -> bool:
        """Return whether the record of a job meets every target in the group `what`; a failed job does not."""
        values = record.get("metrics", {})
        return bool(values) and all(t.met(float(values[metric]["value"])) for metric, t in self.targets[what].items())

    def scaled(self, steps: int | None) -> Protocol:
        """Return the same protocol with `steps` generator updates in every method; its title says so."""
        if steps is None:
            return self
        full = " or ".join(sorted({f"{config.steps:,}" for config in self.methods.values()}))
        methods = {name: dataclasses.replace(config, steps=steps) for name, config in self.methods.items()}
        return dataclasses.replace(self, methods=methods, about=f"{self.about}; SCALED to {steps:,} steps from {full}")
