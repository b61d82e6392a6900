"""Spectral normalisation: divide a weight by an estimate of its largest singular value (Miyato et al. 2018)."""

import numpy as np

from .. import ops
from ..backend.recording import changing
from .layers import or_entropy
from .module import Module


class spectral_norm(Module):
    """`layer` with weight / sigma, sigma = u^T W v by one power iteration for every training forward (algorithm 1).

    W is the weight as a matrix (all else, output channels).  u is a buffer: saved with the model, untouched in
    evaluation.  The gradient flows through sigma, with u and v as constants.
    """

    buffer_names = ("u",)

    def __init__(self, layer, *, eps=1e-12, rng=None):
        if not hasattr(layer, "output_axis"):
            raise TypeError(f"spectral_norm: {type(layer).__name__} has no weight to normalise")
        self.layer, self.eps = layer, eps
        u = or_entropy(rng).normal((layer.weight.shape[layer.output_axis],))
        self.u = self._unit(u.astype(layer.weight.dtype))

    def forward(self, x):
        weight = self.layer.weight
        matrix = self._matrix(weight)
        u = self._unit(self.u)  # an average of unit vectors, as an EMA takes it, is shorter
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
