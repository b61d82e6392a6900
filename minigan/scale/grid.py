"""Sweep files: the presets, settings and seeds of a sweep.

    presets = ["dense-128", "dcgan"]     names from `minigan presets`
    seeds = [0, 1, 2]
    samples = 2000                       number to judge in each run; by default as in `minigan evaluate`; 0 judges none

    [settings]                           options of `minigan train`: one value, or a list of values to try
    steps = 3000
    generator_lr = [1e-4, 2e-4]

    [slurm]                              with --slurm: arguments of submitit's AutoExecutor
    slurm_partition = "cpu"
    timeout_min = 240

The whole file is checked before anything is run, and the error for a misspelt name suggests the nearest valid one.
"""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from ..presets import Config, preset
from ..suggest import nearest

if TYPE_CHECKING:
    from ..types import PathLike

KEYS = {"presets": list, "seeds": list, "samples": int, "settings": dict, "slurm": dict}
EXAMPLES = {"presets": '["dense-128"]', "seeds": "[0, 1, 2]"}  # of the keys that must be given
_SPOKEN = {list: "a list", dict: "a table", int: "an integer", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Grid:
    """The contents of a sweep file.

    Attributes:
        name: Name of the file without its ending.
        presets: Names of the presets to train.
        seeds: Seeds of the runs of each combination of preset and settings.
        settings: {name of an option: the values to try}.
        samples: Number of samples to judge in each run; None takes the default of `evaluate`.
        slurm: Arguments of submitit's AutoExecutor.
    """

    name: str
    presets: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: dict[str, list[Any]] = field(default_factory=dict)
    samples: int | None = None
    slurm: dict[str, Any] = field(default_factory=dict)

    def points(self) -> list[Point]:
        """Return a `Point` for every run; the seeds of one combination follow one another.

        Raises:
            ValueError: If settings are out of range or contradict each other.
        """
        return [
            self._point(name, dict(zip(self.settings, values, strict=True)), seed)
            for name in self.presets
            for values in itertools.product(*self.settings.values())
            for seed in self.seeds
        ]

    def _point(self, name: str, settings: dict[str, Any], seed: int) -> Point:
        tried = [f"{key} {value}" for key, value in settings.items() if len(self.settings[key]) > 1]
        method = ", ".join([name, *tried])
        # There are as many processes as cores, so a second thread in one would only slow down the others.
        config = dataclasses.replace(preset(name), **{"threads": 1} | settings, seed=seed)
        try:
            config.check()
        except ValueError as error:
            raise ValueError(f"sweep {self.name}: {method}: {error}") from error
        return Point(method, name, settings, config)


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        method: The preset and the values tried, in words.
        preset: Name of the preset.
        settings: The options that the file sets.
        config: The complete configuration.
    """

    method: str
    preset: str
    settings: dict[str, Any]
    config: Config


def read(path: PathLike) -> Grid:
    """Read a sweep file.

    Args:
        path: A TOML file.

    Raises:
        ValueError: If the file is not valid; the message names the wrong key and the nearest valid one.
    """
    path = Path(path)
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
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
    found["settings"] = settings
    return Grid(path.stem, **found)


def _check_list(path: Path, found: dict[str, Any], key: str, kind: type) -> None:
    """Check a list that must be given, and that no value is there twice: two runs would share a folder."""
    values = found.get(key)
    if not values:
        raise ValueError(f"{path}: {key} is missing: a list, such as {key} = {EXAMPLES[key]}")
    for value in values:
        _check(path, key, value, {key: kind}, "key", "each of ")
        if values.count(value) > 1:
            raise ValueError(f"{path}: {key} has {value!r} twice")


def _check_settings(path: Path, settings: dict[str, list[Any]]) -> None:
    kinds = get_type_hints(Config)
    for key, values in settings.items():
        if key in ("seed", "seeds", "preset", "presets"):
            raise ValueError(f"{path}: {key} under [settings]; {key.rstrip('s')}s stands above [settings], as a list")
        if not values:
            raise ValueError(f"{path}: {key} = [] leaves nothing to try")
        for value in values:
            _check(path, key, value, kinds, "setting")


def _check(path: Path, key: str, value: Any, kinds: dict[str, Any], what: str, each: str = "") -> None:
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
