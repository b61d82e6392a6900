"""A GAN in training, built from a Config: its networks, optimizers, data and noise, and one step of the game."""

from functools import partial

import numpy as np

from .. import data, gan, models, nn, optim
from ..op import no_grad
from ..random import Generator
from ..tensor import Tensor

SAMPLE_BATCH = 500


class Trainer:
    """Everything that changes during a run.  All randomness comes from `config.seed`, in separate streams."""

    def __init__(self, config, dataset):
        config.check()
        self.config = config
        self.image_shape = dataset.images.shape[1:]
        self.classes = _classes(config, dataset)
        weights, order, self.noise, self.penalty_noise = Generator(config.seed).spawn(4)
        self.generator, self.critic = build(config, self.image_shape, self.classes, weights)
        self.game = gan.Game(
            self.generator, self.critic,
            _optimizer(config, self.generator, config.generator_lr), _optimizer(config, self.critic, config.critic_lr),
            _loss(config),
            penalty=self._penalty(), penalty_interval=config.penalty_interval,
        )  # fmt: skip
        self.ema = optim.EMA(self.generator, half_life=max(config.ema * config.steps, 1)) if config.ema else None
        arrays = (dataset.images, dataset.labels) if config.conditional else (dataset.images,)
        self.loader = data.Loader(
            arrays, config.batch_size, order, transform=lambda batch: (data.scale(batch[0]), *batch[1:])
        )
        self.step_count = 0

    def step(self):
        """`critic_steps` updates of the critic and one of the generator.  Returns {name: number}."""
        self._set_schedules()
        for _ in range(self.config.critic_steps):
            real, *labels = self.loader.next_batch()
            report = self.game.critic_step(real, self._z(len(real)), *labels)
            if self.config.penalty == "clip":
                gan.penalties.clip_weights(self.critic, self.config.penalty_weight)
        labels = labels[0] if labels else None
        report |= self.game.generator_step(self._z(len(real)), real, labels)
        if self.ema:
            self.ema.update(self.generator)
        self.step_count += 1
        return report

    def draw(self, z, labels=None):
        """Images for the noise z and labels, from the averaged generator if there is one; see `sample`."""
        return sample(self.ema.module if self.ema else self.generator, z, labels)

    def state(self):
        """({name: array}, JSON-able dict): all that `load_state` needs to go on as if nothing had happened."""
        arrays = {
            f"{part}.{name}": array
            for part, owner in self._parts().items()
            for name, array in owner.state_dict().items()
        }
        return arrays, {
            "image_shape": list(self.image_shape),
            "classes": self.classes,
            "critic_steps": self.game.critic_steps,
            "loader": self.loader.state_dict(),
            "generators": [rng.state for rng in self._generators()],
        }

    def load_state(self, arrays, state):
        """Restore what `state` gave.  ValueError if it belongs to another configuration."""
        for part, owner in self._parts().items():
            owner.load_state_dict(
                {k.removeprefix(f"{part}."): v for k, v in arrays.items() if k.startswith(f"{part}.")}
            )
        self.step_count = state["step"]
        self.game.critic_steps = state["critic_steps"]
        self.loader.load_state_dict(state["loader"])
        for rng, saved in zip(self._generators(), state["generators"], strict=True):
            rng.set_state(saved)

    def _parts(self):
        parts = {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.game.generator_optimizer,
            "critic_optimizer": self.game.critic_optimizer,
        }
        return parts | ({"ema": self.ema} if self.ema else {})

    def _generators(self):
        networks = [*self.generator.modules(), *self.critic.modules()]
        return [self.noise, self.penalty_noise, *(module.rng for _, module in networks if hasattr(module, "rng"))]

    def _z(self, n):
        return Tensor(self.noise.normal((n, self.config.latent)))

    def _set_schedules(self):
        fall = {"constant": lambda step, steps: 1.0, "linear": optim.linear, "cosine": optim.cosine}[
            self.config.schedule
        ]
        factor = fall(self.step_count, self.config.steps)
        self.game.generator_optimizer.lr = self.config.generator_lr * factor
        self.game.critic_optimizer.lr = self.config.critic_lr * factor
        for _, module in self.critic.modules():
            if isinstance(module, gan.InstanceNoise):
                module.step = self.step_count

    def _penalty(self):
        """The penalty as the game wants it: a function of (critic, real, fake) with its weight, or None."""
        p, weight, rng = gan.penalties, self.config.penalty_weight, self.penalty_noise
        known = {
            "none": None,
            "clip": None,
            "gradient_penalty": lambda critic, real, fake: weight * p.gradient_penalty(critic, real, fake, rng),
            "zero_centered": lambda critic, real, fake: weight * p.zero_centered(critic, real, fake, rng),
            "r1": lambda critic, real, fake: weight * p.r1(critic, real),
            "r1_r2": lambda critic, real, fake: weight * (p.r1(critic, real) + p.r2(critic, fake)),
            "dragan": lambda critic, real, fake: weight * p.dragan(critic, real, rng),
        }
        return known[self.config.penalty]


