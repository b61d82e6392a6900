"""Workloads that are measured: steps of a GAN, and a chain of small operations."""

from dataclasses import dataclass, replace

import numpy as np

from . import networks

PENALTY_WEIGHT = {"gradient_penalty": 10.0, "r1_r2": 1.0}
ADAM = {"lr": 1e-4, "betas": (0.5, 0.9)}


@dataclass(frozen=True)
class Data:
    """Input of a step, drawn beforehand: real samples, noise, positions of the penalty's points, and weights."""

    real: np.ndarray  # (N, *shape)
    z: np.ndarray  # (N, latent)
    between: np.ndarray  # (N, 1, ..., 1): 0 at the generated sample, 1 at the real one
    weights: dict  # {player: a dict of arrays for each layer}


@dataclass(frozen=True)
class GanStep:
    """One update of each of `players` by Adam, always from the same weights on the same data.

    Libraries are compared by the losses of the players, penalties included, and the gradients of all their weights.

    Attributes:
        loss: Name of one of `gan.losses`.
        penalty: "gradient_penalty", with weight 10, "r1_r2", with weight 1, or None.
        unit: Unit in which times are printed.
        scale: Number of these units in a second.
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
    scale = 1e3

    def data(self):
        """Return the `Data` of the step, which are the same every time."""
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
    """Chain y = x * x * ... on 8 float64, which measures the overhead of an engine per operation.

    Attributes:
        order: 0 for the value, 1 for its gradient too, 2 for the gradient of that gradient too. Libraries are compared
            by the highest of these derivatives.
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
        """Return x, (8,)."""
        return np.linspace(0.9999, 1.0001, 8)


def dcgan(name, about, *, side=28, batch=64, width=64, players=("critic",), penalty="gradient_penalty"):
    """Return a WGAN step on images (side, side, 1)."""
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
PENALISED = {"toy-critic": "toy-critic-plain", "dcgan-critic": "dcgan-critic-plain"}  # the same without penalty
UPDATES = ("toy-vanilla", "toy-rpgan")  # shown as updates per second
ASIDE = {*PENALISED.values(), *UPDATES}  # not in the mean of all ratios


def judged(workload):
    """Return the variants on which libraries must agree before this workload is timed; see `agreement`."""
    if workload.dtype == "float64":
        return [workload]
    players = {player: _smooth(getattr(workload, player)) for player in ("generator", "critic")}
    return [replace(workload, dtype="float64"), replace(workload, **players)]


def _smooth(network):
    return tuple(networks.Tanh() if isinstance(layer, networks.LeakyReLU) else layer for layer in network)


def tiny(workload):
    """Return the same workload with little to compute, but enough to notice a wrong result."""
    if isinstance(workload, Chain):
        return replace(workload, length=5)
    if isinstance(workload.critic[0], networks.Conv):
        small = {"generator": networks.dcgan_generator(8, width=2), "critic": networks.dcgan_critic(8, width=2)}
        return replace(workload, **small, batch=4)
    return workload
