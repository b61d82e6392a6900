"""What is measured: steps of a GAN, and a chain of small operations."""

from dataclasses import dataclass, replace

import numpy as np

from . import networks

PENALTY_WEIGHT = {"gradient_penalty": 10.0, "r1_r2": 1.0}
ADAM = {"lr": 1e-4, "betas": (0.5, 0.9)}


@dataclass(frozen=True)
class Data:
    """What a step is given: real samples, noise, and the penalty's points between real and fake, all drawn before."""

    real: np.ndarray  # (N, *shape)
    z: np.ndarray  # (N, latent)
    between: np.ndarray  # (N, 1, ..., 1)
    weights: dict  # {player: a dict of arrays for each layer}


@dataclass(frozen=True)
class GanStep:
    """One update of each of `players`, by Adam, from the same weights on the same data.

    loss: the name of one of `gan.losses`.  penalty: "gradient_penalty", of weight 10, "r1_r2", of weight 1, or None.
    What is compared: the players' losses, penalties included, and the gradients of all their weights.
    """

    name: str
    about: str
    generator: tuple
    critic: tuple
    batch: int
    loss: str
    penalty: str | None = None
    players: tuple = ("critic", "generator")
    dtype: str = "float32"
    unit = "ms"
    scale = 1e3  # of seconds

    def data(self):
        """Its `Data`, always the same."""
        rng = np.random.default_rng(0)
        shape, latent = self.critic[0].inputs, self.generator[0].inputs
        return Data(
            rng.uniform(-1, 1, (self.batch, *shape)).astype(self.dtype),
            rng.normal(size=(self.batch, *latent)).astype(self.dtype),
            rng.uniform(size=(self.batch,) + (1,) * len(shape)).astype(self.dtype),
            {p: networks.initial(getattr(self, p), rng, self.dtype) for p in ("generator", "critic")},
        )


@dataclass(frozen=True)
class Chain:
    """y = x * x * ... on 8 float64: what an engine adds to an operation that costs nothing.

    order: 0 for the value, 1 for its gradient too, 2 for the gradient of that in turn.
    What is compared: the last of these.
    """

    name: str
    about: str
    order: int
    length: int = 2000
    dtype = "float64"
    unit = "us/op"

    @property
    def scale(self):
        return 1e6 / self.length

    def data(self):
        """x, (8,)."""
        return np.linspace(0.9999, 1.0001, 8)


def dcgan(name, about, *, side=28, batch=64, width=64, players=("critic",), penalty="gradient_penalty"):
    """A WGAN step on images (side, side, 1)."""
    generator, critic = networks.dcgan_generator(side, width=width), networks.dcgan_critic(side, width)
    return GanStep(name, about, generator, critic, batch, "wasserstein", penalty, players)


def _toy(name, about, *options):
    generator = networks.dense((2,), (2,), 128, 3, 0)
    return GanStep(name, about, generator, networks.dense((2,), (1,), 128, 3, 0), 256, *options)


def _dense(width):
    generator = networks.dense((100,), (28, 28, 1), width, 2, 0.2, (networks.Tanh(),))
    critic = networks.dense((28, 28, 1), (1,), width, 2, 0.2)
    about = f"dense-{width}: one full D + G step, batch 64"
    return GanStep(f"dense-{width}", about, generator, critic, 64, "non_saturating")


ALL = {
    w.name: w
    for w in (
        _toy("toy-critic", "toy: 3x128 ReLU MLPs, batch 256, WGAN-GP critic step",
             "wasserstein", "gradient_penalty", ("critic",)),
        _dense(128),
        _dense(1024),
        dcgan("dcgan-critic", "DCGAN-28 WGAN-GP critic step, batch 64"),
        dcgan("dcgan-generator", "DCGAN-28 generator step, batch 64", players=("generator",), penalty=None),
        Chain("chain-forward", "2,000-op chain on 8 float64: forward", 0),
        Chain("chain-backward", "the same + backward", 1),
        Chain("chain-second", "the same with create_graph + second backward", 2),
        _toy("toy-critic-plain", "toy: critic step without penalty", "wasserstein", None, ("critic",)),
        dcgan("dcgan-critic-plain", "DCGAN-28 critic step without penalty", penalty=None),
        _toy("toy-vanilla", "toy: 3x128, batch 256, one vanilla update of D and G", "non_saturating"),
        _toy("toy-rpgan", "toy: 3x128, batch 256, one RpGAN + R1 + R2 update of D and G", "relativistic", "r1_r2"),
    )
}  # fmt: skip
PENALISED = {"toy-critic": "toy-critic-plain", "dcgan-critic": "dcgan-critic-plain"}  # what a penalty costs
UPDATES = ("toy-vanilla", "toy-rpgan")  # shown as updates per second
ASIDE = {*PENALISED.values(), *UPDATES}  # not in the mean of all ratios


def judged(workload):
    """The variants on which libraries must agree before this workload is timed, see `agreement`."""
    if workload.dtype == "float64":
        return [workload]
    players = {player: _smooth(getattr(workload, player)) for player in ("generator", "critic")}
    return [replace(workload, dtype="float64"), replace(workload, **players)]


def _smooth(network):
    return tuple(networks.Tanh() if isinstance(layer, networks.LeakyReLU) else layer for layer in network)


def tiny(workload):
    """The same workload with little to compute, still enough to tell right from wrong."""
    if isinstance(workload, Chain):
        return replace(workload, length=5)
    if isinstance(workload.critic[0], networks.Conv):
        small = {"generator": networks.dcgan_generator(8, width=2), "critic": networks.dcgan_critic(8, width=2)}
        return replace(workload, **small, batch=4)
    return workload