def build(config, image_shape, classes, rng):
    """The generator and the critic that `config` describes, with weights drawn from rng."""
    latent, outputs = config.latent + classes, 1 + classes
    if config.model == "dense":
        generator = models.dense.generator(
            latent, image_shape, config.generator_width, slope=config.generator_slope, rng=rng
        )  # fmt: skip
        critic = models.dense.discriminator(image_shape, config.critic_width, outputs=outputs, rng=rng)
    else:
        generator = models.dcgan.generator(
            latent, image_shape, config.generator_width, config.kernel, config.generator_slope, config.refine, rng=rng
        )
        critic = models.dcgan.discriminator(
            image_shape, config.critic_width, config.kernel,
            dropout=config.dropout, batch_norm=config.critic_norm, spectral=config.spectral, outputs=outputs, rng=rng,
        )  # fmt: skip
    if front := _front(config, rng):
        critic = nn.Sequential(**front, scores=critic).named("critic")
    if classes:
        generator = models.conditional.LabelledGenerator(generator, classes)
        critic = models.conditional.ProjectionCritic(critic, classes)
    return generator, critic


def sample(generator, z, labels=None):
    """G(z), or G(z, labels), as float32 (N, H, W, C) in [-1, 1], in evaluation mode.

    The generator's mode is restored.
    """
    training = generator.training
    generator.eval()
    try:
        with no_grad():
            rows = [slice(i, i + SAMPLE_BATCH) for i in range(0, len(z), SAMPLE_BATCH)]
            images = [generator(Tensor(z[r]), *([] if labels is None else [labels[r]])).numpy() for r in rows]
    finally:
        generator.train(training)
    return np.concatenate(images)


def _front(config, rng):
    """What the critic sees the images through: augmentation, then noise."""
    front = {}
    if config.augment:
        front["augment"] = gan.Augment(config.augment, rng=rng.spawn())
    if config.instance_noise:
        fading = partial(optim.linear, steps=config.steps, start=config.instance_noise, end=0.0)
        front["noise"] = gan.InstanceNoise(fading, rng=rng.spawn())
    return front


def _loss(config):
    loss = gan.losses.ALL[config.loss]
    return gan.smooth_labels(loss, 1 - config.label_smoothing) if config.label_smoothing else loss


def _classes(config, dataset):
    if not config.conditional:
        return 0
    if dataset.labels is None:
        raise ValueError(f"conditional needs labelled data, and {dataset.name} has no labels: give --no-conditional")
    return dataset.classes


def _optimizer(config, module, lr):
    if config.optimizer == "rmsprop":
        return optim.RMSprop(module.parameters(), lr)
    return optim.Adam(module.parameters(), lr, (config.beta1, config.beta2))
