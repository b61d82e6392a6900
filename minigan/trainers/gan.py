"""A GAN in training, built from a Config: its networks, optimizers, data and noise, and one step of the game."""

import numpy as np

from .. import data, gan, optim
from ..backend import move
from ..gan.undisturbed import undisturbed
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor
from . import fixed_samples, schedules
from .base import BaseTrainer, part_of
from .device import chosen
from .networks import build, sample
from .sources import Images, Points, published


class Trainer(BaseTrainer):
    """A generator against a critic."""

    def __init__(self, config, dataset):
        config.check()
        self.config, self.device = config, chosen(config)
        weights, order, noise, self.penalty_noise, self.picture_noise, split = Generator(config.seed).spawn(6)
        self.noise = noise.on(self.device)
        source = Images if isinstance(dataset, data.Dataset) else Points
        self.source = source(config, dataset, order, split, self.device)
        self.loader, self.classes, self.unit = self.source.loader, self.source.classes, self.source.unit
        networks = build(config, self.source.shape, self.classes, weights)
        self.generator, self.critic = [network.to(self.device) for network in networks]
        # An array: a captured step sees it change.
        self.penalty_weight = move(np.zeros((), np.float32), self.device)
        self.game = gan.Game(
            self.generator, self.critic,
            _optimizer(config, self.generator, config.generator_lr), _optimizer(config, self.critic, config.critic_lr),
            _loss(config),
            penalty=self._penalty(), penalty_interval=config.penalty_interval,
            captured="if possible" if _repeats_itself(config, self.device) else False,
        )  # fmt: skip
        self.ema = optim.EMA(self.generator, decay=0.0) if config.ema else None
        self.diagnosis = gan.Diagnosis(**self._known())
        self._findings = self.diagnosis.examine_setup(self.game)
        self._batch = None  # the latest

    def step(self):
        """`critic_steps` updates of the critic and one of the generator.  Returns {name: number}."""
        self._set_schedules()
        for _ in range(schedules.critic_steps(self.config, self.step_count)):
            real, *labels = self.loader.next_batch()
            self._batch = (real, self._z(len(real)), *labels)
            report = self.game.critic_step(*self._batch)
            if self.config.penalty == "clip":
                gan.penalties.clip_weights(self.critic, schedules.penalty_weight(self.config, self.step_count))
        z = self._z(len(real))
        self._batch = (real, z, *labels)
        report |= self.game.generator_step(z, real, *labels)
        if self.ema:
            self.ema.update(self.generator)
        self.step_count += 1
        return report

    def gradient_norms(self):
        """See `BaseTrainer.gradient_norms`."""
        return self.game.gradient_norms

    def test(self):
        """The losses of both networks in evaluation mode, on held-out samples and noise that is always the same."""
        if self.source.held_out is None:
            return {}
        real, *labels = self.source.held_out
        z = Tensor(Generator(self.config.seed, self.device).normal((len(real), self.config.latent)))
        with undisturbed(self.generator, self.critic), no_grad():
            self.generator.eval()
            self.critic.eval()
            real, fake = self.critic(Tensor(real), *labels), self.critic(self.generator(z, *labels), *labels)
            return {
                "test_critic_loss": self.game.loss.critic(real, fake).item(),
                "test_generator_loss": self.game.loss.generator(fake, real).item(),
            }

    def diagnose(self):
        """See `BaseTrainer.diagnose`; on the batch of the latest step."""
        findings, self._findings = self._findings, []
        before = self.penalty_noise.state  # the cause of a number that is none is looked for with the penalty
        if self._batch:
            findings = findings + self.diagnosis.examine(self.game, *self._batch, step=self.step_count)
        self.penalty_noise.set_state(before)
        return findings

    def cause(self):
        """See `BaseTrainer.cause`."""
        return str(self.diagnosis.failed(self.game, *self._batch, step=self.step_count + 1))

    def draw(self, z, labels=None):
        """See `BaseTrainer.draw`: from the averaged generator if there is one."""
        return published(self.config, sample(self.ema.module if self.ema else self.generator, z, labels))

    def picture(self, path):
        """Write samples of fixed noise: a grid of images, a class to a column, or points over the critic's surface."""
        (fixed_samples.points if isinstance(self.source, Points) else fixed_samples.images)(path, self)

    @staticmethod
    def samples(config, arrays, state, n, rng, label=None):
        """See `BaseTrainer.samples`; label: each class as often as in the data if None."""
        classes, part = state["classes"], "ema.module" if config.ema else "generator"
        generator, _ = build(config, tuple(state["shape"]), classes, Generator(0))
        generator.load_state_dict(part_of(arrays, part))
        z = rng.normal((n, config.latent))
        if label is not None and not (classes and 0 <= label < classes):
            raise ValueError(f"label {label}: this generator has {classes or 'no'} classes")
        labels = None if not classes else _labels(state["class_counts"], n, rng) if label is None else np.full(n, label)
        return published(config, sample(generator, z, labels))

    def state(self):
        """See `BaseTrainer.state`."""
        arrays, state = super().state()
        return arrays, state | {
            "shape": list(self.source.shape),
            "classes": self.classes,
            "class_counts": self.source.class_counts,
            "critic_steps": self.game.critic_steps,
        }

    def load_state(self, arrays, state):
        """Restore what `state` gave.  ValueError if it belongs to another configuration."""
        super().load_state(arrays, state)
        self.game.critic_steps = state["critic_steps"]
        self._findings = []  # those of the setup were told when the run began

    def parts(self):
        """The networks, their optimizers and the average."""
        parts = {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.game.generator_optimizer,
            "critic_optimizer": self.game.critic_optimizer,
        }
        return parts | ({"ema": self.ema} if self.ema else {})

    def generators(self):
        """Noise, the penalty's points, and what layers draw."""
        networks = [*self.generator.modules(), *self.critic.modules()]
        return [self.noise, self.penalty_noise, *(module.rng for module in networks if hasattr(module, "rng"))]

    def _z(self, n):
        return Tensor(self.noise.normal((n, self.config.latent)))

    def _set_schedules(self):
        config, step = self.config, self.step_count
        factor = schedules.lr_factor(config, step)
        self.game.generator_optimizer.lr = config.generator_lr * factor
        self.game.critic_optimizer.lr = config.critic_lr * factor
        self.penalty_weight[...] = schedules.penalty_weight(config, step)
        if config.optimizer == "adam":
            self.game.generator_optimizer.betas = self.game.critic_optimizer.betas = schedules.betas(config, step)
        if self.ema:
            self.ema.half_life = schedules.half_life(config, step)
        for module in self.critic.modules():
            if isinstance(module, gan.InstanceNoise):
                module.step = step

    def _known(self):
        if self.source.held_out is None or self.source.seen is None:
            return {}
        return {"train": self.source.seen[0], "held_out": self.source.held_out[0]}

    def _penalty(self):
        """What the game adds to the critic's loss: a function of (critic, real, fake), weights included, or None."""
        slope, drift = self._slope_penalty(), self.config.drift
        if not drift:
            return slope
        if slope is None:
            return lambda *seen: drift * gan.penalties.drift(*seen)
        return lambda *seen: slope(*seen) + drift * gan.penalties.drift(*seen)

    def _slope_penalty(self):
        p, rng = gan.penalties, self.penalty_noise
        known = {
            "none": None,
            "clip": None,
            "gradient_penalty": lambda critic, real, fake: p.gradient_penalty(critic, real, fake, rng),
            "zero_centered": lambda critic, real, fake: p.zero_centered(critic, real, fake, rng),
            "r1": lambda critic, real, fake: p.r1(critic, real),
            "r1_r2": p.r1_r2,
            "dragan": lambda critic, real, fake: p.dragan(critic, real, rng),
        }
        penalise = known[self.config.penalty]
        if penalise is None:
            return None
        if self.config.packing > 1:
            penalise = self.critic.penalty(penalise)
        return lambda critic, real, fake: self.penalty_weight * penalise(critic, real, fake)


def _repeats_itself(config, device):
    """Is a step the same computation every time, and one that it pays to capture?

    On the CPU that is one of small operations; what looks at its labels, or changes its numbers, cannot be repeated.
    """
    if device == "cuda":
        return not config.instance_noise
    changing = config.conditional or config.spectral or config.augment or config.instance_noise
    return device == "cpu" and config.model == "dense" and not changing


def _labels(counts, n, rng):
    """n labels, each class k as likely as its counts[k]."""
    ends = np.cumsum(counts)
    return np.searchsorted(ends, rng.integers(0, int(ends[-1]), (n,)), side="right")


def _loss(config):
    loss = gan.losses.ALL[config.loss]
    return gan.smooth_labels(loss, 1 - config.label_smoothing) if config.label_smoothing else loss


def _optimizer(config, module, lr):
    if config.optimizer == "rmsprop":
        return optim.RMSprop(module.parameters(), lr)
    return optim.Adam(module.parameters(), lr, (config.beta1, config.beta2))
