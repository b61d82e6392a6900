"""Games with a known fault, and healthy ones: each is a function of a seed, and small enough to play in a second."""

import copy
from functools import cache
from types import SimpleNamespace

import numpy as np

import minigan as mg
from minigan import data, gan, models, nn, ops, optim
from minigan.gan import losses, penalties
from minigan.random import Generator

BATCH, EVERY = 64, 20
IMAGE = (8, 8, 1)


def play(case, until=None):
    """Play a game and return its findings, at step 1 and every EVERY steps, up to the finding `until`, if given."""
    game, diagnosis = case.game, case.diagnosis
    found = diagnosis.examine_setup(game)
    for step in range(1, case.steps + 1):
        if until in {finding.name for finding in found}:
            break
        try:
            real, z = case.turn()
        except FloatingPointError:
            return [*found, diagnosis.failed(game, *case.batch, step=step)]
        if step == 1 or step % EVERY == 0:
            found += diagnosis.examine(game, real, z, step=step)
    return found


class Case(SimpleNamespace):
    """A game with the sources of its data and noise, and the rule by which a turn is played."""

    def turn(self):
        for _ in range(self.critic_steps):
            self.game.critic_step(*self.draw())
            self.after_critic_step()
        real, z = self.draw()
        if self.generator_steps:
            self.game.generator_step(z, real)
        return real, z

    def draw(self):
        self.batch = self.sample(BATCH, self.order), self.noise(BATCH)
        return self.batch


def make(
    seed, sample, loss=losses.non_saturating, penalty=None, *, lr=1e-3, critic_lr=None, betas=(0.0, 0.99), norm=False,
    critic_norm=False, generator=None, critic=None, shape=(2,), latent=4, width=32, steps=400, critic_steps=1,
):  # fmt: skip
    weights, noise, order, mixing = Generator(seed).spawn(4)
    output = "linear" if shape == (2,) else "tanh"
    generator = generator or models.dense.generator(latent, shape, width, output=output, batch_norm=norm, rng=weights)
    critic = critic or models.dense.critic(shape, width, batch_norm=critic_norm, rng=weights)
    game = gan.Game(
        generator,
        critic,
        optim.Adam(generator.parameters(), lr, betas),
        optim.Adam(critic.parameters(), critic_lr or lr, betas),
        loss,
        penalty=penalty and (lambda critic, real, fake: penalty(critic, real, fake, mixing)),
    )
    return Case(
        game=game, sample=sample, noise=lambda n: noise.normal((n, latent)), order=order, steps=steps,
        critic_steps=critic_steps, generator_steps=1, after_critic_step=lambda: None, diagnosis=gan.Diagnosis(),
    )  # fmt: skip


def on_ring(seed, *args, **options):
    return make(seed, points(data.mixtures.ring()), *args, **options)


def on_digits(seed, *args, **options):
    return make(seed, rows_of(digits()), *args, shape=IMAGE, latent=16, **options)


def points(mixture):
    return lambda n, rng: mixture.sample(n, rng) / np.float32(mixture.scale)


def normal(n, rng):
    return rng.normal((n, 2)) * np.float32([1.0, 0.3]) + np.float32([1.0, 0.0])


def rows_of(images):
    return lambda n, rng: images[rng.integers(0, len(images), (n,))]


@cache
def digits():
    return data.scale(data.load("digits-8x8").images)


def gradient_penalty(weight):
    return lambda critic, real, fake, rng: weight * penalties.gradient_penalty(critic, real, fake, rng)


def r1(weight):
    return lambda critic, real, fake, rng: weight * penalties.r1(critic, real)


def r1_r2(weight):
    return lambda critic, real, fake, rng: weight * (penalties.r1(critic, real) + penalties.r2(critic, fake))


# --- healthy -----------------------------------------------------------------------------------------------


def grid_with_paired_losses(seed):
    return make(seed, points(data.mixtures.grid()), losses.relativistic, r1_r2(0.2))


