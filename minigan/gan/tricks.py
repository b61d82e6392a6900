"""Tricks that change the critic's labels or its input: smoothed labels, instance noise, packed samples."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .. import nn, ops
from ..backend import device_of
from ..backend.recording import number
from ..op import op
from ..ops.elementwise import real
from ..random import as_generator
from . import losses
from .losses import Loss

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ..types import Array, Generator, Tensor, TensorFunction

    Samples = TypeVar("Samples", Tensor, Array)

__all__ = ["InstanceNoise", "PackedCritic", "pack", "packing", "smooth_labels", "unpack"]


def __dir__() -> list[str]:
    return sorted(__all__)


def smooth_labels(loss: Loss, target: float = 0.9) -> Loss:
    """Return `loss` with the label `target` instead of 1 for real samples (one-sided label smoothing).

    Generated samples keep the label 0, and the generator keeps its loss. As softplus(x) - t x = softplus(-x) +
    (1 - t) x, a smoothed cross-entropy is the plain one plus a linear term. The best critic becomes D = t p / (p + q).
    If the labels of generated samples were smoothed too, q would appear in the numerator, and the critic would no
    longer drive generated samples away from places where p is small.
    Source: Salimans et al. 2016, section 3.4.

    Args:
        loss: `minimax` or `non_saturating`; the other losses have no labels.
        target: The label of real samples, above 1/2 and at most 1.

    Raises:
        ValueError: If the loss has no labels, or the target is out of range.
    """
    if loss not in (losses.minimax, losses.non_saturating):
        raise ValueError(f"smooth_labels: {loss.name} is no cross-entropy with labels; minimax, non_saturating are")
    if not 0.5 < target <= 1:
        raise ValueError(f"smooth_labels: the real label must lie in (0.5, 1], got {target}")
    return dataclasses.replace(
        loss,
        name=f"{loss.name}, real label {target:g}",
        source=f"{loss.source}; Salimans et al. 2016, section 3.4",
        _critic=lambda real, fake: loss.critic(real, fake) + (1 - target) * real.mean(),
    )


class InstanceNoise(nn.Module):
    """Layer that adds Gaussian noise, x + sigma n with n ~ N(0, 1), so that real and generated data overlap.

    n is drawn anew for every element and call. As the first layer of a critic it adds noise to real and generated
    samples in the same way; like dropout, it does nothing in evaluation mode.
    Source: Sonderby et al. 2017; Arjovsky and Bottou 2017, section 3.

    Args:
        schedule: The standard deviation sigma, at least 0, or a function from the step to it, such as
            `lambda step: optim.linear(step, 10_000, 0.1, 0.0)`.
        rng: Draws the noise; an integer is the seed of a new generator.

    Attributes:
        step: The number of the current step, which the training loop has to set where sigma is scheduled.
    """

    schedule: Callable[[int], float]
    rng: Generator
    step: int

    def __init__(self, schedule: float | Callable[[int], float], *, rng: Generator | int) -> None:
        self.schedule = schedule if callable(schedule) else lambda step: schedule
        self.rng, self.step = as_generator(rng), 0

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise at this step; negative values raise ValueError."""
        sigma = float(self.schedule(self.step))
        if not sigma >= 0:
            raise ValueError(f"InstanceNoise: sigma must be at least 0, got {sigma} at step {self.step}")
        return sigma

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus noise in training mode, x itself in evaluation mode."""
        data = real(x)
        device = device_of(data)
        if not self.training or (device == "cpu" and not self.sigma):  # a captured step on a GPU has no such choice
            return x
        return x + number(lambda: self.sigma, data.dtype) * self.rng.on(device).normal(x.shape, data.dtype)

    def extra_repr(self) -> str:
        """Return the text that `repr` shows between the parentheses."""
        return f"sigma={self.sigma:g}"


def pack(x: Samples, m: int) -> Samples:
    """Join every m consecutive samples into one, side by side in the last axis: (N, ..., C) -> (N / m, ..., m * C).

    Source: Lin et al. 2018, section 3.

    Raises:
        ValueError: If m is less than 1 or does not divide N, or x has fewer than two axes.
    """
    if m < 1 or x.ndim < 2 or len(x) % m:
        raise ValueError(
            f"pack: {len(x)} samples {x.shape} cannot be packed by {m}; "
            "the batch must be (N, ..., C) with N a multiple of the packing"
        )
    n, *between, c = x.shape
    axes = (0, *range(2, x.ndim), 1, x.ndim)
    return packing(ops.reshape(ops.transpose(ops.reshape(x, n // m, m, *between, c), axes), n // m, *between, m * c))


def unpack(x: Samples, m: int) -> Samples:
    """Undo `pack`: (N / m, ..., m * C) -> (N, ..., C).

    Raises:
        ValueError: If m is less than 1 or does not divide the length of the last axis, or x has fewer than two axes.
    """
    if m < 1 or x.ndim < 2 or x.shape[-1] % m:
        raise ValueError(f"unpack: the last axis of x {x.shape} is not a multiple of the packing {m}")
    n, *between, c = x.shape
    axes = (0, x.ndim - 1, *range(1, x.ndim - 1), x.ndim)
    return ops.reshape(ops.transpose(ops.reshape(x, n, *between, m, c // m), axes), n * m, *between, c // m)


@op(x=lambda g: g)
def packing(x: Array) -> Array:
    """Return x itself; the flag `couples_samples` of this operation tells a penalty that a row has several samples."""
    return x


packing.op.couples_samples = True


class PackedCritic(nn.Module):
    """Critic that judges m samples at once, D(x_1, ..., x_m): (N, ..., C) -> body(pack(x, m)), one logit per pack.

    It can see whether the samples of a pack differ, so mode collapse costs the generator more.
    Source: Lin et al. 2018, section 3.

    Args:
        body: A critic of samples (..., m * C).
        m: The number of samples in a pack, at least 1.
    """

    couples_samples = True
    body: nn.Module
    m: int

    def __init__(self, body: nn.Module, m: int) -> None:
        if m < 1:
            raise ValueError(f"PackedCritic: m must be at least 1, got {m}")
        self.body, self.m = body, m
        self.named("critic")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N / m, 1) of the packed samples."""
        return self.body(pack(x, self.m))

    def penalty(
        self, penalise: Callable[[TensorFunction, Tensor, Tensor], Tensor]
    ) -> Callable[[TensorFunction, Tensor, Tensor], Tensor]:
        """Return a penalty for `Game(penalty=)` that applies penalise(critic, real, fake) to the body and its packs.

        The gradient of a single sample has no meaning here; the penalty takes one gradient norm per pack.
        """
        return lambda _, real, fake: penalise(self.body, pack(real, self.m), pack(fake, self.m))
