"""Training of a GAN: its networks, optimizers, data and noise, built from a configuration, and one step of the game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data, gan, nn, optim
from ..backend import move
from ..gan.undisturbed import undisturbed
from ..op import no_grad
from ..presets.penalties import PENALTIES
from ..random import Generator
from ..tensor import Tensor
from . import fixed_samples, schedules
from .base import BaseTrainer, part_of
from .networks import build, sample
from .sources import Images, Points, published

if TYPE_CHECKING:
    from ..presets import Config
    from ..types import Array, NDArray, PathLike
    from .sources import Data

__all__ = ["Trainer"]


class Trainer(BaseTrainer):
    """Trainer of a generator against a critic.

    Args:
        config: The configuration; its model is "dcgan", "dense" or "residual".
        dataset: What `load_data(config)` returned.

    Attributes:
        generator: The generator.
        critic: The critic.
        game: The `gan.Game` that the two play.
        ema: The averaged generator, an `optim.EMA`; None without `config.ema`.
        source: The data, in the range of the networks.
        classes: The number of classes; 0 for an unconditional run.
        noise, penalty_noise, picture_noise: Generators of the noise z, of the points of the penalty, and of the noise
            of the pictures.
        penalty_weight: The current weight of the penalty, an array without dimensions on the device.
        diagnosis: The `gan.Diagnosis` of the training.

    Raises:
        ValueError: If settings contradict each other or the data.
    """

    generator: nn.Module
    critic: nn.Module
    game: gan.Game
    ema: optim.EMA | None
    source: Images | Points
    classes: int
    noise: Generator
    penalty_noise: Generator
    picture_noise: Generator
    diagnosis: gan.Diagnosis
    penalty_weight: Array

    def __init__(self, config: Config, dataset: Data) -> None:
        super().__init__(config)
        weights, order, noise, self.penalty_noise, self.picture_noise, split = Generator(config.seed).spawn(6)
        self.noise = noise.on(self.device)
        if isinstance(dataset, data.Dataset):
            self.source = Images(config, dataset, order, split, self.device)
        else:
            self.source = Points(config, dataset, order, split, self.device)
        self.loader, self.classes, self.unit = self.source.loader, self.source.classes, self.source.unit
        networks = build(config, self.source.shape, self.classes, weights)
        self.generator, self.critic = [network.to(self.device) for network in networks]
        # An array rather than a number, so that a captured step uses its new values.
        self.penalty_weight, self._penalty_weight = move(np.zeros((), np.float32), self.device), 0.0
        self.ema = optim.EMA(self.generator, decay=0.0) if config.ema else None
        self.game = gan.Game(
            self.generator, self.critic,
            _optimizer(config, self.generator, config.generator_lr), _optimizer(config, self.critic, config.critic_lr),
            _loss(config),
            penalty=self._penalty(), penalty_interval=config.penalty_interval, average=self.ema,
            captured="if possible" if _repeats_itself(config, self.device) else False,
        )  # fmt: skip
        train, held_out = self._known()
        self.diagnosis = gan.Diagnosis(train=train, held_out=held_out)
        self._findings = self.diagnosis.examine_setup(self.game)
        self._batch: tuple[Any, ...] = ()  # the latest

    def step(self) -> dict[str, float]:
        """Update the critic, `config.critic_steps` times, and then the generator; see `BaseTrainer.step`."""
        self._set_schedules()
        report = {}
        for _ in range(schedules.critic_steps(self.config, self.step_count)):
            report = self._critic_step()
        real, _, *labels = self._batch
        z = self._z(len(real))
        self._batch = (real, z, *labels)
        report |= self.game.generator_step(z, real, *labels)
        self.step_count += 1
        return report

    def _critic_step(self):
        real, *labels = self.loader.next_batch()
        self._batch = (real, self._z(len(real)), *labels)
        report = self.game.critic_step(*self._batch)
        if self.config.penalty == "clip":
            gan.penalties.clip_weights(self.critic, schedules.penalty_weight(self.config, self.step_count))
        return report

    def settle(self) -> None:
        """Wait until all steps are computed; see `BaseTrainer.settle`."""
        self.game.settle()

    def gradient_norms(self) -> dict[str, float]:
        """Return the gradient norms of both networks; see `BaseTrainer.gradient_norms`."""
        return self.game.gradient_norms

    def test(self) -> dict[str, float]:
        """Return both losses in evaluation mode, on held-out samples and noise that is the same at every call."""
        if self.source.held_out is None:
            return {}
        real, *labels = self.source.held_out
        z = Tensor(Generator(self.config.seed, self.device).normal((len(real), self.config.latent)))
        with undisturbed(self.generator, self.critic), no_grad():
            self.generator.eval()
            self.critic.eval()
            of_real, of_fake = self.critic(Tensor(real), *labels), self.critic(self.generator(z, *labels), *labels)
            return {
                "test_critic_loss": self.game.loss.critic(of_real, of_fake).item(),
                "test_generator_loss": self.game.loss.generator(of_fake, of_real).item(),
            }

    def diagnose(self) -> list[gan.Finding]:
        """Diagnose the training on the batch of the latest step; see `BaseTrainer.diagnose`."""
        findings, self._findings = self._findings, []
        before = self.penalty_noise.state  # the search for the cause of a NaN computes the penalty
        if self._batch:
            findings = findings + self.diagnosis.examine(self.game, *self._batch, step=self.step_count)
        self.penalty_noise.set_state(before)
        return findings

    def cause(self) -> str:
        """Return why the latest step failed; see `BaseTrainer.cause`."""
        return str(self.diagnosis.failed(self.game, *(self.game.refused or self._batch), step=self.step_count + 1))

    def draw(self, z: Array, labels: Array | None = None) -> NDArray[Any]:
        """Draw samples, from the averaged generator if there is one; see `BaseTrainer.draw`."""
        return published(self.config, sample(self.ema.module if self.ema else self.generator, z, labels))

    def picture(self, path: PathLike) -> None:
        """Draw samples of fixed noise: a grid of images, one class in a column, or points over the critic's surface."""
        if isinstance(self.source, Points):
            fixed_samples.points(path, self, self.source.sampler)
        else:
            fixed_samples.images(path, self)

    @staticmethod
    def samples(
        config: Config,
        arrays: dict[str, NDArray[Any]],
        state: dict[str, Any],
        n: int,
        rng: Generator,
        label: int | None = None,
    ) -> NDArray[Any]:
        """Draw samples from a saved state; see `BaseTrainer.samples`."""
        classes, part = state["classes"], "ema.module" if config.ema else "generator"
        generator, _ = build(config, tuple(state["shape"]), classes, Generator(0))
        generator.load_state_dict(part_of(arrays, part))
        z = rng.normal((n, config.latent))
        if label is not None and not (classes and 0 <= label < classes):
            raise ValueError(f"label {label}: this generator has {classes or 'no'} classes")
        labels = None if not classes else _labels(state["class_counts"], n, rng) if label is None else np.full(n, label)
        return published(config, sample(generator, z, labels))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the state of the training; see `BaseTrainer.state`."""
        arrays, state = super().state()
        return arrays, state | {
            "shape": list(self.source.shape),
            "classes": self.classes,
            "class_counts": self.source.class_counts,
            "critic_steps": self.game.critic_steps,
        }

    def load_state(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        """Restore what `state` returned; see `BaseTrainer.load_state`."""
        super().load_state(arrays, state)
        self.game.critic_steps = state["critic_steps"]
        self._findings = []  # the findings about the setup were reported when the run began

    def parts(self) -> dict[str, Any]:
        """Return the networks, their optimizers and the average."""
        parts: dict[str, Any] = {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.game.generator_optimizer,
            "critic_optimizer": self.game.critic_optimizer,
        }
        return parts | ({"ema": self.ema} if self.ema else {})

    def generators(self) -> list[Generator]:
        """Return the generators of the noise, of the penalty's points, and of the layers."""
        networks = [*self.generator.modules(), *self.critic.modules()]
        of_layers = (getattr(module, "rng", None) for module in networks)
        return [self.noise, self.penalty_noise, *(rng for rng in of_layers if rng is not None)]

    def _z(self, n):
        return Tensor(self.noise.normal((n, self.config.latent)))

    def _set_schedules(self):
        config, step = self.config, self.step_count
        factor = schedules.lr_factor(config, step)
        self.game.generator_optimizer.lr = config.generator_lr * factor
        self.game.critic_optimizer.lr = config.critic_lr * factor
        self._set_penalty_weight(schedules.penalty_weight(config, step))
        for optimizer in (self.game.generator_optimizer, self.game.critic_optimizer):
            if isinstance(optimizer, optim.Adam):
                optimizer.betas = schedules.betas(config, step)
        if self.ema:
            self.ema.half_life = schedules.half_life(config, step)
        for module in self.critic.modules():
            if isinstance(module, gan.InstanceNoise):
                module.step = step

    def _set_penalty_weight(self, weight):
        if weight != self._penalty_weight:
            self.penalty_weight[...] = self._penalty_weight = weight

    def _known(self):
        """Return training images and held-out images; (None, None) if nothing is held out."""
        if self.source.held_out is None or self.source.seen is None:
            return None, None
        return self.source.seen[0], self.source.held_out[0]

    def _penalty(self):
        """Return the term that the game adds to the critic's loss, a function of (critic, real, fake), or None."""
        on_gradient, drift = self._gradient_penalty(), self.config.drift
        if not drift:
            return on_gradient
        if on_gradient is None:
            return lambda *seen: drift * gan.penalties.drift(*seen)
        return lambda *seen: on_gradient(*seen) + drift * gan.penalties.drift(*seen)

    def _gradient_penalty(self):
        penalty = PENALTIES.get(self.config.penalty)
        if penalty is None:
            return None
        penalise: Any = lambda critic, real, fake: penalty(critic, real, fake, self.penalty_noise)
        if isinstance(self.critic, gan.PackedCritic):
            penalise = self.critic.penalty(penalise)
        return lambda critic, real, fake: self.penalty_weight * penalise(critic, real, fake)


def _repeats_itself(config, device):
    """Return whether all steps are the same computation, and capturing it makes it faster.

    On the CPU it is faster only for dense networks, whose operations are small. A step that depends on its labels, or
    on numbers that change between steps, cannot be captured.
    """
    if device == "cuda":
        return True
    changing = config.conditional or config.spectral or config.augment or config.instance_noise
    return device == "cpu" and config.model == "dense" and not changing


def _labels(counts, n, rng):
    """Return n random labels; class k has a probability proportional to counts[k]."""
    ends = np.cumsum(counts)
    return np.searchsorted(ends, rng.integers(0, int(ends[-1]), (n,)), side="right")


def _loss(config):
    loss = gan.losses.ALL[config.loss]
    return gan.smooth_labels(loss, 1 - config.label_smoothing) if config.label_smoothing else loss


def _optimizer(config, module, lr):
    if config.optimizer == "rmsprop":
        return optim.RMSprop(module.parameters(), lr)
    return optim.Adam(module.parameters(), lr, (config.beta1, config.beta2))
