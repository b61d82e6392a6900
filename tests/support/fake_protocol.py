"""A protocol that trains nothing, for the tests of the harness.  Its functions are sent to other processes by name."""

import dataclasses
import os
import signal
import time
from functools import partial

import numpy as np
from threadpoolctl import threadpool_info

from minigan.metrics import Measurement
from minigan.presets import Config
from minigan.scale.protocol import Protocol, Published, Target

DIVERGES, DIES, SLEEPS = 7, 9, 11


def train(config):
    if config.seed == DIVERGES:
        raise ArithmeticError("critic_loss became nan at step 3")
    if config.seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == SLEEPS:
        print("sleeping", flush=True)
        time.sleep(600)
    return partial(points, config)


def points(config, n, rng):
    return rng.normal((n, 2)) + np.float32(config.seed)


def judge(draw, rng, count):
    samples = draw(count, rng)
    threads = max([pool["num_threads"] for pool in threadpool_info()], default=1)
    numbers = {"level": samples.mean(), "threads": threads, "process": os.getpid(), "distance": np.inf}
    return {
        name: Measurement(name, float(x), 0.5, 0.1, count, "", (0.25, 0.75)) for name, x in numbers.items()
    }, samples


def picture(path, samples, count):
    path.write_text(f"{count} {samples.shape}")


PROTOCOL = Protocol(
    "fake", "points about the seed", "nobody 2020", (0, 1), {"fast": Config(steps=3), "slow": Config(steps=30)},
    train, judge, {"level": "level", "distance": "distance"}, {"count": 64},
    published=(Published("old", "table 1", {"level": 0.75}),),
    targets={"reached": {"level": Target(0.5)}, "exact": {"level": Target(0.9, 1.1)}}, picture=picture,
)  # fmt: skip


def changed(**fields):
    """PROTOCOL with some of its fields replaced."""
    return dataclasses.replace(PROTOCOL, **fields)


def only(**settings):
    """One method, with those settings."""
    return {"fast": Config(steps=3, **settings)}
