"""Spectral normalisation: divide a weight by an estimate of its largest singular value (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import ops
from ..backend.recording import changing
from ..random import as_generator
from .module import Module

if TYPE_CHECKING:
    from typing import Protocol

    from ..types import Array, Generator, Parameter, Tensor

    class Weighted(Protocol):
        """A layer that can be applied with another weight in place of its own."""

        output_axis: int
        weight: Parameter

        def apply(self, x: Tensor | Array, weight: Tensor) -> Tensor: ...


class spectral_norm(Module):
    """A layer whose weight is divided by sigma = u^T W v, an estimate of its largest singular value.

    Each training forward refines the estimate by one power iteration (Miyato et al. 2018, algorithm 1). W is the weight
    as a matrix (all other axes, output channels). u is a buffer: it is saved with the model and does not change in
    evaluation mode. The gradient flows through sigma, with u and v as constants.

    Args:
        layer: A Linear, Conv2d or ConvTranspose2d, found afterwards under the attribute `layer`.
        eps: Added to the length by which u and v are divided.
        rng: A `mg.random.Generator` or an integer seed, from which the first u is drawn. None takes a seed from the
            operating system, so that every run starts from another u.

    Raises:
        TypeError: If the layer has no weight.

    Example:
        conv1 = nn.spectral_norm(nn.Conv2d(1, 64, 5, 2, "same", rng=rng), rng=rng)
    """

    buffer_names: tuple[str, ...] = ("u",)

    layer: Weighted
    eps: float
    u: Array

    def __init__(self, layer: Weighted, *, eps: float = 1e-12, rng: Generator | int | None = None) -> None:
        if not hasattr(layer, "output_axis"):
            raise TypeError(f"spectral_norm: {type(layer).__name__} has no weight to normalise")
        self.layer, self.eps = layer, eps
        u = as_generator(rng).normal((layer.weight.shape[layer.output_axis],))
        self.u = self._unit(u.astype(layer.weight.dtype))

    def forward(self, x: Tensor | Array) -> Tensor:
        weight = self.layer.weight
        matrix = self._matrix(weight)
        u = self._unit(self.u)  # an EMA averages unit vectors, and their average is shorter
        v = self._unit(ops.matmul(matrix.data, u))
        if self.training:
            u = self._unit(ops.matmul(v, matrix.data))
            changing(self.u)
            self.u[...] = u
        sigma = ops.matmul(v, ops.matmul(matrix, u))
        return self.layer.apply(x, weight / sigma)

    def _matrix(self, weight):
        axis, last = self.layer.output_axis, weight.ndim - 1
        return ops.reshape(weight if axis == last else ops.swapaxes(weight, axis, last), -1, weight.shape[axis])

    def _unit(self, vector):
        return vector / (np.sqrt((vector * vector).sum()) + self.eps)
