"""PyTorch as its users write it: `nn.Sequential`, `backward`, `optim.Adam`; images (N, C, H, W)."""

import torch
from torch import nn
from torch.nn import functional

from .. import networks
from ..workloads import ADAM, PENALTY_WEIGHT, Chain
from . import channels_first


def version():
    return torch.__version__


def refuses(workload):
    return None


def build(workload):
    return ChainRun(workload) if isinstance(workload, Chain) else GanRun(workload)


class GanRun:
    """Steps of the two players."""

    def __init__(self, workload):
        self.workload, data = workload, workload.data()
        given = (data.real, data.z, data.between)
        self.real, self.z, self.between = (torch.tensor(channels_first.images(a)) for a in given)
        self.networks = {p: network(getattr(workload, p), weights) for p, weights in data.weights.items()}
        self.generator, self.critic = self.networks["generator"], self.networks["critic"]
        self.adam = {p: torch.optim.Adam(m.parameters(), **ADAM) for p, m in self.networks.items()}
        self.losses = {"critic": self.critic_loss, "generator": self.generator_loss}

    def step(self):
        for player in self.workload.players:
            self.backward(player)
            self.adam[player].step()

    def gradients(self):
        found = {}
        for player in self.workload.players:
            found[f"{player} loss"] = self.backward(player).numpy(force=True)
            arrays = (p.grad.numpy(force=True) for p in self.networks[player].parameters())
            found |= channels_first.named(player, getattr(self.workload, player), arrays)
        return found

    def backward(self, player):
        """Compute the gradients of one player's loss into its weights, and return the loss."""
        self.critic.requires_grad_(player == "critic")
        self.adam[player].zero_grad()
        loss = self.losses[player]()
        loss.backward()
        return loss

    def critic_loss(self):
        with torch.no_grad():
            fake = self.generator(self.z)
        real, critic = self.real, self.critic
        loss = CRITIC_LOSS[self.workload.loss](critic(real), critic(fake))
        if self.workload.penalty is None:
            return loss
        if self.workload.penalty == "gradient_penalty":
            gradient = self.input_gradient(self.between * real + (1 - self.between) * fake)
            penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        else:
            gradients = self.input_gradient(real), self.input_gradient(fake)
            penalty = sum(0.5 * g.square().sum() / len(g) for g in gradients)
        return loss + PENALTY_WEIGHT[self.workload.penalty] * penalty

    def generator_loss(self):
        fake = self.critic(self.generator(self.z))
        real = self.critic(self.real) if self.workload.loss == "relativistic" else None
        return GENERATOR_LOSS[self.workload.loss](fake, real)

    def input_gradient(self, x):
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)[0]


class ChainRun:
    """The chain and its derivatives, up to the order of the workload."""

    def __init__(self, workload):
        self.workload, self.data = workload, torch.tensor(workload.data())

    def step(self):
        y = x = self.data.clone().requires_grad_(True)
        for _ in range(self.workload.length):
            y = y * x
        ones = torch.ones_like(x)
        for order in range(1, self.workload.order + 1):
            (y,) = torch.autograd.grad(y, x, ones, create_graph=order < self.workload.order)
        return y

    def gradients(self):
        return {"value": self.step().detach().numpy()}


CRITIC_LOSS = {
    "wasserstein": lambda real, fake: fake.mean() - real.mean(),
    "non_saturating": lambda real, fake: functional.softplus(-real).mean() + functional.softplus(fake).mean(),
    "relativistic": lambda real, fake: functional.softplus(fake - real).mean(),
}
GENERATOR_LOSS = {
    "wasserstein": lambda fake, real: -fake.mean(),
    "non_saturating": lambda fake, real: functional.softplus(-fake).mean(),
    "relativistic": lambda fake, real: functional.softplus(real - fake).mean(),
}


def network(layers, weights):
    """Return an `nn.Sequential` of these layers, with copies of these weights."""
    return nn.Sequential(*(m for layer, own in zip(layers, weights, strict=True) for m in _modules(layer, own)))


def _modules(layer, weights):
    """Return the modules for one layer of a workload."""
    match layer:
        case networks.Dense():
            i, o = layer.shapes()["weight"]
            flatten = [nn.Flatten()] if len(layer.inputs) > 1 else []
            unflatten = [nn.Unflatten(1, (layer.outputs[2], *layer.outputs[:2]))] if len(layer.outputs) > 1 else []
            return [*flatten, _with(nn.Linear(i, o, layer.bias), layer, weights), *unflatten]
        case networks.Conv():
            where = (layer.kernel, layer.stride, layer.kernel // 2)
            return [_with(nn.Conv2d(layer.inputs[2], layer.channels, *where), layer, weights)]
        case networks.ConvTranspose():
            where = (layer.kernel, layer.stride, layer.kernel // 2, layer.stride - 1)
            return [_with(nn.ConvTranspose2d(layer.inputs[2], layer.channels, *where, bias=False), layer, weights)]
        case networks.BatchNorm():
            return [_with(nn.BatchNorm2d(layer.channels, layer.eps), layer, weights)]
        case networks.LeakyReLU():
            return [nn.LeakyReLU(layer.slope) if layer.slope else nn.ReLU()]
        case networks.Tanh():
            return [nn.Tanh()]


def _with(module, layer, weights):
    arrays = [channels_first.from_minigan(layer, array) for array in weights.values()]
    module.to(torch.tensor(arrays[0]).dtype)
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            parameter.copy_(torch.tensor(array))
    return module
