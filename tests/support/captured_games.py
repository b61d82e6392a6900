"""Games whose steps are captured on a GPU, for the tests that compare them with the same steps as they are."""

import minigan as mg
from minigan import backend, gan, models, nn, optim
from minigan.random import Generator

N = 6


def normal(seed, *shape):
    """Numbers on the device."""
    return Generator(seed, "cuda").normal(shape)


def numbers(report):
    """A report as Python's numbers, which a captured step may leave on the device."""
    return {name: float(value) for name, value in report.items()}


NETWORKS = {
    "dense": (
        lambda: models.dense.generator(3, (5,), 8, 1, batch_norm=True, rng=Generator(0)),
        lambda: models.dense.critic((5,), 8, 1, rng=Generator(1)),
        (5,),
    ),
    "dcgan": (
        lambda: models.dcgan.generator(3, (8, 8, 1), 4, rng=Generator(0)),
        lambda: models.dcgan.critic((8, 8, 1), 4, dropout=0.2, rng=Generator(1)),
        (8, 8, 1),
    ),
    "spectral": (
        lambda: models.dense.generator(3, (5,), 8, 1, rng=Generator(0)),
        lambda: nn.Sequential(
            nn.spectral_norm(nn.Linear(5, 8, rng=Generator(1)), rng=Generator(2)), nn.ReLU(),
            nn.spectral_norm(nn.Linear(8, 1, rng=Generator(3)), rng=Generator(4)),
        ),
        (5,),
    ),
}  # fmt: skip


def played(name, captured, rounds=6):
    """Reports of WGAN-GP games, and all weights and statistics afterwards."""
    make_generator, make_critic, shape = NETWORKS[name]
    generator, critic = make_generator().to("cuda"), make_critic().to("cuda")
    optimizers = optim.Adam(generator.parameters(), 1e-2), optim.Adam(critic.parameters(), 1e-2)
    noise = Generator(7, "cuda")

    def penalty(*seen):
        return 10.0 * gan.penalties.gradient_penalty(*seen, noise)

    game = gan.Game(generator, critic, *optimizers, gan.losses.wasserstein, penalty=penalty, captured=captured)
    reports = []
    for k in range(rounds):
        real, z = mg.Tensor(normal(k, N, *shape)), mg.Tensor(noise.normal((N, 3)))
        reports.append(game.critic_step(real, z) | game.generator_step(z) | game.gradient_norms)
    arrays = [backend.move(array, "cpu") for network in (generator, critic) for _, array in network._state()]
    return [numbers(report) for report in reports], arrays, noise.state


def equal(name, rounds):
    """AssertionError unless a captured game is the game, to the bit."""
    (reports, arrays, noise), (expected, others, state) = [played(name, captured, rounds) for captured in (True, False)]
    assert reports == expected
    assert len({r["critic_loss"] for r in reports}) == len(reports), "every step sees other data, noise and weights"
    for one, other in zip(arrays, others, strict=True):
        assert one.tobytes() == other.tobytes()
    assert noise == state
