"""Networks that are told the class: any generator fed its label, any critic asked about one."""

import numpy as np

from .. import nn, ops
from ..backend import device_of, move
from ..ops.shape import real_data


def one_hot(labels, classes, dtype="float32", device="cpu"):
    """Integers (N,) -> (N, classes) on `device`, a single 1 in each row.

    ValueError for a label outside [0, classes), where the labels are on the CPU: to look at them would stop a GPU.
    """
    if device_of(labels) == "cpu":
        labels = move(_checked(np.asarray(labels), classes), device)
    return (labels[:, None] == np.arange(classes, like=labels)).astype(dtype)


def _one_hot(labels, classes, x):
    """The same beside x: of its dtype and on its device."""
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
    """G(z, y) = body([z, one-hot y]) (Mirza and Osindero 2014); body takes latent + classes numbers."""

    def __init__(self, body, classes):
        self.body, self.classes = body, classes
        self.named("generator")

    def forward(self, z, labels):
        return self.body(ops.concatenate([z, _one_hot(labels, self.classes, z)], axis=1))


class ProjectionCritic(nn.Module):
    """D(x, y) = s(x)_0 + s(x)_(1 + y), where `scores` gives s (N, 1 + classes).

    With a linear last layer this is psi(phi(x)) + <v_y, phi(x)>, the projection discriminator (Miyato and Koyama 2018,
    equation 4).
    """

    def __init__(self, scores, classes):
        self.scores, self.classes = scores, classes
        self.named("critic")

    def forward(self, x, labels):
        chosen = _one_hot(labels, self.classes, x)
        chosen = np.concatenate([np.ones_like(chosen[:, :1]), chosen], axis=1)
        return ops.sum(self.scores(x) * chosen, axis=1, keepdims=True)


class ConcatenationCritic(nn.Module):
    """D(x, y) = body([x, one-hot y]), each class one more channel, constant over the image (Mirza and Osindero 2014).

    body takes (N, ..., channels + classes).  flat: x becomes (N, features) first, for a body of vectors
    (N, features + classes).
    """

    def __init__(self, body, classes, flat=False):
        self.body, self.classes, self.flat = body, classes, flat
        self.named("critic")

    def forward(self, x, labels):
        x = ops.flatten(x) if self.flat else x
        chosen = _one_hot(labels, self.classes, x)
        chosen = chosen.reshape(len(chosen), *[1] * (x.ndim - 2), self.classes)
        return self.body(ops.concatenate([x, np.broadcast_to(chosen, (*x.shape[:-1], self.classes))], axis=x.ndim - 1))