def swissroll_with_gradient_penalty(seed):
    return make(
        seed, points(data.mixtures.swissroll()), losses.wasserstein, gradient_penalty(0.1), betas=(0.5, 0.9),
        critic_steps=2,
    )  # fmt: skip


def normal_without_penalty(seed):
    return make(seed, normal, lr=3e-4, betas=(0.5, 0.999))


def normal_with_clipped_weights(seed):
    case = make(seed, normal, losses.wasserstein, lr=5e-4, critic_steps=2)
    case.after_critic_step = lambda: penalties.clip_weights(case.game.critic, 0.1)
    return case


def digits_with_r1(seed):
    return on_digits(seed, penalty=r1(1.0), norm=True)


def digits_with_least_squares(seed):
    return on_digits(seed, losses.least_squares, gradient_penalty(1.0))


def digits_with_spectral_norm(seed):
    rng = Generator(seed + 100)
    layers = [nn.spectral_norm(nn.Linear(a, b, rng=rng), rng=rng) for a, b in ((64, 32), (32, 32), (32, 1))]
    critic = nn.Sequential(
        flatten=nn.Flatten(), one=layers[0], act=nn.LeakyReLU(0.2), two=layers[1], act2=nn.LeakyReLU(0.2), out=layers[2]
    )
    return on_digits(seed, losses.hinge, norm=True, critic=critic.named("critic"))


def digits_with_convolutions(seed):
    rng = Generator(seed + 100)
    generator = models.dcgan.generator(16, IMAGE, 8, 4, 0.0, False, init=nn.init.he, rng=rng)
    critic = models.dcgan.critic(IMAGE, 8, 4, batch_norm=True, dropout=0.2, init=nn.init.he, rng=rng)
    return on_digits(seed, generator=generator, critic=critic, betas=(0.5, 0.99))


def watched_for_copies(seed):
    images = digits()[Generator(seed).permutation(1797)]
    case = make(seed, rows_of(images[:1200]), penalty=r1(1.0), norm=True, shape=IMAGE, latent=16)
    case.diagnosis = gan.Diagnosis(train=images[:1200], held_out=images[1200:])
    return case


HEALTHY = (
    grid_with_paired_losses,
    swissroll_with_gradient_penalty,
    normal_without_penalty,
    normal_with_clipped_weights,
    digits_with_r1,
    digits_with_least_squares,
    digits_with_spectral_norm,
    digits_with_convolutions,
    watched_for_copies,
)


# --- ill ---------------------------------------------------------------------------------------------------


def saturating_loss_against_a_trained_critic(seed):
    case = on_digits(seed, losses.minimax, lr=1e-4, critic_lr=3e-3)
    for _ in range(300):
        case.game.critic_step(*case.draw())
    return case


def critic_a_hundred_times_faster(seed):
    return on_digits(seed, lr=1e-4, critic_lr=1e-2)


def critic_ten_times_slower(seed):
    return on_digits(seed, lr=2e-3, critic_lr=2e-4, betas=(0.5, 0.999))


def critic_not_trained(seed):
    case = on_ring(seed, lr=1e-2)
    for _ in range(50):
        case.game.critic_step(*case.draw())
    case.critic_steps = 0
    return case


def constant_noise(seed):
    case = on_ring(seed)
    (z,) = case.noise(1)
    case.noise = lambda n: np.tile(z, (n, 1))
    return case


def three_noise_vectors(seed):
    case = on_ring(seed, losses.relativistic, r1_r2(0.2))
    known, rng = 3 * case.noise(3), Generator(seed)
    case.noise = lambda n: known[rng.integers(0, 3, (n,))]
    return case


def dead_units(seed):
    generator = models.dense.generator(4, (2,), 32, slope=0.0, output="linear", rng=Generator(seed))
    generator.dense2.bias.assign_(np.full(32, -20.0))
    return on_ring(seed, generator=generator)


def wasserstein_without_a_bound(seed):
    return on_ring(seed, losses.wasserstein, critic_lr=2e-2, critic_steps=3)


def huge_rate_without_adam(seed):
    case = on_ring(seed, losses.least_squares)
    case.game.critic_optimizer = optim.SGD(case.game.critic.parameters(), 5.0)
    return case


