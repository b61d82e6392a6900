"""Tricks that change what the critic is told or shown: smoothed labels, instance noise, packed samples."""

import dataclasses

from .. import nn, ops
from ..backend import device_of
from ..op import op
from ..ops.elementwise import real
from . import losses


def smooth_labels(loss, target=0.9):
    """`loss` with the label `target` instead of 1 for real samples; that of fakes stays 0, and the generator's loss.

    softplus(x) - t x = softplus(-x) + (1 - t) x, so a smoothed cross-entropy is a plain one and a linear term.
    The best critic is then D = t p / (p + q).  Were the fakes smoothed too, q would appear in the numerator, and
    fakes where p is small would be held where they are.
    loss: `minimax` or `non_saturating`, as the others have no labels; 1/2 < target <= 1.
    Source: Salimans et al. 2016, section 3.4.
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
    """x + sigma n, n ~ N(0, 1) anew for every element and call: real and generated data then overlap.

    schedule: a function of `step`, such as `lambda step: optim.linear(step, 10_000, 0.1, 0.0)`, or a constant sigma;
    the training loop sets `step`.  rng: a `minigan.random.Generator`.
    As the first layer of a critic it treats both sides alike; like dropout, it does nothing in evaluation.
    Source: Sonderby et al. 2017; Arjovsky and Bottou 2017, section 3.
    """

    def __init__(self, schedule, *, rng):
        self.schedule = schedule if callable(schedule) else lambda step: schedule
        self.rng, self.step = rng, 0

    @property
    def sigma(self):
        """The deviation of the noise at this step; ValueError if it is negative."""
        sigma = float(self.schedule(self.step))
        if not sigma >= 0:
            raise ValueError(f"InstanceNoise: sigma must be at least 0, got {sigma} at step {self.step}")
        return sigma

    def forward(self, x):
        sigma = self.sigma
        if not self.training or not sigma:
            return x
        return x + sigma * self.rng.on(device_of(real(x))).normal(x.shape, real(x).dtype)

    def extra_repr(self):
        return f"sigma={self.sigma:g}"


def pack(x, m):
    """(N, ..., C) -> (N / m, ..., m * C): m samples in a row become one, side by side in the last axis.

    ValueError if m does not divide N.  Source: Lin et al. 2018, section 3.
    """
    if m < 1 or x.ndim < 2 or len(x) % m:
        raise ValueError(
            f"pack: {len(x)} samples {x.shape} cannot be packed by {m}; "
            "the batch must be (N, ..., C) with N a multiple of the packing"
        )
    n, *between, c = x.shape
    axes = (0, *range(2, x.ndim), 1, x.ndim)
    return packing(ops.reshape(ops.transpose(ops.reshape(x, n // m, m, *between, c), axes), n // m, *between, m * c))


def unpack(x, m):
    """The inverse of `pack`: (N / m, ..., m * C) -> (N, ..., C)."""
    if m < 1 or x.ndim < 2 or x.shape[-1] % m:
        raise ValueError(f"unpack: the last axis of x {x.shape} is not a multiple of the packing {m}")
    n, *between, c = x.shape
    axes = (0, x.ndim - 1, *range(1, x.ndim - 1), x.ndim)
    return ops.reshape(ops.transpose(ops.reshape(x, n, *between, m, c // m), axes), n * m, *between, c // m)


@op(x=lambda g: g)
def packing(x):
    """x itself, under a name by which a penalty sees that its rows are made of several samples."""
    return x


packing.op.couples_samples = True


class PackedCritic(nn.Module):
    """D(x_1, ..., x_m), a critic of m samples at once: (N, ..., C) -> body(pack(x, m)), one logit for each pack.

    body: any critic of samples (..., m * C).  It sees whether samples differ, so collapse costs the generator more.
    """

    couples_samples = True

    def __init__(self, body, m):
        if m < 1:
            raise ValueError(f"PackedCritic: m must be at least 1, got {m}")
        self.body, self.m = body, m
        self.named("critic")

    def forward(self, x):
        return self.body(pack(x, self.m))

    def penalty(self, penalise):
        """`penalise(critic, real, fake)` for a `Game`, taken where it has a meaning: on the body, one norm per pack."""
        return lambda _, real, fake: penalise(self.body, pack(real, self.m), pack(fake, self.m))
