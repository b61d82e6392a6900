"""minigan with `captured=True`: a step is recorded once and replayed without Python, but for Adam."""

import numpy as np

import minigan as mg

from ..workloads import Chain
from .minigan_eager import GameRun, chain, refuses, version  # noqa: F401  (part of what a peer is)


def build(workload):
    return CapturedChain(workload) if isinstance(workload, Chain) else CapturedGame(workload)


class CapturedGame(GameRun):
    """Steps of a `Game` that is captured; the first three are slower."""

    captured = True


class CapturedChain:
    """The chain, as a program of NumPy calls."""

    def __init__(self, workload):
        self.x = mg.tensor(workload.data(), requires_grad=True)
        self.captured = mg.capture(lambda x: chain(workload, x))

    def step(self):
        return self.captured(self.x)

    def gradients(self):
        for _ in range(4):
            value = self.step()
        return {"value": np.array(value.numpy())}
