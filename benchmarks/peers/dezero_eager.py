"""DeZero, the framework of a book about building one; it runs only the chain, see `refuses`."""

from importlib.metadata import version as installed

import numpy as np

from ..workloads import Chain
from . import numpy_1

numpy_1.restore()
import dezero  # noqa: E402


def version():
    return installed("dezero")


def refuses(workload):
    """Refuse all except a `Chain`: NumPy 2 turns float32 into float64 beside DeZero's scalars, 0-dimensional arrays."""
    return None if isinstance(workload, Chain) else "with NumPy 2 its float32 becomes float64"


def build(workload):
    return ChainRun(workload)


class ChainRun:
    """The chain and its derivatives, up to the order of the workload."""

    def __init__(self, workload):
        self.workload, self.data = workload, workload.data()

    def step(self):
        y = x = dezero.Variable(self.data)
        for _ in range(self.workload.length):
            y = y * x
        for order in range(1, self.workload.order + 1):
            x.cleargrad()
            y.grad = dezero.Variable(np.ones(x.shape))
            y.backward(create_graph=order < self.workload.order)
            y = x.grad
        return y

    def gradients(self):
        return {"value": self.step().data}
