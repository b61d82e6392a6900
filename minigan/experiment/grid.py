"""The file that describes a sweep: which presets, with which settings, how often.

    presets = ["dense-128", "dcgan"]     names out of `minigan presets`
    seeds = [0, 1, 2]
    samples = 2000                       how many to judge in each run; by default as `minigan evaluate`, 0 is none

    [settings]                           of `minigan train`: one value for all, or a list of those to try
    steps = 3000
    generator_lr = [1e-4, 2e-4]

    [slurm]                              for --slurm: what submitit's AutoExecutor takes
    slurm_partition = "cpu"
    timeout_min = 240

Everything in it is checked before anything is run, and a wrong word is answered with the one that was probably meant.
"""

import dataclasses
import itertools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from ..suggest import nearest
from .config import Config
from .presets import preset

KEYS = {"presets": list, "seeds": list, "samples": int, "settings": dict, "slurm": dict}
EXAMPLES = {"presets": '["dense-128"]', "seeds": "[0, 1, 2]"}  # of what must be given
_SPOKEN = {list: "a list", dict: "a table", int: "an integer", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Grid:
    """What a file asks for.  settings: {name: the values to try}; samples: None is as many as `evaluate` takes."""

    name: str
    presets: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: dict[str, list] = field(default_factory=dict)
    samples: int | None = None
    slurm: dict = field(default_factory=dict)

    def points(self):
        """A `Point` for every run, the seeds of one combination in a row.  ValueError for settings that do not fit."""
        return [
            self._point(name, dict(zip(self.settings, values, strict=True)), seed)
            for name in self.presets
            for values in itertools.product(*self.settings.values())
            for seed in self.seeds
        ]

    def _point(self, name, settings, seed):
        tried = [f"{key} {value}" for key, value in settings.items() if len(self.settings[key]) > 1]
        method = ", ".join([name, *tried])
        # As many processes as there are cores: a second thread of one would only be in the way of another.
        config = dataclasses.replace(preset(name), **{"threads": 1} | settings, seed=seed)
        try:
            config.check()
        except ValueError as error:
            raise ValueError(f"sweep {self.name}: {method}: {error}") from error
        return Point(method, name, settings, config)


@dataclass(frozen=True)
class Point:
    """One run of a grid.  method: the preset and what is tried, in words; settings: those that the file gives."""

    method: str
    preset: str
    settings: dict
    config: Config


def read(path):
    """The `Grid` that a TOML file describes.  ValueError, with the key and what was probably meant, if it does not."""
    path = Path(path)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    for key, value in found.items():
        _check(path, key, value, KEYS, "key")
    _check_list(path, found, "presets", str)
    _check_list(path, found, "seeds", int)
    for name in found["presets"]:
        preset(name)
    if found.get("samples", 0) < 0:
        raise ValueError(f"{path}: samples must be at least 0, got {found['samples']}")
    settings = {key: value if isinstance(value, list) else [value] for key, value in found.get("settings", {}).items()}
    _check_settings(path, settings)
    return Grid(path.stem, **found | {"settings": settings})


def _check_list(path, found, key, kind):
    """What must be given: each once, or two runs would share a folder."""
    values = found.get(key)
    if not values:
        raise ValueError(f"{path}: {key} is missing: a list, such as {key} = {EXAMPLES[key]}")
    for value in values:
        _check(path, key, value, {key: kind}, "key", "each of ")
        if values.count(value) > 1:
            raise ValueError(f"{path}: {key} has {value!r} twice")


def _check_settings(path, settings):
    kinds = get_type_hints(Config)
    for key, values in settings.items():
        if key in ("seed", "seeds", "preset", "presets"):
            raise ValueError(f"{path}: {key} under [settings]; {key.rstrip('s')}s stands above, as a list of its own")
        if not values:
            raise ValueError(f"{path}: {key} = [] leaves nothing to try")
        for value in values:
            _check(path, key, value, kinds, "setting")


def _check(path, key, value, kinds, what, each=""):
    if key not in kinds:
        hint = nearest(key, kinds) or f"; there are {', '.join(kinds)}"
        raise ValueError(f"{path}: unknown {what} {key!r}{hint}")
    kind = kinds[key]
    if get_origin(kind) is Literal:
        known = get_args(kind)
        if value not in known or type(value) is not type(known[0]):
            names = [str(name) for name in known]
            raise ValueError(
                f"{path}: {key} must be one of {', '.join(names)}, got {value!r}{nearest(str(value), names)}"
            )
    elif type(value) is not kind and not (kind is float and type(value) is int):
        raise ValueError(f"{path}: {each}{key} must be {_SPOKEN[kind]}, got {value!r}")