def root_of_zero(seed):
    def penalty(critic, real, fake, rng):
        g = penalties.input_gradient(critic, mg.Tensor(real.data, requires_grad=True))
        return ((ops.sqrt((g * g).sum(axis=1)) - 1.0) ** 2).mean()

    case = on_ring(seed, losses.wasserstein, penalty)
    case.game.critic.out.weight.assign_(np.zeros((32, 1)))
    return case


def logarithm_of_a_sigmoid(seed):
    def log_sigmoid(x):
        return ops.log(ops.sigmoid(x))

    naive = losses.Loss("naive", "", lambda r, f: -(log_sigmoid(r) + log_sigmoid(-f)).mean(), None)
    case = on_digits(seed, naive, critic_lr=1.0)
    case.generator_steps, case.diagnosis.examine = 0, lambda *args, **options: []
    return case


def hole_in_the_data(seed):
    case = on_ring(seed)
    whole = case.sample

    def sample(n, rng):
        x = whole(n, rng)
        if rng.uniform((1,))[0] < 0.02:
            x[3, 1] = np.nan
        return x

    case.sample = sample
    return case


def eps_and_momentum_swapped(seed):
    case = on_digits(seed, penalty=r1(1.0), norm=True)
    for layer in (case.game.generator.norm1, case.game.generator.norm2):
        layer.momentum, layer.eps = layer.eps, layer.momentum
    return case


def few_images(seed):
    images = digits()[Generator(seed).permutation(1797)]
    case = make(seed, rows_of(images[:32]), penalty=r1(0.02), lr=3e-3, shape=IMAGE, latent=16, width=64, steps=800)
    case.diagnosis = gan.Diagnosis(train=images[:32], held_out=images[32:])
    return case


def penalised_batch_norm(seed):
    def penalty(critic, real, fake, rng):
        x = mg.Tensor(real.data, requires_grad=True)
        (g,) = mg.grad(critic(x).sum(), [x], create_graph=True)
        return (g * g).sum(axis=1).mean()

    return on_ring(seed, penalty=penalty, critic_norm=True)


def rate_of_almost_zero(seed):
    return on_ring(seed, lr=1e-12, critic_lr=1e-3)


def optimizer_of_a_copy(seed):
    case = on_ring(seed)
    case.game.generator_optimizer = optim.Adam(copy.deepcopy(case.game.generator).parameters(), 1e-3)
    case.generator_steps = 0
    return case


def rates_of_one(seed):
    return on_digits(seed, lr=1.0)


ILL = {  # what is wrong: what must be found, with a word of the evidence
    saturating_loss_against_a_trained_critic: ("generator gradient vanished", "slope left"),
    critic_a_hundred_times_faster: ("critic has won", "stops learning"),
    critic_ten_times_slower: ("collapse", "pairs of samples"),
    critic_not_trained: ("critic has lost", "guessing"),
    constant_noise: ("collapse", "0.00% of the spread"),
    three_noise_vectors: ("collapse", "pairs of samples"),
    dead_units: ("collapse", "0.00% of the spread"),
    wasserstein_without_a_bound: ("fake-side gradient explodes", "logits change"),
    huge_rate_without_adam: ("not a number", "critic's step"),
    root_of_zero: ("not a number", "derivative of the operation 'sqrt'"),
    logarithm_of_a_sigmoid: ("not a number", "operation 'log' on shapes (64, 1)"),
    hole_in_the_data: ("not a number", "the real batch (64, 2) already holds 1 of 128"),
    eps_and_momentum_swapped: ("evaluation differs from training", "of the variance"),
    few_images: ("memorising", "standard deviations"),
    penalised_batch_norm: ("batch norm in a penalised critic", "norm1, norm2"),
    rate_of_almost_zero: ("generator does not move", "has not changed"),
    optimizer_of_a_copy: ("optimizer of other weights", "generator.dense1.weight"),
    rates_of_one: ("diverged", "times what it was"),
}
