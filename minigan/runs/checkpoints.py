"""Checkpoints of a run: each is a file `step-0000005.safetensors` and its manifest `step-0000005.json`.

The manifest holds the sha256 of the other file, and is the first of the two to appear in the folder. A process that
dies in between leaves a manifest without its file, and only the checkpoint that it was saving is lost. If the two do
not match in any other way, the checkpoint was damaged later.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import replacing, write_json
from .errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

    from ..types import Array, NDArray

__all__ = ["Checkpoints"]

_ABOUT = "minigan"  # the only entry of the metadata: several entries would be written in random order
_LONGEST = 1 << 12  # bytes of a manifest, at most


class Checkpoints:
    """Folder of the checkpoints of one run.

    Args:
        folder: The folder, which must exist before anything is saved.
    """

    folder: Path

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, arrays: dict[str, Array], about: dict[str, Any]) -> None:
        """Write a checkpoint, completely or not at all; it is on disk when this method returns.

        Args:
            step: The step of the training.
            arrays: Arrays by name.
            about: Anything else that JSON can hold.

        Raises:
            OSError: If the checkpoint cannot be written, for example because the disk is full.
        """
        arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}
        content = save(arrays, {_ABOUT: json.dumps(about)})
        path = self._path(step)
        with replacing(path) as file:
            file.write(content)
            file.flush()  # a full disk fails here, before there is a manifest
            write_json(self._manifest(step), {"sha256": {path.name: hashlib.sha256(content).hexdigest()}})

    def prune(self, keep_last: int, keep_every: int) -> None:
        """Remove all checkpoints except the newest `keep_last` and every `keep_every`-th step; 0 adds none."""
        steps = self.steps()
        kept = {*steps[-keep_last:], *(s for s in steps if keep_every and s % keep_every == 0)}
        for old in set(steps) - kept:
            self._remove(old)

    def newest(self, say: Callable[[str], object]) -> tuple[int, dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Read the newest undamaged checkpoint.

        Args:
            say: Called with a line about each damaged checkpoint that is newer than the one returned.

        Returns:
            Step, arrays by name, and `about` as it was saved; None if no checkpoint was finished yet.

        Raises:
            RunError: If all checkpoints are damaged.
        """
        damaged = []
        for step in reversed(self.steps()):
            try:
                found = self._read(step)
            except _Damaged as fault:
                damaged.append(f"{self._path(step)} {fault}")
                continue
            for line in damaged:
                say(f"{line}; going back to step {step}")
            return step, *found
        if not self.finished():
            return None
        raise RunError(f"no checkpoint is whole: {'; '.join(damaged)}")

    def discard(self, beyond: int) -> None:
        """Remove the checkpoints of steps after `beyond`, and unfinished files of a process that died."""
        for step in self.steps():
            if step > beyond:
                self._remove(step)
        for unfinished in self.folder.glob(".*.tmp"):
            unfinished.unlink()

    def finished(self) -> list[int]:
        """Return the steps of all complete checkpoints, in order."""
        return [step for step in self.steps() if self._path(step).exists()]

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints, complete or not, in order."""
        names = [re.fullmatch(r"step-(\d+)\.(safetensors|json)", path.name) for path in self.folder.glob("step-*")]
        return sorted({int(name[1]) for name in names if name})

    def _path(self, step):
        return self.folder / f"step-{step:07d}.safetensors"

    def _manifest(self, step):
        return self._path(step).with_suffix(".json")

    def _remove(self, step):
        """Remove a checkpoint, its manifest last, because without a manifest the other file would count as damaged."""
        self._path(step).unlink(missing_ok=True)
        self._manifest(step).unlink(missing_ok=True)

    def _read(self, step):
        path = self._path(step)
        try:
            promised = self._promised(step)
            with open(path, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != promised:
                    raise _Damaged(f"is damaged: its sha256 is not that in {self._manifest(step).name}")
            with safe_open(path, framework="numpy") as file:
                about = json.loads(file.metadata()[_ABOUT])
                return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118  (not a dict)
        except FileNotFoundError as error:
            raise _Damaged("is missing: it was removed, or saving it was cut short") from error
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _Damaged(f"is damaged: {error}") from error
        except OSError as error:
            if error.errno != errno.EIO:  # other errors may be temporary, and must not make a checkpoint be skipped
                raise
            raise _Damaged(f"is damaged: {error.strerror}") from error

    def _promised(self, step):
        manifest = self._manifest(step)
        try:
            with open(manifest, "rb") as file:
                return json.loads(file.read(_LONGEST))["sha256"][self._path(step).name]
        except FileNotFoundError as error:
            raise _Damaged(f"is damaged: its manifest {manifest.name} is missing") from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _Damaged(f"is damaged: {manifest.name} is no manifest of it") from error


class _Damaged(Exception):
    """A damaged checkpoint; the message continues a sentence that begins with its name."""
