"""Training in child processes that are killed, and going on each time, in a process of its own that may fork.

    python killed.py points FOLDER               SIGKILL before the first change of the disk, before the second, ...
    python killed.py moments FOLDER KILLS SEED   SIGKILL after random times, over as many runs as that takes

Every run that reaches its end is compared with one that was never killed.  Prints what happened as JSON.
"""

import dataclasses
import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from crashes import TINY, go, left

from minigan import data
from minigan.runs import loop

SHORT = dataclasses.replace(TINY, steps=2, keep_last=1)
LONG = dataclasses.replace(TINY, steps=40, keep_every=1)  # a checkpoint at every step
DIGITS = data.load("digits-8x8")


def forked(job):
    """The pid of a child that does `job()` and is gone."""
    if pid := os.fork():
        return pid
    job()
    os._exit(0)


def dying_at(point):
    """Let this process be killed before its change of the disk of that number.

    A killed process needs no fsync: what it wrote, others read.
    """
    count = itertools.count()

    def counted(call):
        def before(*arguments, **options):
            if next(count) == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return before

    for name in ("fsync", "replace", "unlink", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))


def nothing(descriptor):
    """In the place of fsync."""


def points(folder):
    """Once for every point at which a run of two steps can die.  Returns how many those are."""
    os.fsync = nothing
    go(folder / "whole", SHORT, DIGITS)
    for point in itertools.count():
        run = folder / f"killed-{point}"

        def job(run=run, point=point):
            dying_at(point)
            go(run, SHORT, DIGITS)

        _, status = os.waitpid(forked(job), 0)
        go(run, SHORT, DIGITS)
        assert left(run) == left(folder / "whole"), point
        if os.WIFEXITED(status):
            return {"points": point}


def moments(folder, kills, seed):
    """Returns how often it was killed, how often with a checkpoint half written, and how many runs that took."""
    rng, runs, halves = random.Random(seed), 0, 0
    go(folder / "whole", LONG, DIGITS)
    run, killed = folder / "run-0", 0
    while killed < kills:
        pid = forked(lambda run=run: go(run, LONG, DIGITS))
        time.sleep(rng.uniform(0.0, 0.4))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            halves += half_written(run / "checkpoints")
        else:
            compare(run, folder / "whole")
            runs += 1
            run = folder / f"run-{runs}"
    go(run, LONG, DIGITS)
    compare(run, folder / "whole")
    return {"killed": killed, "half written": halves, "runs": runs + 1}


def half_written(checkpoints):
    """Whether something is there that has not got its name yet, or a manifest without its checkpoint."""
    names = {path.name for path in checkpoints.glob("*")}
    return any(n.endswith(".tmp") or (n.endswith(".json") and f"{n[:-5]}.safetensors" not in names) for n in names)


def compare(run, whole):
    """Of the logs, no line may be missing or there twice; all else must be equal too."""
    assert left(run) == left(whole), run


if __name__ == "__main__":
    loop.PICTURES, loop.EXAMINATIONS = 1, 1
    mode, where, *numbers = sys.argv[1:]
    print(json.dumps({"points": points, "moments": moments}[mode](Path(where), *map(int, numbers))))
