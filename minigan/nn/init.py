"""Initialisers: functions (rng, shape, fan_in, fan_out) -> array.

fan_in and fan_out are the numbers of terms in a sum of the forward and of the backward pass: the number of features,
times the area of the kernel for a convolution. As in other libraries, strides are ignored, so the sums of a transposed
convolution of stride s have s^2 times fewer terms than its fan_in says.

Any function with this signature can be passed to a layer as `init`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..types import Array, Generator, Shape

    Initialiser: TypeAlias = Callable[[Generator, Shape, int, int], Array]

__all__ = ["dcgan", "he", "lecun_uniform", "xavier"]


def dcgan(rng: Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Draw weights from N(0, 0.02^2), independent of the fans (Radford et al. 2015, section 3)."""
    return rng.normal(shape) * 0.02


def he(rng: Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Draw weights from N(0, 2 / fan_in), to keep the variance through ReLU layers (He et al. 2015, equation 10)."""
    return rng.normal(shape) * math.sqrt(2 / fan_in)


def xavier(rng: Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Draw weights from U(-a, a) with a^2 = 6 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 16)."""
    a = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(shape, -a, a)


def lecun_uniform(rng: Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Draw weights from U(-a, a) with a = 1 / sqrt(fan_in) (LeCun et al. 1998, section 4.6), PyTorch's default."""
    a = 1 / math.sqrt(fan_in)
    return rng.uniform(shape, -a, a)


# Names of other libraries, with the way to do it here.
_ELSEWHERE = {
    "kaiming_normal_": "use nn.init.he, as in nn.Linear(3, 4, init=nn.init.he, rng=rng)",
    "normal_": "use nn.init.dcgan, or any function (rng, shape, fan_in, fan_out) -> array, as init= of a layer",
    "xavier_uniform_": "use nn.init.xavier, as in nn.Linear(3, 4, init=nn.init.xavier, rng=rng)",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)
