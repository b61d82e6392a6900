"""What a protocol is: everything that is settled before the first seed is drawn."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import __version__
from ..presets import Config
from ..presets.config import deciding


@dataclass(frozen=True)
class Published:
    """A row of somebody's table: the method, where it is printed, and {metric: number}."""

    method: str
    source: str
    values: dict[str, float]


@dataclass(frozen=True)
class Target:
    """What every seed must reach: at least, at most, or both."""

    least: float = -math.inf
    most: float = math.inf

    def met(self, value):
        """Whether `value` lies inside; NaN does not."""
        return self.least <= value <= self.most

    def __str__(self):
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{self.least:g} to {self.most:g}"
        return " ".join(f"{sign} {x:g}" for sign, x in ((">=", self.least), ("<=", self.most)) if math.isfinite(x))


@dataclass(frozen=True)
class Protocol:
    """An evaluation that is settled before it is run.

    about, source: a line on the data and the judging, and the paper.
    methods: {name: Config}, complete but for the seed, which the harness sets.
    train(config) -> draw, draw(n, rng) -> n samples: may raise ValueError or ArithmeticError where training fails.
    judge(draw, rng, **judging) -> ({metric: Measurement}, samples to keep).
        Both are functions of a module, since they are sent to other processes by name.
    shown: {metric: its title in the table}, in order.
    judging: what `judge` is told, JSON-able numbers and names: it decides results, so it is a part of the protocol.
    published: rows that stand beside ours.  targets: {what they mean: {metric: Target}}.
    picture(path, samples, **judging): draws a PNG of what was kept.
    """

    name: str
    about: str
    source: str
    seeds: tuple[int, ...]
    methods: dict[str, Config]
    train: Callable
    judge: Callable
    shown: dict[str, str]
    judging: dict = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    targets: dict[str, dict[str, Target]] = field(default_factory=dict)
    picture: Callable | None = None

    def jobs(self, seeds=None):
        """Every (method, Config with its seed), the seeds of a method in a row; by default all of them.

        ValueError if a seed comes twice.
        """
        seeds = self.seeds if seeds is None else seeds
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ from one another, got {', '.join(map(str, seeds))}")
        return [(name, dataclasses.replace(c, seed=seed)) for name, c in self.methods.items() for seed in seeds]

    def fingerprint(self, method, config):
        """A hash of all that decides the result of a job."""
        decided = [
            __version__, self.name, method, deciding(config), self.judging,
            self.train.__qualname__, self.judge.__qualname__,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]

    def reached(self, what, record):
        """Whether the record of a job meets every target under that name; a failed one does not."""
        values = record.get("metrics", {})
        return bool(values) and all(t.met(float(values[metric]["value"])) for metric, t in self.targets[what].items())

    def scaled(self, steps):
        """The same protocol with `steps` generator updates in every method, which says so."""
        if steps is None:
            return self
        full = " or ".join(sorted({f"{config.steps:,}" for config in self.methods.values()}))
        methods = {name: dataclasses.replace(config, steps=steps) for name, config in self.methods.items()}
        return dataclasses.replace(self, methods=methods, about=f"{self.about}; SCALED to {steps:,} steps from {full}")
