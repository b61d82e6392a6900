"""How near to the device's limits a case comes: the time that its products or its memory must take, over its time.

Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009; the two limits are
measured, not read in a data sheet.
"""

import math
from dataclasses import dataclass, replace

from . import arithmetic, networks
from .gpu_cases import Convolve, Copy, Multiply, flops, outputs
from .workloads import GanStep

ADAM = 7  # arrays of a weight's size: it reads p, g, m and v, and writes p, m and v


def moved(case):
    """The bytes that a case reads and writes at least.

    Every product of a layer reads two of its input, weight and output (or their gradients) and writes the third, each
    as it is: no columns of images, and whatever lies between two products costs nothing.  Then the optimizer.
    """
    itemsize = 8 if case.dtype == "float64" else 4
    match case:
        case Copy():
            return 2 * case.size
        case Multiply():
            g = case.product.gemm
            return itemsize * (g.rows * g.inner + g.inner * g.columns + g.rows * g.columns)
        case Convolve():
            return itemsize * _Layer(case.layer).gemm(case.batch).numbers
        case GanStep():
            return itemsize * (_of_products(case) + ADAM * _weights(case))


def least_seconds(case, limits):
    """What the limits {"flops": a second, "bytes": a second} leave; None where they were not measured."""
    times = [flops(case) / limits["flops"] if limits.get("flops") else 0]
    times += [moved(case) / limits["bytes"] if limits.get("bytes") else 0]
    return max(times) or None


def _of_products(step):
    """The numbers that all products of a step touch: `arithmetic` lists them, of layers that know their arrays."""
    layers = {player: tuple(_Layer(a) for a in getattr(step, player) if hasattr(a, "gemm")) for player in _PLAYERS}
    return sum(product.gemm.numbers for product in arithmetic.products(replace(step, **layers)))


def _weights(step):
    layers = [layer for player in step.players for layer in getattr(step, player)]
    return sum(math.prod(shape) for layer in layers for shape in layer.shapes().values())


_PLAYERS = ("generator", "critic")


@dataclass(frozen=True)
class _Layer:
    """In the place of a layer, with the arrays of a product in the place of its sizes."""

    layer: networks.Dense | networks.Conv | networks.ConvTranspose

    def gemm(self, batch):
        samples = math.prod(self.layer.inputs) + math.prod(outputs(self.layer))
        return _Arrays(batch * samples + math.prod(self.layer.shapes()["weight"]))


@dataclass(frozen=True)
class _Arrays:
    numbers: int
