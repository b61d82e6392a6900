"""The checkpoints of a run: each a file `step-0000005.safetensors`, and its manifest `step-0000005.json`.

The manifest holds the sha256 of the other file and takes its name first.  So a process that dies between the two leaves
a manifest alone, and nothing was lost but what it was saving; whatever else does not fit was damaged later.
"""

import errno
import hashlib
import json
import re

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import replacing, write_json
from .errors import RunError

_ABOUT = "minigan"  # the one entry of the metadata: the order of several would be random, and so the bytes
_LONGEST = 1 << 12  # bytes of a manifest: more is none


class Checkpoints:
    """The folder of the checkpoints of one run."""

    def __init__(self, folder):
        self.folder = folder

    def save(self, step, arrays, about):
        """Write {name: array} and the JSON-able `about`, complete or not at all, and on the disk when this returns."""
        arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}
        content = save(arrays, {_ABOUT: json.dumps(about)})
        path = self._path(step)
        with replacing(path) as file:
            file.write(content)
            file.flush()  # where the disk is full it fails here, before there is a manifest
            write_json(self._manifest(step), {"sha256": {path.name: hashlib.sha256(content).hexdigest()}})

    def prune(self, keep_last, keep_every):
        """Remove all but the newest `keep_last` and those of every `keep_every`-th step."""
        steps = self.steps()
        kept = {*steps[-keep_last:], *(s for s in steps if keep_every and s % keep_every == 0)}
        for old in set(steps) - kept:
            self._remove(old)

    def newest(self, say):
        """(step, {name: array}, what was saved as `about`) of the newest whole one; None if none was finished yet.

        say(line): told of each that is damaged and newer.  RunError, with all their names, if every one is damaged.
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

    def discard(self, beyond):
        """Remove all of later steps than `beyond`, and what a process that died had begun to write."""
        for step in self.steps():
            if step > beyond:
                self._remove(step)
        for unfinished in self.folder.glob(".*.tmp"):
            unfinished.unlink()

    def finished(self):
        """The steps of those that have been saved, in order."""
        return [step for step in self.steps() if self._path(step).exists()]

    def steps(self):
        """Of all that are there, finished or not, in order."""
        names = [re.fullmatch(r"step-(\d+)\.(safetensors|json)", path.name) for path in self.folder.glob("step-*")]
        return sorted({int(name[1]) for name in names if name})

    def _path(self, step):
        return self.folder / f"step-{step:07d}.safetensors"

    def _manifest(self, step):
        return self._path(step).with_suffix(".json")

    def _remove(self, step):
        """The manifest last: without it the other would look damaged."""
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
            if error.errno != errno.EIO:  # anything else may pass, and must not cost a checkpoint
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
    """What is wrong with a checkpoint: the sentence that begins with its name."""
