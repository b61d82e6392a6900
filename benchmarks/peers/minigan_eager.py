"""minigan as its users write it, with a `gan.Game`."""

import numpy as np

import minigan as mg
from minigan import gan, nn, optim

from .. import networks
from ..workloads import ADAM, PENALTY_WEIGHT, Chain


def version():
    return mg.__version__


def refuses(workload):
    return None


def build(workload):
    return ChainRun(workload) if isinstance(workload, Chain) else GameRun(workload)


class GameRun:
    """Steps of a `Game`."""

    captured = False

    def __init__(self, workload):
        self.workload, self.data = workload, workload.data()
        self.networks = {
            player: network(getattr(workload, player), weights) for player, weights in self.data.weights.items()
        }
        self.game = self._game(lambda parameters: optim.Adam(parameters, **ADAM))

    def step(self):
        return self._play(self.game)

    def gradients(self):
        game, found = self._game(Keeper), {}
        for _ in range(4 if self.captured else 1):  # the fourth call is the first that is only replayed
            report = self._play(game)
        for player in self.workload.players:
            gradients = getattr(game, f"{player}_optimizer").gradients
            found |= named(player, self.networks[player], gradients)
            found[f"{player} loss"] = np.array(report[f"{player}_loss"] + (player == "critic") * report["penalty"])
        return found

    def _game(self, optimizer):
        generator, critic = self.networks["generator"], self.networks["critic"]
        return gan.Game(
            generator, critic, optimizer(generator.parameters()), optimizer(critic.parameters()),
            gan.losses.ALL[self.workload.loss],
            penalty=penalty(self.workload, self.data.between), captured=self.captured,
        )  # fmt: skip

    def _play(self, game):
        report = {"penalty": 0.0}
        for player in self.workload.players:
            if player == "critic":
                report = report | game.critic_step(self.data.real, mg.Tensor(self.data.z))
            else:
                report = report | game.generator_step(mg.Tensor(self.data.z), self.data.real)
        return report


class ChainRun:
    """The chain and its derivatives, up to the order of the workload."""

    def __init__(self, workload):
        self.workload, self.data = workload, workload.data()

    def step(self):
        return chain(self.workload, mg.tensor(self.data, requires_grad=True))

    def gradients(self):
        return {"value": self.step().numpy()}


class Keeper:
    """Stand-in for an optimizer, which keeps the gradients and changes no parameter."""

    pool = None

    def __init__(self, parameters):
        self.parameters, self.gradients = parameters, None

    def step(self, gradients):
        self.gradients = [np.array(g.numpy()) for g in gradients]


class Given:
    """Stand-in for a random generator, which draws the points of the penalty that all peers share."""

    def __init__(self, between):
        self.between = between

    def on(self, device):
        return self

    def uniform(self, shape, dtype):
        return self.between


def network(layers, weights):
    """Return an `nn.Sequential` of these layers, with copies of these weights."""
    modules = [module for layer, own in zip(layers, weights, strict=True) for module in _modules(layer, own)]
    return nn.Sequential(*modules)


def penalty(workload, between):
    """Return the penalty of a workload as a `Game` takes it: a function of (critic, real, fake), or None."""
    if workload.penalty is None:
        return None
    weight, p = PENALTY_WEIGHT[workload.penalty], gan.penalties
    return {
        "gradient_penalty": lambda critic, real, fake: weight * p.gradient_penalty(critic, real, fake, Given(between)),
        "r1_r2": lambda critic, real, fake: weight * p.r1_r2(critic, real, fake),
    }[workload.penalty]


def chain(workload, x):
    """Return the highest derivative of a `Chain` with respect to x, a Tensor that requires a gradient."""
    y = x
    for _ in range(workload.length):
        y = y * x
    ones = np.ones(x.shape)
    for order in range(1, workload.order + 1):
        (y,) = mg.grad(y, [x], ones, create_graph=order < workload.order)
    return y


def named(player, module, gradients):
    """Return {"critic.0.weight": array, ...}, numbered as in the workload, which has no layers Flatten and Reshape."""
    counted = [m for m in module if not isinstance(m, nn.Flatten | nn.Reshape)]
    index = {p: f"{i}.{name}" for i, m in enumerate(counted) for name, p in m.named_parameters()}
    return {f"{player}.{index[p]}": g for p, g in zip(module.parameters(), gradients, strict=True)}


def _modules(layer, weights):
    """Return the modules for one layer of a workload."""
    dtype = {"dtype": next(iter(weights.values())).dtype} if weights else {}
    match layer:
        case networks.Dense():
            (i, o), bias = layer.shapes()["weight"], layer.bias
            linear = _with(nn.Linear(i, o, bias, rng=mg.random.Generator(0), **dtype), weights)
            flatten = [nn.Flatten()] if len(layer.inputs) > 1 else []
            return [*flatten, linear, *([nn.Reshape(*layer.outputs)] if len(layer.outputs) > 1 else [])]
        case networks.Conv():
            where = {"stride": layer.stride, "padding": layer.kernel // 2}
            options = where | dtype | {"rng": mg.random.Generator(0)}
            return [_with(nn.Conv2d(layer.inputs[2], layer.channels, layer.kernel, **options), weights)]
        case networks.ConvTranspose():
            where = {"stride": layer.stride, "padding": layer.kernel // 2, "output_padding": layer.stride - 1}
            options = where | dtype | {"bias": False, "rng": mg.random.Generator(0)}
            return [_with(nn.ConvTranspose2d(layer.inputs[2], layer.channels, layer.kernel, **options), weights)]
        case networks.BatchNorm():
            return [_with(nn.BatchNorm(layer.channels, layer.eps, **dtype), weights)]
        case networks.LeakyReLU():
            return [nn.LeakyReLU(layer.slope) if layer.slope else nn.ReLU()]
        case networks.Tanh():
            return [nn.Tanh()]


def _with(module, weights):
    for name, parameter in module.named_parameters():
        parameter.assign_(weights[name])
    return module
