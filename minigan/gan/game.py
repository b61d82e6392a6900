"""The alternating game: some steps of the critic, then one of the generator (Goodfellow et al. 2014, algorithm 1)."""

import warnings
import weakref
from contextlib import contextmanager

import numpy as np

from ..backend import device_of, threads
from ..capture import CaptureError, capture
from ..op import no_grad
from ..tensor import Tensor
from .descent import descend, slope_of
from .evaluation import OneBatch, couples_samples


class Game:
    """A generator and a critic with their optimizers, playing for one loss.

    loss: one of `gan.losses`.
    penalty(critic, real, fake) -> scalar Tensor, its weight included, or None; see `gan.penalties`.
    penalty_interval: compute the penalty at every k-th critic step only, times k
        (lazy regularisation, Karras et al. 2020).
    content(real, fake) -> scalar Tensor, its weight included, or None: what the generator minimises beside its loss,
        such as the L1 distance to a target (Isola et al. 2017, equation 4).
    captured: record the computation of each player's gradients and replay it, see `minigan.capture`: the same numbers,
        faster where networks are small.  Batches then keep their shape, labels are on a GPU, a penalty's weight that
        changes is an array of shape (), and another loss or penalty needs another game.  "if possible": from the first
        CaptureError on, steps are computed as they are, after a warning with the cause.

    gradient_norms: {"critic_gradient": number, "generator_gradient": number}, those of each player's latest step.

    Neither step computes a gradient that it does not use: the critic's never enters the generator, and the generator's
    passes through the critic without touching its weights.
    """

    def __init__(
        self, generator, critic, generator_optimizer, critic_optimizer, loss,
        *, penalty=None, penalty_interval=1, content=None, captured=False,
    ):  # fmt: skip
        if penalty_interval < 1:
            raise ValueError(f"penalty_interval must be at least 1, got {penalty_interval}")
        self.generator, self.critic = generator, critic
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        self.loss, self.penalty, self.penalty_interval, self.content = loss, penalty, penalty_interval, content
        self.critic_steps = 0
        self.gradient_norms = {}
        self._couples_samples = couples_samples(critic)
        self._critic_parameters = critic.parameters()
        self._captured = captured
        self._step = threads.Repeated()
        wrapped = capture if captured else lambda step: step
        me = weakref.proxy(self)  # a step that held the game would keep it, and all it recorded, alive
        self._slopes = {
            "critic": wrapped(_slope(_critic_terms(me, False), critic_optimizer.parameters)),
            "penalised critic": wrapped(_slope(_critic_terms(me, True), critic_optimizer.parameters)),
            "generator": wrapped(_slope(lambda *inputs: me.generator_terms(*inputs), generator_optimizer.parameters)),
        }

    def critic_step(self, real, z, labels=None):
        """One update of the critic on real samples (N, ...) and noise z (N, latent).  Returns its loss and penalty.

        labels (N,), for conditional networks: the classes of the real samples, and those asked of the generator.
        """
        self._refuse_labels(labels)
        penalised = self.penalty is not None and self.critic_steps % self.penalty_interval == 0
        with self._step:
            player = "penalised critic" if penalised else "critic"
            slope = self.slope(player, _constant(real), z, labels)
            report, self.gradient_norms["critic_gradient"] = descend(self.critic_optimizer, *slope)
        if penalised:
            report["penalty"] /= self.penalty_interval
        self.critic_steps += 1
        return report

    def generator_step(self, z, real=None, labels=None):
        """One update of the generator on noise z (N, latent).  Returns its loss, and the content's.

        real (N, ...) is needed by a loss that pairs samples and by content; labels as in `critic_step`.
        """
        if self.content is not None and real is None:
            raise ValueError("generator_step: content compares with real samples; give real")
        self._refuse_labels(labels)
        with self._step:
            slope = self.slope("generator", z, None if real is None else _constant(real), labels)
            report, self.gradient_norms["generator_gradient"] = descend(self.generator_optimizer, *slope)
        return report

    def slope(self, player, *inputs):
        """What `gan.descent.slope_of` gives for "critic", "penalised critic" or "generator".

        inputs: those of `critic_terms` or `generator_terms`.
        """
        try:
            return self._slopes[player](*inputs)
        except CaptureError as error:
            if self._captured != "if possible":
                raise
            warnings.warn(f"steps are computed as they are, and not captured, which is slower: {error}", stacklevel=3)
            self._captured, self._slopes = False, {name: step.step for name, step in self._slopes.items()}
        return self._slopes[player](*inputs)

    def critic_terms(self, real, z, labels=None, *, penalised=True):
        """{name: scalar Tensor} of which the critic minimises the sum: its loss, and the penalty times its interval."""
        generator, critic = _given(self.generator, labels), _given(self.critic, labels)
        with no_grad():
            fake = generator(z)
        if self._couples_samples:
            real_logits, fake_logits = critic(real), critic(fake)
        else:
            twice = _given(self.critic, None if labels is None else np.concatenate([labels, labels]))
            critic = OneBatch(critic, twice, real, fake)
            if self.critic_steps == 0:
                critic.refuse_coupling()
            real_logits, fake_logits = critic.real_logits, critic.fake_logits
        terms = {"critic_loss": self.loss.critic(real_logits, fake_logits)}
        if penalised and self.penalty is not None:
            terms["penalty"] = self.penalty(critic, real, fake) * float(self.penalty_interval)
        return terms

    def generator_terms(self, z, real=None, labels=None):
        """{name: scalar Tensor} of which the generator minimises the sum: its loss, and the content."""
        generator, critic = _given(self.generator, labels), _given(self.critic, labels)
        with frozen(self._critic_parameters):
            real_logits = critic(real) if self.loss.pairs and real is not None else None
            fake = generator(z)
            terms = {"generator_loss": self.loss.generator(critic(fake), real_logits)}
        if self.content is not None:
            terms["content"] = self.content(real, fake)
        return terms

    def _refuse_labels(self, labels):
        if self._captured and labels is not None and device_of(labels) == "cpu":
            raise ValueError("a captured game takes no labels on the CPU: they decide in Python what is computed")


def _critic_terms(game, penalised):
    return lambda *inputs: game.critic_terms(*inputs, penalised=penalised)


def _slope(player, parameters):
    """A function of a player's inputs that gives all that a step down its terms needs, see `slope_of`."""
    return lambda *inputs: slope_of(player(*inputs), parameters)


@contextmanager
def frozen(parameters):
    """Parameters are constants inside the block; those that already were stay so."""
    thawed = [p for p in parameters if p.requires_grad]
    for parameter in thawed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in thawed:
            parameter.requires_grad_(True)


def _given(network, labels):
    return network if labels is None else lambda x: network(x, labels)


def _constant(x):
    return x.detach() if isinstance(x, Tensor) else Tensor(x)
