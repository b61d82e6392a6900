"""Samples and labels in the form in which the networks of a game take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tensor import Tensor

if TYPE_CHECKING:
    from typing import TypeVar

    from ..types import Array, TensorFunction

    Samples = TypeVar("Samples", Tensor, Array)

__all__ = ["constant", "floating", "with_labels"]


def floating(x: Samples, name: str) -> Samples:
    """Return the samples themselves, once sure that they are floating-point numbers.

    Args:
        x: Samples (N, ...).
        name: The name of the caller's argument, for the message.

    Raises:
        TypeError: The samples are integers: pixels from 0 to 255 would reach the critic unscaled.
    """
    if x.dtype.kind in "biu":
        raise TypeError(
            f"{name} {x.shape} has dtype {x.dtype}, but a critic needs floating-point samples: scale uint8 pixels to "
            "[-1, 1] with mg.data.scale(images), or convert with .astype('float32')"
        )
    return x


def constant(x: Tensor | Array, name: str) -> Tensor:
    """Return `floating(x, name)` as a Tensor without history, sharing the memory of x."""
    return floating(x.detach() if isinstance(x, Tensor) else Tensor(x), name)


def with_labels(network: TensorFunction, labels: Array | None) -> TensorFunction:
    """Return `network` as a function of its first argument alone, given the labels, if there are any."""
    return network if labels is None else lambda x: network(x, labels)
