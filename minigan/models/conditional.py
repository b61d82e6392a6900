"""Class-conditional networks: a generator and two critics that take the labels of the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import nn, ops
from ..backend import device_of, move
from ..ops.shape import real_data

if TYPE_CHECKING:
    from typing import Any

    from ..types import Array, ArrayLike, Device, DTypeLike, Tensor

__all__ = ["ConcatenationCritic", "LabelledGenerator", "ProjectionCritic", "one_hot"]


def one_hot(labels: ArrayLike, classes: int, dtype: DTypeLike = "float32", device: Device = "cpu") -> Array:
    """Return one row for each label, with a single 1 at its position: (N,) -> (N, classes).

    Args:
        labels: Integers (N,) in [0, classes). Labels on a GPU stay there and are not checked, because reading their
            values would make the CPU wait for the GPU.
        classes: Number of classes.
        dtype: Data type of the result.
        device: Device of the result, for labels on the CPU.

    Raises:
        ValueError: If labels on the CPU are not integers in [0, classes), or not of shape (N,).
    """
    on_cpu = device_of(labels) == "cpu"
    rows: Any = move(_checked(np.asarray(labels), classes), device) if on_cpu else labels
    return (rows[:, None] == np.arange(classes, like=rows)).astype(dtype)


def _one_hot(labels, classes, x):
    """Return the one-hot rows with the dtype and on the device of x."""
    return one_hot(labels, classes, x.dtype, device_of(real_data(x)))


def _checked(labels, classes):
    if (
        labels.ndim != 1
        or labels.dtype.kind not in "iu"
        or (labels.size and not 0 <= labels.min() <= labels.max() < classes)
    ):
        raise ValueError(f"labels must be integers (N,) in [0, {classes}), got {labels.dtype} {labels.shape}")
    return labels


class LabelledGenerator(nn.Module):
    """Class-conditional generator: G(z, y) = body([z, one-hot y]) (Mirza and Osindero 2014).

    Call it as `generator(z, labels)` with z (N, latent) and integers (N,).

    Args:
        body: A generator that takes (N, latent + classes).
        classes: Number of classes.
    """

    body: nn.Module
    classes: int

    def __init__(self, body: nn.Module, classes: int) -> None:
        self.body, self.classes = body, classes
        self.named("generator")

    def forward(self, z: Tensor | Array, labels: ArrayLike) -> Tensor:
        return self.body(ops.concatenate([z, _one_hot(labels, self.classes, z)], axis=1))


class ProjectionCritic(nn.Module):
    """Class-conditional critic by projection: D(x, y) = s(x)_0 + s(x)_(1 + y), where s is the output of `scores`.

    With a linear last layer this is psi(phi(x)) + <v_y, phi(x)>, the projection discriminator (Miyato and Koyama 2018,
    equation 4). Call it as `critic(x, labels)` with integers (N,); it returns logits (N, 1).

    Args:
        scores: A critic with 1 + classes outputs.
        classes: Number of classes.
    """

    scores: nn.Module
    classes: int

    def __init__(self, scores: nn.Module, classes: int) -> None:
        self.scores, self.classes = scores, classes
        self.named("critic")

    def forward(self, x: Tensor | Array, labels: ArrayLike) -> Tensor:
        chosen = _one_hot(labels, self.classes, x)
        chosen = np.concatenate([np.ones_like(chosen[:, :1]), chosen], axis=1)
        return ops.sum(self.scores(x) * chosen, axis=1, keepdims=True)


class ConcatenationCritic(nn.Module):
    """Class-conditional critic by concatenation: D(x, y) = body([x, one-hot y]) (Mirza and Osindero 2014).

    Each class is one more channel, constant over the image. Call it as `critic(x, labels)` with integers (N,).

    Args:
        body: A critic that takes (N, ..., channels + classes), or (N, features + classes) if `flat`.
        classes: Number of classes.
        flat: Whether to flatten x to (N, features) first.
    """

    body: nn.Module
    classes: int
    flat: bool

    def __init__(self, body: nn.Module, classes: int, flat: bool = False) -> None:
        self.body, self.classes, self.flat = body, classes, flat
        self.named("critic")

    def forward(self, x: Tensor | Array, labels: ArrayLike) -> Tensor:
        x = ops.flatten(x) if self.flat else x
        chosen = _one_hot(labels, self.classes, x)
        chosen = chosen.reshape(len(chosen), *[1] * (x.ndim - 2), self.classes)
        return self.body(ops.concatenate([x, np.broadcast_to(chosen, (*x.shape[:-1], self.classes))], axis=x.ndim - 1))


def __dir__() -> list[str]:
    return sorted(__all__)
