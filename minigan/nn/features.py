"""Layers that append to their input what the next layer would hardly find by itself."""

import math

from .. import ops
from ..op import op
from .module import Module


class MinibatchStd(Module):
    """x (N, ..., C) -> (N, ..., C + 1): one more channel, constant over a group of samples, that says how they differ.

    It is the standard deviation over the group of each feature, averaged over all features (Karras et al. 2018,
    section 3).  group: how many samples a group has, which must divide N; None is the whole batch.
    The samples of a batch are no longer treated alone, so a gradient penalty refuses a critic with this layer.
    """

    couples_samples = True

    def __init__(self, group=None, eps=1e-8):
        if group is not None and group < 2:
            raise ValueError(f"MinibatchStd: a group needs at least 2 samples, got group={group}")
        self.group, self.eps = group, eps

    def forward(self, x):
        n, size = len(x), self.group or len(x)
        if x.ndim < 2 or n < 2 or n % size:
            raise ValueError(
                f"MinibatchStd: x {x.shape} has {n} samples, which cannot be divided into groups of {max(size, 2)}"
            )
        groups = ops.reshape(x, n // size, size, -1)
        deviation = ops.mean(ops.sqrt(ops.var(groups, axis=1) + self.eps), axis=1)
        spread = ops.broadcast_to(ops.reshape(deviation, -1, *[1] * x.ndim), (n // size, size, *x.shape[1:-1], 1))
        channel = minibatch_std(ops.reshape(spread, *x.shape[:-1], 1))
        return ops.concatenate([x, channel], axis=x.ndim - 1)

    def extra_repr(self):
        return f"group={self.group}"


@op(x=lambda g: g)
def minibatch_std(x):
    """x itself, under a name by which a penalty sees that rows of x depend on each other."""
    return x


minibatch_std.op.couples_samples = True


class FourierFeatures(Module):
    """x (..., C) -> [x, sin pi x, sin 2 pi x, sin 4 pi x, ..., cos pi x, ...] (..., C * `multiple`).

    octaves: how many frequencies pi, 2 pi, 4 pi, ...  They let a network draw edges that are sharp in x.
    Source: Mildenhall et al. 2020, equation 4; Tancik et al. 2020.
    """

    def __init__(self, octaves):
        if octaves < 1:
            raise ValueError(f"FourierFeatures: octaves must be at least 1, got {octaves}")
        self.octaves = octaves

    @property
    def multiple(self):
        """How many times as many channels leave as enter: 1 + 2 * octaves."""
        return 1 + 2 * self.octaves

    def forward(self, x):
        phases = ops.concatenate([x * (2**k * math.pi) for k in range(self.octaves)], axis=x.ndim - 1)
        return ops.concatenate([x, ops.sin(phases), ops.cos(phases)], axis=x.ndim - 1)

    def extra_repr(self):
        return f"octaves={self.octaves}"
