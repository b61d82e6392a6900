"""The alternating game: some steps of the critic, then one of the generator (Goodfellow et al. 2014, algorithm 1)."""

from contextlib import contextmanager

from ..autodiff import grad
from ..op import no_grad
from ..tensor import Tensor


class Game:
    """A generator and a critic with their optimizers, playing for one loss.

    loss: one of `gan.losses`.
    penalty(critic, real, fake) -> scalar Tensor, its weight included, or None; see `gan.penalties`.
    penalty_interval: compute the penalty at every k-th critic step only, times k
        (lazy regularisation, Karras et al. 2020).

    Neither step computes a gradient that it does not use: the critic's never enters the generator, and the generator's
    passes through the critic without touching its weights.
    """

    def __init__(
        self, generator, critic, generator_optimizer, critic_optimizer, loss, *, penalty=None, penalty_interval=1
    ):
        self.generator, self.critic = generator, critic
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        self.loss, self.penalty, self.penalty_interval = loss, penalty, penalty_interval
        if penalty_interval < 1:
            raise ValueError(f"penalty_interval must be at least 1, got {penalty_interval}")
        self.critic_steps = 0

    def critic_step(self, real, z, labels=None):
        """One update of the critic on real samples (N, ...) and noise z (N, latent).  Returns its loss and penalty.

        labels (N,), for conditional networks: the classes of the real samples, and those asked of the generator.
        """
        real = _constant(real)
        generator, critic = _given(self.generator, labels), _given(self.critic, labels)
        with no_grad():
            fake = generator(z)
        loss = self.loss.critic(critic(real), critic(fake))
        total, report = loss, {"critic_loss": loss.item()}
        if self.penalty is not None and self.critic_steps % self.penalty_interval == 0:
            penalty = self.penalty(critic, real, fake)
            total = loss + penalty * float(self.penalty_interval)
            report["penalty"] = penalty.item()
        self.critic_steps += 1
        self.critic_optimizer.step(grad(total, self.critic_optimizer.parameters))
        return report

    def generator_step(self, z, real=None, labels=None):
        """One update of the generator on noise z (N, latent).  Returns its loss.

        real (N, ...) is needed by a loss that pairs samples; labels as in `critic_step`.
        """
        generator, critic = _given(self.generator, labels), _given(self.critic, labels)
        with _frozen(self.critic):
            real_logits = critic(_constant(real)) if self.loss.pairs and real is not None else None
            loss = self.loss.generator(critic(generator(z)), real_logits)
        self.generator_optimizer.step(grad(loss, self.generator_optimizer.parameters))
        return {"generator_loss": loss.item()}


@contextmanager
def _frozen(module):
    """A module whose parameters are constants inside the block; those that already were stay so."""
    thawed = [p for p in module.parameters() if p.requires_grad]
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
