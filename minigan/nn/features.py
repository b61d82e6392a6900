"""Layers that append channels to their input: the variation within the batch, and Fourier features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import ops
from ..op import op
from .module import Module

if TYPE_CHECKING:
    from ..types import Tensor


class MinibatchStd(Module):
    """Minibatch standard deviation as one more channel: x (N, ..., C) -> (N, ..., C + 1).

    The channel is constant over each group of samples and tells how much they differ: it is the standard deviation of
    each feature over the group, averaged over all features (Karras et al. 2018, section 3). It lets one sample change
    the output for another, so a gradient penalty refuses a critic with this layer.

    Args:
        group: Number of samples in a group, which must divide N; None takes the whole batch.
        eps: Added to the variance.

    Raises:
        ValueError: If `group` is less than 2.
    """

    couples_samples = True

    group: int | None
    eps: float

    def __init__(self, group: int | None = None, eps: float = 1e-8) -> None:
        if group is not None and group < 2:
            raise ValueError(f"MinibatchStd: a group needs at least 2 samples, got group={group}")
        self.group, self.eps = group, eps

    def forward(self, x: Tensor) -> Tensor:
        n, size = len(x), self.group or len(x)
        if x.ndim < 2 or n < 2 or n % size:
            raise ValueError(
                f"MinibatchStd: x {x.shape} has {n} samples, which cannot be divided into groups of {max(size, 2)}"
            )
        groups = ops.reshape(x, n // size, size, -1)
        deviation = ops.mean(ops.sqrt(ops.var(groups, axis=1) + self.eps), axis=1)
        spread = ops.broadcast_to(ops.reshape(deviation, -1, *[1] * x.ndim), (n // size, size, *x.shape[1:-1], 1))
        channel = _minibatch_std(ops.reshape(spread, *x.shape[:-1], 1))
        return ops.concatenate([x, channel], axis=x.ndim - 1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


@op(x=lambda g: g)
def _minibatch_std(x):
    """Return x itself; the flag `couples_samples` of this operation tells a penalty that rows depend on each other."""
    return x


_minibatch_std.op.couples_samples = True


class FourierFeatures(Module):
    """Fourier features: x (..., C) -> [x, sin pi x, sin 2 pi x, ..., cos pi x, ...] (..., C * multiple).

    They let a network draw edges that are sharp in x (Mildenhall et al. 2020, equation 4; Tancik et al. 2020).

    Args:
        octaves: Number of frequencies pi, 2 pi, 4 pi, ..., at least 1.

    Raises:
        ValueError: If `octaves` is less than 1.
    """

    octaves: int

    def __init__(self, octaves: int) -> None:
        if octaves < 1:
            raise ValueError(f"FourierFeatures: octaves must be at least 1, got {octaves}")
        self.octaves = octaves

    @property
    def multiple(self) -> int:
        """Number of output channels for each input channel: 1 + 2 * octaves."""
        return 1 + 2 * self.octaves

    def forward(self, x: Tensor) -> Tensor:
        phases = ops.concatenate([x * (2**k * math.pi) for k in range(self.octaves)], axis=x.ndim - 1)
        return ops.concatenate([x, ops.sin(phases), ops.cos(phases)], axis=x.ndim - 1)

    def extra_repr(self) -> str:
        return f"octaves={self.octaves}"
