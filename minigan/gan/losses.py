"""Adversarial losses: for each, the function that the critic minimises and the one that the generator minimises.

    critic(real_logits, fake_logits)         minimised by the critic D (Goodfellow et al.: the discriminator)
    generator(fake_logits, real_logits)      minimised by the generator G; only `relativistic` uses real_logits

Logits are the outputs of D before any sigmoid, one number per sample: shape (N, 1) or (N,). They are never broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ops import relu, softplus
from ..ops.reduce import square_mean

if TYPE_CHECKING:
    from ..types import Array, Tensor, TensorFunction

__all__ = [
    "ALL",
    "Loss",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "relativistic",
    "wasserstein",
]


# Usual names of the losses, with their names here.
_ELSEWHERE = {
    "bce": "use losses.non_saturating, or losses.minimax for the game of the original paper",
    "lsgan": "use losses.least_squares",
    "wgan": "use losses.wasserstein",
    "wgan_gp": "use losses.wasserstein and penalties.gradient_penalty",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(frozen=True)
class Loss:
    """A pair of objectives, one for the critic and one for the generator.

    Args:
        name: The name of the loss in `losses.ALL` and on the command line.
        source: The paper and equation that define it.
        _critic: A function of (real_logits, fake_logits) that returns a scalar Tensor.
        _generator: A function of fake_logits, or of (fake_logits, real_logits) if `pairs`; it returns a scalar Tensor.
        pairs: Whether both objectives compare each generated sample with the real sample in the same row.
    """

    name: str
    source: str
    _critic: TensorFunction
    _generator: TensorFunction
    pairs: bool = False

    def critic(self, real_logits: Tensor | Array, fake_logits: Tensor | Array) -> Tensor:
        """Return the critic's loss, a scalar.

        Args:
            real_logits: The critic's outputs at real samples, (N, 1) or (N,).
            fake_logits: The critic's outputs at generated samples, with the same number of axes.

        Raises:
            ValueError: If the shapes would have to be broadcast, such as (N, 1) against (N,), or, for a loss that pairs
                samples, if they differ.
        """
        _check(self, real_logits, fake_logits)
        return self._critic(real_logits, fake_logits)

    def generator(self, fake_logits: Tensor | Array, real_logits: Tensor | Array | None = None) -> Tensor:
        """Return the generator's loss, a scalar.

        Args:
            fake_logits: The critic's outputs at generated samples, (N, 1) or (N,).
            real_logits: The critic's outputs at real samples, of the same shape. Needed by `relativistic`; all other
                losses ignore it.

        Raises:
            ValueError: If the loss pairs samples, and real_logits is missing or has another shape.
        """
        if not self.pairs:
            return self._generator(fake_logits)
        if real_logits is None:
            raise ValueError(f"{self.name}.generator needs real_logits too: it compares each fake with a real sample")
        _check(self, real_logits, fake_logits)
        return self._generator(fake_logits, real_logits)

    if not TYPE_CHECKING:  # type checkers should report such a call

        def __call__(self, *_):
            raise TypeError(
                f"losses.{self.name} is a pair of functions: call losses.{self.name}.critic(real_logits, fake_logits) "
                f"or losses.{self.name}.generator(fake_logits, real_logits)"
            )


def _check(loss, real, fake):
    same = real.shape == fake.shape if loss.pairs else real.shape[1:] == fake.shape[1:] and real.ndim == fake.ndim
    if not same:
        raise ValueError(
            f"{loss.name}: real_logits have shape {real.shape}, fake_logits {fake.shape}; a loss does not broadcast, "
            "so give both one shape, as in D(x).reshape(-1)"
        )


def _bce(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


minimax: Loss = Loss(
    "minimax", "Goodfellow et al. 2014, equation 1: the generator minimises E log(1 - D(G(z))), and saturates",
    _bce, lambda fake: -softplus(fake).mean(),
)  # fmt: skip
"""Cross-entropy; the generator minimises E log(1 - D(G(z))), whose gradient vanishes where D(G(z)) is near 0."""

non_saturating: Loss = Loss(
    "non_saturating", "Goodfellow et al. 2014, section 3: the generator minimises -E log D(G(z))",
    _bce, lambda fake: softplus(-fake).mean(),
)  # fmt: skip
"""Cross-entropy; the generator minimises -E log D(G(z)), whose gradient is large where D(G(z)) is near 0."""

least_squares: Loss = Loss(
    "least_squares", "Mao et al. 2017, equation 9: targets 1 for real, 0 for fake, 1 for the generator, halved",
    lambda real, fake: 0.5 * (square_mean(real, 1.0) + square_mean(fake)),
    lambda fake: 0.5 * square_mean(fake, 1.0),
)  # fmt: skip
"""Half the squared distance of the logits from 1 (real) and 0 (fake); the generator aims at 1."""

hinge: Loss = Loss(
    "hinge", "Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17",
    lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda fake: -fake.mean(),
)  # fmt: skip
"""Hinge loss: the critic ignores real logits above 1 and fake logits below -1."""

wasserstein: Loss = Loss(
    "wasserstein", "Arjovsky et al. 2017, equation 3",
    lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean(),
)  # fmt: skip
"""Difference of the mean logits; needs a critic with a bounded gradient (by a penalty, clipping or spectral norm)."""

relativistic: Loss = Loss(
    "relativistic", "RpGAN: Jolicoeur-Martineau 2019, section 3; Huang et al. 2024, equation 2",
    lambda real, fake: softplus(fake - real).mean(), lambda fake, real: softplus(real - fake).mean(), pairs=True,
)  # fmt: skip
"""Cross-entropy of the difference between each real logit and the fake logit in the same row."""

ALL: dict[str, Loss] = {
    loss.name: loss for loss in (minimax, non_saturating, least_squares, hinge, wasserstein, relativistic)
}
"""Every loss by its name."""
