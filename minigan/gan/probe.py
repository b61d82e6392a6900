"""What is measured of a game between two steps: pure numbers, most of them ratios without units."""

from dataclasses import dataclass

import numpy as np

from ..autodiff import grad
from ..metrics.prdc import prdc
from ..metrics.two_sample import copying_z, near_pair_rate
from ..op import no_grad
from ..tensor import Tensor
from .game import _constant, _given, frozen
from .undisturbed import undisturbed

NEIGHBOURS = 0.1  # of all real samples lie in the ball around each: as wide as a mode, if there are about ten
NEAR_PAIRS = 1e-3  # of all pairs of real samples are called near


@dataclass(frozen=True)
class Vitals:
    """The state of a game at one step.

    apart: the probability that the critic ranks a real sample above a fake one; .5 is chance, 1 no overlap.
    critic_signal, generator_signal: mean |d loss / d logit| of each player's loss, divided by its value at logits 0,
        where the critic knows nothing.  1 for a Wasserstein loss always; 0 for a loss that has nothing left to teach.
    gradient: norm of the gradient of the generator's loss in its weights, without `Game.content`.
    gradient_rms: the same per weight.
    fake_slope, real_slope: mean norm of grad_x D at generated and real samples, in logits per spread of the real data,
        which is the root mean square distance from their mean.
    spread: that of the generated samples, divided by that of the real ones.
    precision, coverage: the share of fakes with a real neighbour and of reals with a fake one (Naeem et al. 2020),
        a neighbour being among the nearest tenth of the real samples.
    repeats: the share of pairs of fakes nearer to each other than the closest thousandth of the pairs of reals.
    shift: between evaluation and training mode of the generator, the squared distance of mean and standard
        deviation of all coordinates, divided by the variance of the real data.
    generator_weights, critic_weights: norm of all weights of each network, divided by what it was at first.
    copying: `metrics.two_sample.copying_z`, how many standard deviations too many fakes are nearer to the training
        data than to unseen data; NaN where there is none to compare with.
    """

    step: int
    apart: float
    critic_signal: float
    generator_signal: float
    gradient: float
    gradient_rms: float
    fake_slope: float
    real_slope: float
    spread: float
    precision: float
    coverage: float
    repeats: float
    shift: float
    generator_weights: float
    critic_weights: float
    copying: float


def measure(game, real, z, labels, step, first, known=None):
    """The `Vitals` of the game on real (N, ...) and noise z (N, latent), without a trace in its networks.

    first: the `weight_norms` that the game began with.
    known: None, or training and unseen samples, (M, d) each, to look for copies.
    """
    with np.errstate(all="ignore"):
        with undisturbed(game.generator, game.critic):
            play = _play(game, real, z, labels)
        with undisturbed(game.generator), no_grad():
            evaluated = rows(_given(game.generator.eval(), labels)(z))
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
        fake_slope=play.pop("fake_slope") * spread,
        real_slope=play.pop("real_slope") * spread,
        generator_weights=weights[0] / (first[0] or 1.0),
        critic_weights=weights[1] / (first[1] or 1.0),
        copying=float("nan") if known is None else copying_z(*known, fake),
        **play,
    )


def weight_norms(game):
    """The norm of all weights of the generator, and of the critic."""
    return [_norm([p.data for p in network.parameters()]) for network in (game.generator, game.critic)]


def _play(game, real, z, labels):
    """What the two players see, in training mode: logits, slopes, signals and the generator's gradient."""
    generator, critic = _given(game.generator, labels), _given(game.critic, labels)
    weights = [p for p in game.generator.parameters() if p.requires_grad]
    with frozen(game.critic.parameters()):
        x = Tensor(_constant(real).data, requires_grad=True)
        real_logits, fake = critic(x), _traced(generator(z))
        fake_logits = critic(fake)
        slopes = [_slope(real_logits, x), _slope(fake_logits, fake)]
        given = [real_logits.detach()] if game.loss.pairs else []
        loss = game.loss.generator(fake_logits, *given)
        gradients = grad(loss, weights, allow_unused=True)
    gradient = _norm([g.data for g in gradients if g is not None])
    real_scores, fake_scores = rows(real_logits), rows(fake_logits)
    return {
        "fake": rows(fake),
        "real_slope": slopes[0],
        "fake_slope": slopes[1],
        "apart": float((real_scores > fake_scores.T).mean() + (real_scores == fake_scores.T).mean() / 2),
        "critic_signal": _signal(game.loss.critic, real_logits, fake_logits),
        "generator_signal": _signal(game.loss.generator, fake_logits, *given),
        "gradient": gradient,
        "gradient_rms": gradient / max(sum(p.size for p in weights), 1) ** 0.5,
    }


def _traced(fake):
    """The fakes, as something to take a gradient in even where no weight of the generator leads to them."""
    return fake if fake.requires_grad else Tensor(fake.data, requires_grad=True)


def _slope(logits, x):
    (g,) = grad(logits.sum(), [x], retain_graph=True, allow_unused=True)
    return 0.0 if g is None else float(np.linalg.norm(rows(g), axis=1).mean())


def _signal(loss, *logits):
    """The sum of |d loss / d logit|, divided by its value at logits that are all 0."""
    at_chance = _pull(loss, [np.zeros_like(y.data) for y in logits])
    return _pull(loss, [y.data for y in logits]) / (at_chance or 1.0)


def _pull(loss, logits):
    leaves = [Tensor(y, requires_grad=True) for y in logits]
    return sum(float(abs(g.data).sum()) for g in grad(loss(*leaves), leaves, allow_unused=True) if g is not None)


def _shift(a, b):
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2))


def _spread(x):
    """The root mean square distance from the mean."""
    return float(np.sqrt(x.var(axis=0).sum()))


def _norm(arrays):
    return sum(float((a.astype("float64") ** 2).sum()) for a in arrays) ** 0.5


def rows(x):
    """Samples (N, ...), an array or a Tensor, as float64 (N, d) on the CPU."""
    x = _constant(x).numpy()
    return x.reshape(len(x), -1).astype(np.float64)
