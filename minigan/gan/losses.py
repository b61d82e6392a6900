"""The two-player objectives.  Every loss has two functions to minimise:

    critic(real_logits, fake_logits)         for the critic, or discriminator, D
    generator(fake_logits, real_logits)      for the generator G; only `relativistic` looks at real_logits

Logits are what D returns, before any sigmoid; they have one number per sample, (N, 1) or (N,), and are never broadcast.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..ops import relu, softplus


@dataclass(frozen=True)
class Loss:
    """A pair of objectives, with its source."""

    name: str
    source: str
    _critic: Callable
    _generator: Callable
    pairs: bool = False  # does the generator's loss need the critic's view of real data?

    def critic(self, real_logits, fake_logits):
        """The critic's loss, a scalar."""
        _check(self, real_logits, fake_logits)
        return self._critic(real_logits, fake_logits)

    def generator(self, fake_logits, real_logits=None):
        """The generator's loss, a scalar."""
        if not self.pairs:
            return self._generator(fake_logits)
        if real_logits is None:
            raise ValueError(f"{self.name}.generator needs real_logits too: it compares each fake with a real sample")
        _check(self, real_logits, fake_logits)
        return self._generator(fake_logits, real_logits)


def _check(loss, real, fake):
    same = real.shape == fake.shape if loss.pairs else real.shape[1:] == fake.shape[1:] and real.ndim == fake.ndim
    if not same:
        raise ValueError(
            f"{loss.name}: real_logits have shape {real.shape}, fake_logits {fake.shape}; a loss does not broadcast, "
            "so give both one shape, as in D(x).reshape(-1)"
        )


def _bce(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def _square(x):
    return x * x


minimax = Loss(
    "minimax", "Goodfellow et al. 2014, equation 1: the generator minimises E log(1 - D(G(z))), and saturates",
    _bce, lambda fake: -softplus(fake).mean(),
)  # fmt: skip
non_saturating = Loss(
    "non_saturating", "Goodfellow et al. 2014, section 3: the generator minimises -E log D(G(z))",
    _bce, lambda fake: softplus(-fake).mean(),
)  # fmt: skip
least_squares = Loss(
    "least_squares", "Mao et al. 2017, equation 9: targets 1 for real, 0 for fake, 1 for the generator, halved",
    lambda real, fake: 0.5 * (_square(real - 1).mean() + _square(fake).mean()),
    lambda fake: 0.5 * _square(fake - 1).mean(),
)  # fmt: skip
hinge = Loss(
    "hinge", "Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17",
    lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda fake: -fake.mean(),
)  # fmt: skip
wasserstein = Loss(
    "wasserstein", "Arjovsky et al. 2017, equation 3",
    lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean(),
)  # fmt: skip
relativistic = Loss(
    "relativistic", "RpGAN: Jolicoeur-Martineau 2019, section 3; Huang et al. 2024, equation 2",
    lambda real, fake: softplus(fake - real).mean(), lambda fake, real: softplus(real - fake).mean(), pairs=True,
)  # fmt: skip

ALL = {loss.name: loss for loss in (minimax, non_saturating, least_squares, hinge, wasserstein, relativistic)}
