"""Samples and labels in the form in which the networks of a game take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tensor import Tensor

if TYPE_CHECKING:
    from ..types import Array, TensorFunction

__all__ = ["constant", "refuse_integers", "with_labels"]


def refuse_integers(x: Tensor | Array, name: str) -> None:
    """Raise TypeError if samples (N, ...) are integers: pixels from 0 to 255 would reach the critic unscaled.

    Args:
        x: The samples.
        name: The name of the caller's argument, for the message.
    """
    if x.dtype.kind in "biu":
        raise TypeError(
            f"{name} {x.shape} has dtype {x.dtype}, but a critic needs floating-point samples: scale uint8 pixels to "
            "[-1, 1] with mg.data.scale(images), or convert with .astype('float32')"
        )


def constant(x: Tensor | Array, name: str) -> Tensor:
    """Return samples (N, ...) as a Tensor without history that shares their memory; raise TypeError for integers."""
    samples = x.detach() if isinstance(x, Tensor) else Tensor(x)
    refuse_integers(samples, name)
    return samples


def with_labels(network: TensorFunction, labels: Array | None) -> TensorFunction:
    """Return `network` as a function of its first argument alone, given the labels, if there are any."""
    return network if labels is None else lambda x: network(x, labels)
