"""The alternating game: some steps of the critic, then one of the generator (Goodfellow et al. 2014, algorithm 1)."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..backend import device_of
from ..deprecation import deprecated
from ..op import no_grad
from .evaluation import OneBatch, couples_samples
from .inputs import constant, with_labels
from .ledger import Ledger
from .reports import Report, divide
from .steps import Descent
from .undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..nn import Module
    from ..optim import EMA, Optimizer
    from ..types import Array, Parameter, Tensor
    from .losses import Loss

__all__ = ["Game", "frozen"]


class Game:
    """Adversarial training of a generator and a critic with their optimizers and one loss.

    Neither step computes a gradient that it does not use: a critic step never differentiates the generator, and a
    generator step differentiates through the critic without computing the gradients of its weights.

    Args:
        generator: Maps noise (N, latent), and labels (N,) if it is conditional, to samples (N, ...).
        critic: Maps samples (N, ...), and labels (N,) if it is conditional, to logits (N, 1) or (N,).
        generator_optimizer: An optimizer of the generator's parameters.
        critic_optimizer: An optimizer of the critic's parameters.
        loss: One of `gan.losses`.
        penalty: A function penalty(critic, real, fake) that returns a scalar Tensor, already multiplied by its weight;
            see `gan.penalties`.
        penalty_interval: Compute the penalty at every k-th critic step only, and multiply it by k (lazy
            regularisation, Karras et al. 2020).
        content: A function content(real, fake) that returns a scalar Tensor, already multiplied by its weight, which
            the generator minimises together with its loss, such as the L1 distance to a target (Isola et al. 2017,
            equation 4).
        average: An `optim.EMA` of the generator, which each generator step updates.
        captured: Record the computation of each player's gradients and replay it, which gives the same numbers faster
            where networks are small; see `minigan.capture`. Every batch must then have the same shape, labels must be
            on a GPU, a weight of the penalty that changes must be an array of shape (), and the loss and the penalty
            must not be replaced. With "if possible", the first CaptureError becomes a warning, and the game goes on
            without replay. On a GPU the optimizer's step is recorded too, if it is one of `minigan.optim`, and the host
            does not wait for it: the numbers of a report are read when they are looked at, and a step that is not
            finite is refused by one of the next steps, or by `settle`; no weight has changed since.

    Attributes:
        critic_steps: The number of critic steps made so far.
        gradient_norms: The gradient norm of each player's latest step, as "critic_gradient" and "generator_gradient".

    Raises:
        TypeError: If the loss has no functions `critic` and `generator`, such as the name of a loss.
        ValueError: If penalty_interval is less than 1, or the average is on another device than the generator.

    Example:
        game = gan.Game(generator, critic, optim.Adam(generator.parameters()), optim.Adam(critic.parameters()),
                        gan.losses.non_saturating, penalty=lambda critic, real, fake: gan.penalties.r1(critic, real))
        for real in loader:
            report = game.critic_step(real, rng.normal((len(real), latent)))
            report |= game.generator_step(rng.normal((len(real), latent)))
    """

    generator: Module
    critic: Module
    generator_optimizer: Optimizer
    critic_optimizer: Optimizer
    loss: Loss
    penalty: Callable[[Any, Tensor, Tensor], Tensor] | None
    penalty_interval: int
    content: Callable[[Any, Tensor], Tensor] | None
    average: EMA[Any] | None
    critic_steps: int
    gradient_norms: dict[str, float]

    def __init__(
        self,
        generator: Module,
        critic: Module,
        generator_optimizer: Optimizer,
        critic_optimizer: Optimizer,
        loss: Loss,
        *,
        penalty: Callable[[Any, Tensor, Tensor], Tensor] | None = None,
        penalty_interval: int = 1,
        content: Callable[[Any, Tensor], Tensor] | None = None,
        average: EMA[Any] | None = None,
        captured: bool | Literal["if possible"] = False,
    ) -> None:
        if not hasattr(loss, "critic") or not hasattr(loss, "generator"):
            raise TypeError(
                f"Game: loss must be one of gan.losses, such as gan.losses.wasserstein, got a {type(loss).__name__}"
            )
        if penalty_interval < 1:
            raise ValueError(f"penalty_interval must be at least 1, got {penalty_interval}")
        device = generator.parameters()[0].device
        if average is not None and average.device != device:
            raise ValueError(
                f"Game: the average is on {average.device!r}, the generator on {device!r}; make the EMA after "
                "moving the generator"
            )
        self.generator, self.critic = generator, critic
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        self.loss, self.penalty, self.penalty_interval, self.content = loss, penalty, penalty_interval, content
        self.average = average
        self.critic_steps = 0
        self.gradient_norms = Report()
        self._couples_samples = couples_samples(critic)
        self._critic_parameters = critic.parameters()
        me = weakref.proxy(self)  # a step that held the game would keep it, and all it recorded, alive
        self._ledger = Ledger(captured)
        self._descents: dict[str, Descent] = {
            player: Descent(player, terms, critic_optimizer, self._ledger)
            for player, terms in (("critic", _critic_terms(me, False)), ("penalised critic", _critic_terms(me, True)))
        }
        self._descents["generator"] = Descent(
            "generator", _generator_terms(me), generator_optimizer, self._ledger, average, generator
        )

    def critic_step(self, real: Tensor | Array, z: Tensor | Array, labels: Array | None = None) -> dict[str, float]:
        """Update the critic once.

        Real samples come first, as in `loss.critic(real_logits, fake_logits)`.

        Args:
            real: Real samples (N, ...), floating-point, scaled like the samples of the generator.
            z: Noise (N, latent) for the generator.
            labels: For conditional networks, the classes (N,) of the real samples; the generator makes samples of the
                same classes.

        Returns:
            The critic's loss as "critic_loss", and the penalty, where it was due, as "penalty".

        Raises:
            TypeError: If the samples are integers; `mg.data.scale` converts uint8 pixels.
            ValueError: If the shapes do not fit the networks; the message tells if real and z are swapped.
            FloatingPointError: If the step is not finite; no weight has changed.
        """
        self._refuse_labels(labels)
        penalised = self.penalty is not None and self.critic_steps % self.penalty_interval == 0
        player = "penalised critic" if penalised else "critic"
        report, self.gradient_norms["critic_gradient"] = self._made(player, constant(real, "real"), z, labels)
        if penalised:
            divide(report, "penalty", self.penalty_interval)
        self.critic_steps += 1
        return report

    def generator_step(
        self, z: Tensor | Array, real: Tensor | Array | None = None, labels: Array | None = None
    ) -> dict[str, float]:
        """Update the generator once.

        Noise comes first, as the generated samples do in `loss.generator(fake_logits, real_logits)`.

        Args:
            z: Noise (N, latent) for the generator.
            real: Real samples (N, ...), needed only by a loss that pairs samples and by `content`.
            labels: For conditional networks, the classes (N,) of the samples to generate.

        Returns:
            The generator's loss as "generator_loss", and the value of `content`, if there is one, as "content".

        Raises:
            TypeError: If the real samples are integers; `mg.data.scale` converts uint8 pixels.
            ValueError: If real samples are needed and missing, or the shapes do not fit the networks; the message tells
                if z and real are swapped.
            FloatingPointError: If the step is not finite; no weight has changed.
        """
        if self.content is not None and real is None:
            raise ValueError("generator_step: content compares with real samples; give real")
        self._refuse_labels(labels)
        inputs = z, None if real is None else constant(real, "real"), labels
        report, self.gradient_norms["generator_gradient"] = self._made("generator", *inputs)
        return report

    def settle(self) -> None:
        """Wait until all steps are computed.

        Raises:
            FloatingPointError: If one was not finite; no weight has changed since.
        """
        self._ledger.settle(wait=True)

    @property
    def refused(self) -> tuple[Any, Any, Any] | None:
        """The arguments (real, z, labels) of the latest step that was not finite; None if there was none."""
        if self._ledger.refused is None:
            return None
        player, (first, second, labels) = self._ledger.refused
        return (second, first, labels) if player == "generator" else (first, second, labels)

    def gradients(self, player: str, *inputs: Any) -> tuple[dict[str, Tensor], tuple[Tensor, ...], Array | float]:
        """Return a player's terms, the gradients of their sum, and the sum of the squares of these gradients.

        See `gan.descent.gradients_of`.

        Args:
            player: "critic", "penalised critic" or "generator"; its terms are differentiated with respect to its own
                parameters.
            inputs: The arguments of `critic_terms` or `generator_terms`, in their order.

        Raises:
            ValueError: If the shapes do not fit the networks; the message tells if real and z are swapped.
        """
        with self._refusing_swapped(player, inputs):
            return self._descents[player].gradients(*inputs)

    def slope(self, player: str, *inputs: Any) -> tuple[dict[str, Tensor], tuple[Tensor, ...], Array | float]:
        """Return `gradients(player, *inputs)`; this is its old name."""
        deprecated("Game.slope", "Game.gradients")
        return self.gradients(player, *inputs)

    def critic_terms(
        self, real: Tensor, z: Tensor | Array, labels: Array | None = None, *, penalised: bool = True
    ) -> dict[str, Tensor]:
        """Return the scalar Tensors whose sum the critic minimises: its loss, and the penalty times its interval.

        Args:
            real, z, labels: As in `critic_step`.
            penalised: Whether to compute the penalty, if there is one.
        """
        generator, critic = with_labels(self.generator, labels), with_labels(self.critic, labels)
        with no_grad():
            fake = generator(z)
        if self._couples_samples:
            real_logits, fake_logits = critic(real), critic(fake)
        else:
            twice = with_labels(self.critic, None if labels is None else np.concatenate([labels, labels]))
            critic = OneBatch(critic, twice, real, fake)
            if self.critic_steps == 0:
                critic.refuse_coupling()
            real_logits, fake_logits = critic.real_logits, critic.fake_logits
        terms = {"critic_loss": self.loss.critic(real_logits, fake_logits)}
        if penalised and self.penalty is not None:
            penalty = self.penalty(critic, real, fake)
            terms["penalty"] = penalty if self.penalty_interval == 1 else penalty * float(self.penalty_interval)
        return terms

    def generator_terms(
        self, z: Tensor | Array, real: Tensor | None = None, labels: Array | None = None
    ) -> dict[str, Tensor]:
        """Return the scalar Tensors whose sum the generator minimises: its loss, and the content.

        Args:
            z, real, labels: As in `generator_step`.
        """
        generator, critic = with_labels(self.generator, labels), with_labels(self.critic, labels)
        with frozen(self._critic_parameters):
            real_logits = critic(real) if self.loss.pairs and real is not None else None
            fake = generator(z)
            terms = {"generator_loss": self.loss.generator(critic(fake), real_logits)}
        if self.content is not None:
            terms["content"] = self.content(real, fake)
        return terms

    def __repr__(self) -> str:
        penalty = getattr(self.penalty, "__name__", repr(self.penalty))
        every = f" every {self.penalty_interval} steps" if self.penalty and self.penalty_interval > 1 else ""
        sizes = [f"{sum(p.size for p in net.parameters()):,}" for net in (self.generator, self.critic)]
        return (
            f"Game(loss={self.loss.name}, penalty={penalty}{every}, "
            f"generator of {sizes[0]} parameters, critic of {sizes[1]} parameters)"
        )

    def _made(self, player, *inputs):
        """Make a player's step, and return its report and the norm of its gradients."""
        descent = self._descents[player]
        descent.optimizer = self.generator_optimizer if player == "generator" else self.critic_optimizer
        with self._refusing_swapped(player, inputs):
            return descent(*inputs)

    @contextmanager
    def _refusing_swapped(self, player, inputs):
        """Say so if a step failed because its arguments were exchanged."""
        try:
            yield
        except ValueError:
            self._refuse_swapped(player, *inputs)
            raise

    def _refuse_labels(self, labels):
        if self._ledger.captured and labels is not None and device_of(labels) == "cpu":
            raise ValueError(
                "a captured game takes no labels on the CPU: Python decides by their values what to compute, and a "
                "replay would repeat an old decision; move them to the GPU, or use captured=False"
            )

    def _refuse_swapped(self, player, first, second, labels=None):
        """Raise ValueError if a step that has failed would have fitted with real and z exchanged."""
        call = "generator_step(z, real)" if player == "generator" else "critic_step(real, z)"
        z, real = (first, second) if player == "generator" else (second, first)
        try:
            with undisturbed(self.generator), no_grad():
                made = with_labels(self.generator, labels)(real)
        except Exception:
            return  # the generator does not accept `real` as noise, so the step has failed for another reason
        if made.shape[1:] == np.shape(z)[1:]:
            raise ValueError(
                f"{call}: the arguments are swapped: real has shape {real.shape} and z has shape {np.shape(z)}, but "
                f"the generator makes samples (N, {_listed(made)}) of noise (N, {_listed(real)})"
            )


def _critic_terms(game, penalised):
    return lambda *inputs: game.critic_terms(*inputs, penalised=penalised)


def _generator_terms(game):
    return lambda *inputs: game.generator_terms(*inputs)


def _listed(samples):
    return ", ".join(map(str, samples.shape[1:]))


@contextmanager
def frozen(parameters: Sequence[Parameter]) -> Iterator[None]:
    """Treat the parameters as constants inside the block; those that were frozen before stay so afterwards."""
    thawed = [p for p in parameters if p.requires_grad]
    for parameter in thawed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in thawed:
            parameter.requires_grad_(True)
