"""Measurements of a game between two steps: numbers, most of them ratios without units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..autodiff import grad
from ..metrics.prdc import prdc
from ..metrics.two_sample import copying_z, near_pair_rate
from ..op import no_grad
from ..tensor import Tensor
from .game import frozen
from .inputs import constant, with_labels
from .undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Array, NDArray
    from .game import Game

__all__ = ["Vitals", "measure", "rows", "weight_norms"]

NEIGHBOURS = 0.1  # fraction of the real samples that are neighbours of each: about one mode, if there are ten
NEAR_PAIRS = 1e-3  # fraction of all pairs of real samples that are called near


@dataclass(frozen=True)
class Vitals:
    """Measurements of a game at one step.

    Attributes:
        step: The number of the step.
        apart: Probability that the critic gives a real sample a higher score than a generated one; 0.5 is chance, 1
            means that the scores do not overlap.
        critic_signal, generator_signal: Mean |d loss / d logit| of each player's loss, divided by its value at logits
            0, where the critic is undecided. Always 1 for a Wasserstein loss; 0 for a loss without gradient.
        gradient: Norm of the gradient of the generator's loss with respect to its weights, without `Game.content`.
        gradient_rms: The same per weight (root mean square).
        fake_gradient_norm, real_gradient_norm: Mean norm of grad_x D at generated and at real samples, times the spread
            of the real data: by how much the logits change over that distance.
        spread: Root mean square distance of the generated samples from their mean, divided by the same distance of the
            real samples.
        precision, coverage: Fraction of generated samples with a real neighbour, and of real samples with a generated
            one (Naeem et al. 2020). The neighbourhood of a real sample reaches to the nearest tenth of the real
            samples.
        repeats: Fraction of the pairs of generated samples that are no farther apart than the closest thousandth of the
            pairs of real ones.
        shift: Squared distance of the means and standard deviations of all coordinates between evaluation and training
            mode of the generator, divided by the variance of the real data.
        generator_weights, critic_weights: Norm of all weights of each network, divided by the initial one.
        copying: The z-score `metrics.two_sample.copying_z`: by how many standard deviations the number of generated
            samples closer to the training data than to unseen data exceeds chance; NaN without such data.
    """

    step: int
    apart: float
    critic_signal: float
    generator_signal: float
    gradient: float
    gradient_rms: float
    fake_gradient_norm: float
    real_gradient_norm: float
    spread: float
    precision: float
    coverage: float
    repeats: float
    shift: float
    generator_weights: float
    critic_weights: float
    copying: float


def measure(
    game: Game,
    real: Tensor | Array,
    z: Tensor | Array,
    labels: Array | None,
    step: int,
    first: Sequence[float],
    known: tuple[Array, Array] | None = None,
) -> Vitals:
    """Measure the game on one batch, without changing its networks.

    Args:
        game: The game.
        real, z, labels: Real samples (N, ...), noise (N, latent) and classes (N,) or None.
        step: The number of the step, which is stored in the result.
        first: The `weight_norms` before the first step.
        known: Training and unseen samples, (M, d) each, with which to test for copies.
    """
    with np.errstate(all="ignore"):
        with undisturbed(game.generator, game.critic):
            play = _play(game, real, z, labels)
        with undisturbed(game.generator), no_grad():
            evaluated = rows(with_labels(game.generator.eval(), labels)(z))
    real, fake = rows(real), play.pop("fake")
    spread, weights = _spread(real) or 1.0, weight_norms(game)
    manifold = prdc(real, fake, max(round(NEIGHBOURS * len(real)), 1))
    return Vitals(
        step=step,
        spread=_spread(fake) / spread,
        precision=manifold["precision"],
        coverage=manifold["coverage"],
        repeats=near_pair_rate(real, fake, NEAR_PAIRS),
        shift=_shift(evaluated, fake) / spread**2,
        fake_gradient_norm=play.pop("fake_gradient_norm") * spread,
        real_gradient_norm=play.pop("real_gradient_norm") * spread,
        generator_weights=weights[0] / (first[0] or 1.0),
        critic_weights=weights[1] / (first[1] or 1.0),
        copying=float("nan") if known is None else copying_z(*known, fake),
        **play,
    )


def weight_norms(game: Game) -> list[float]:
    """Return the norm of all weights of the generator, and the norm of all weights of the critic."""
    return [_norm([p.data for p in network.parameters()]) for network in (game.generator, game.critic)]


def _play(game, real, z, labels):
    """Run both networks in training mode, and measure logits, gradients and signals."""
    generator, critic = with_labels(game.generator, labels), with_labels(game.critic, labels)
    weights = [p for p in game.generator.parameters() if p.requires_grad]
    with frozen(game.critic.parameters()):
        x = Tensor(constant(real, "real").data, requires_grad=True)
        real_logits, fake = critic(x), _traced(generator(z))
        fake_logits = critic(fake)
        norms = [_gradient_norm(real_logits, x), _gradient_norm(fake_logits, fake)]
        given = [real_logits.detach()] if game.loss.pairs else []
        loss = game.loss.generator(fake_logits, *given)
        gradients = grad(loss, weights, allow_unused=True)
    gradient = _norm([g.data for g in gradients if g is not None])
    real_scores, fake_scores = rows(real_logits), rows(fake_logits)
    return {
        "fake": rows(fake),
        "real_gradient_norm": norms[0],
        "fake_gradient_norm": norms[1],
        "apart": float((real_scores > fake_scores.T).mean() + (real_scores == fake_scores.T).mean() / 2),
        "critic_signal": _signal(game.loss.critic, real_logits, fake_logits),
        "generator_signal": _signal(game.loss.generator, fake_logits, *given),
        "gradient": gradient,
        "gradient_rms": gradient / max(sum(p.size for p in weights), 1) ** 0.5,
    }


def _traced(fake):
    """Return generated samples with respect to which a gradient can be computed, even if the generator is frozen."""
    return fake if fake.requires_grad else Tensor(fake.data, requires_grad=True)


def _gradient_norm(logits, x):
    """Return the mean over the samples of the norm of the logits' gradient with respect to x."""
    (g,) = grad(logits.sum(), [x], retain_graph=True, allow_unused=True)
    return 0.0 if g is None else float(np.linalg.norm(rows(g), axis=1).mean())


def _signal(loss, *logits):
    """Return the sum of |d loss / d logit|, divided by its value at logits that are all 0."""
    at_chance = _total_derivative(loss, [np.zeros_like(y.data) for y in logits])
    return _total_derivative(loss, [y.data for y in logits]) / (at_chance or 1.0)


def _total_derivative(loss, logits):
    leaves = [Tensor(y, requires_grad=True) for y in logits]
    return sum(float(abs(g.data).sum()) for g in grad(loss(*leaves), leaves, allow_unused=True) if g is not None)


def _shift(a, b):
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2))


def _spread(x):
    """Return the root mean square distance of the rows from their mean."""
    return float(np.sqrt(x.var(axis=0).sum()))


def _norm(arrays):
    return sum(float((a.astype("float64") ** 2).sum()) for a in arrays) ** 0.5


def rows(x: Tensor | Array) -> NDArray[np.float64]:
    """Return samples (N, ...) as float64 rows (N, d) on the CPU; raise TypeError if they are integers."""
    x = constant(x, "samples").numpy()
    return x.reshape(len(x), -1).astype(np.float64)
