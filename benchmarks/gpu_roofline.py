"""Roofline of a case: the least time that its products, or its memory traffic, take at the limits of the device.

Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009. The two limits are
measured, not taken from a data sheet.
"""

import math
from dataclasses import dataclass, replace

from . import arithmetic, networks
from .gpu_cases import Convolve, Copy, Multiply, outputs
from .workloads import GanStep

ADAM = 7  # accesses to arrays of a weight's size: it reads p, g, m and v, and writes p, m and v


def moved(case):
    """Return the least number of bytes that a case reads and writes.

    Every product of a layer reads two of its input, weight and output (or their gradients) and writes the third. Column
    matrices of images, and all operations between two products, are not counted; the optimizer is.
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


def least_seconds(found, limits):
    """Return the least seconds of a case; None without limits.

    Args:
        found: Record of the case, with its "precision", "flops" and "bytes".
        limits: {"flops": {precision: per second}, "bytes": per second}, without those that were not measured, or 0.
    """
    rates = {"flops": limits["flops"].get(found["precision"]), "bytes": limits["bytes"]}
    return max((found[what] / rate for what, rate in rates.items() if rate), default=None)


def _of_products(step):
    """Return how many numbers all products of a step read and write.

    `arithmetic` lists the products; a `_Layer` in place of each layer makes them know the sizes of their arrays.
    """
    layers = {player: tuple(_Layer(a) for a in getattr(step, player) if hasattr(a, "gemm")) for player in _PLAYERS}
    return sum(product.gemm.numbers for product in arithmetic.products(replace(step, **layers)))


def _weights(step):
    layers = [layer for player in step.players for layer in getattr(step, player)]
    return sum(math.prod(shape) for layer in layers for shape in layer.shapes().values())


_PLAYERS = ("generator", "critic")


@dataclass(frozen=True)
class _Layer:
    """Stand-in for a layer, whose `gemm` returns the size of the arrays instead of the sides of the matrices."""

    layer: networks.Dense | networks.Conv | networks.ConvTranspose

    def gemm(self, batch):
        samples = math.prod(self.layer.inputs) + math.prod(outputs(self.layer))
        return _Arrays(batch * samples + math.prod(self.layer.shapes()["weight"]))


@dataclass(frozen=True)
class _Arrays:
    numbers: int
