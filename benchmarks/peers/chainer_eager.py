"""Chainer: define-by-run functions, `chainer.grad`, and its own Adam.

Its last release is older than NumPy 2, see `numpy_1`, and it does not build with a recent setuptools. To install it:
pip install "setuptools<70" wheel six filelock protobuf, then pip install --no-build-isolation --no-deps chainer.
"""

import warnings

import numpy as np

from .. import networks
from ..workloads import ADAM, PENALTY_WEIGHT, Chain
from . import channels_first, numpy_1

numpy_1.restore()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import chainer
    import chainer.functions as F


def version():
    return chainer.__version__


def refuses(workload):
    return None


def build(workload):
    return ChainRun(workload) if isinstance(workload, Chain) else GanRun(workload)


class GanRun:
    """Steps of the two players."""

    def __init__(self, workload):
        self.workload, data = workload, workload.data()
        self.real, self.z, self.between = (channels_first.images(a) for a in (data.real, data.z, data.between))
        self.weights = {p: _parameters(getattr(workload, p), weights) for p, weights in data.weights.items()}
        self.adam = {p: _adam(weights) for p, weights in self.weights.items()}
        self.losses = {"critic": self.critic_loss, "generator": self.generator_loss}

    def step(self):
        for player in self.workload.players:
            _, gradients = self.backward(player)
            for parameter, gradient in zip(_flat(self.weights[player]), gradients, strict=True):
                parameter.grad = gradient.array
            self.adam[player].update()

    def gradients(self):
        found = {}
        for player in self.workload.players:
            loss, gradients = self.backward(player)
            layers, arrays = getattr(self.workload, player), (g.array for g in gradients)
            found |= {f"{player} loss": loss.array} | channels_first.named(player, layers, arrays)
        return found

    def backward(self, player):
        """Return (the loss of a player, the gradients of that player's weights)."""
        loss = self.losses[player]()
        return loss, chainer.grad([loss], _flat(self.weights[player]))

    def critic_loss(self):
        with chainer.no_backprop_mode():
            fake = self.play("generator", self.z).array
        real, kind = self.real, self.workload.penalty
        loss = CRITIC_LOSS[self.workload.loss](self.play("critic", real), self.play("critic", fake))
        if kind is None:
            return loss
        if kind == "gradient_penalty":
            gradient = self.input_gradient(self.between * real + (1 - self.between) * fake)
            squares = F.square(F.reshape(gradient, (len(gradient), -1)))
            penalty = F.mean(F.square(F.sqrt(F.sum(squares, axis=1)) - 1))
        else:
            penalty = sum(0.5 * F.sum(F.square(self.input_gradient(x))) / len(x) for x in (real, fake))
        return loss + PENALTY_WEIGHT[kind] * penalty

    def generator_loss(self):
        fake = self.play("critic", self.play("generator", self.z))
        real = self.play("critic", self.real) if self.workload.loss == "relativistic" else None
        return GENERATOR_LOSS[self.workload.loss](fake, real)

    def input_gradient(self, x):
        x = chainer.Variable(x)
        return chainer.grad([F.sum(self.play("critic", x))], [x], enable_double_backprop=True)[0]

    def play(self, player, x):
        for layer, own in zip(getattr(self.workload, player), self.weights[player], strict=True):
            x = _apply(layer, own, x)
        return x


class ChainRun:
    """The chain and its derivatives, up to the order of the workload."""

    def __init__(self, workload):
        self.workload, self.data = workload, workload.data()

    def step(self):
        y = x = chainer.Variable(self.data)
        for _ in range(self.workload.length):
            y = y * x
        ones = chainer.Variable(np.ones(x.shape))
        for order in range(1, self.workload.order + 1):
            (y,) = chainer.grad([y], [x], [ones], enable_double_backprop=order < self.workload.order)
        return y

    def gradients(self):
        return {"value": self.step().array}


CRITIC_LOSS = {
    "wasserstein": lambda real, fake: F.mean(fake) - F.mean(real),
    "non_saturating": lambda real, fake: F.mean(F.softplus(-real)) + F.mean(F.softplus(fake)),
    "relativistic": lambda real, fake: F.mean(F.softplus(fake - real)),
}
GENERATOR_LOSS = {
    "wasserstein": lambda fake, real: -F.mean(fake),
    "non_saturating": lambda fake, real: F.mean(F.softplus(-fake)),
    "relativistic": lambda fake, real: F.mean(F.softplus(real - fake)),
}


def _apply(layer, weights, x):
    match layer:
        case networks.Dense():
            y = F.linear(x, weights["weight"], weights.get("bias"))
            return F.reshape(y, (-1, layer.outputs[2], *layer.outputs[:2])) if len(layer.outputs) > 1 else y
        case networks.Conv():
            return F.convolution_2d(x, weights["weight"], weights["bias"], layer.stride, layer.kernel // 2)
        case networks.ConvTranspose():
            size = (layer.inputs[0] * layer.stride, layer.inputs[1] * layer.stride)
            return F.deconvolution_2d(x, weights["weight"], None, layer.stride, layer.kernel // 2, size)
        case networks.BatchNorm():
            return F.batch_normalization(x, weights["gamma"], weights["beta"], eps=layer.eps)
        case networks.LeakyReLU():
            return F.leaky_relu(x, layer.slope) if layer.slope else F.relu(x)
        case networks.Tanh():
            return F.tanh(x)


def _parameters(layers, weights):
    return [
        {name: chainer.Parameter(channels_first.from_minigan(layer, array)) for name, array in own.items()}
        for layer, own in zip(layers, weights, strict=True)
    ]


def _flat(weights):
    return [parameter for layer in weights for parameter in layer.values()]


def _adam(weights):
    link = chainer.Link()
    with link.init_scope():
        for i, parameter in enumerate(_flat(weights)):
            setattr(link, f"p{i}", parameter)
    return chainer.optimizers.Adam(ADAM["lr"], *ADAM["betas"]).setup(link)
