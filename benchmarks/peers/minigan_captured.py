"""minigan with `captured=True`: a step is recorded once and replayed without Python, except for Adam."""

import numpy as np

import minigan as mg

from ..workloads import Chain
from .minigan_eager import GameRun, chain, refuses, version  # noqa: F401  (every peer has these functions)


def build(workload):
    return CapturedChain(workload) if isinstance(workload, Chain) else CapturedGame(workload)


class CapturedGame(GameRun):
    """Steps of a captured `Game`; the first three are slower."""

    captured = True


class CapturedChain:
    """The chain, recorded as a program of NumPy calls."""

    def __init__(self, workload):
        self.x = mg.tensor(workload.data(), requires_grad=True)
        self.captured = mg.capture(lambda x: chain(workload, x))

    def step(self):
        return self.captured(self.x)

    def gradients(self):
        for _ in range(4):
            value = self.step()
        return {"value": np.array(value.numpy())}
