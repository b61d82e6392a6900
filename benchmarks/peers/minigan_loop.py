"""minigan in a loop of one's own: networks of `nn`, losses of `ops`, `mg.grad` and an optimizer, without a `Game`."""

import minigan as mg
from minigan import ops, optim

from ..workloads import ADAM, PENALTY_WEIGHT, Chain
from .minigan_eager import named, network, version  # noqa: F401  (every peer has `version`)


def refuses(workload):
    return "it has no networks" if isinstance(workload, Chain) else None


def build(workload):
    return LoopRun(workload)


class LoopRun:
    """Steps of the two players."""

    def __init__(self, workload):
        self.workload, data = workload, workload.data()
        self.data = tuple(mg.tensor(array) for array in (data.real, data.z, data.between))
        self.networks = {p: network(getattr(workload, p), weights) for p, weights in data.weights.items()}
        self.generator, self.critic = self.networks["generator"], self.networks["critic"]
        self.adam = {p: optim.Adam(module.parameters(), **ADAM) for p, module in self.networks.items()}
        self.differentiated = {"critic": self.differentiate_critic, "generator": self.differentiate_generator}

    def step(self):
        for player in self.workload.players:
            _, gradients = self.differentiated[player](*self.data)
            self.adam[player].step(gradients)

    def gradients(self):
        found = {}
        for player in self.workload.players:
            loss, gradients = self._again(player)
            found[f"{player} loss"] = loss.numpy().copy()
            found |= named(player, self.networks[player], [g.numpy().copy() for g in gradients])
        return found

    def differentiate_critic(self, real, z, between):
        critic, penalty = self.critic, self.workload.penalty
        with mg.no_grad():
            fake = self.generator(z)
        loss = CRITIC_LOSS[self.workload.loss](critic(real), critic(fake))
        if penalty == "gradient_penalty":
            gradient = self.input_gradient(between * real + (1 - between) * fake)
            norms = ops.norm(gradient.reshape(len(gradient), -1), axis=1)
            loss = loss + PENALTY_WEIGHT[penalty] * ((norms - 1) ** 2).mean()
        if penalty == "r1_r2":
            squares = [(self.input_gradient(x) ** 2).sum() / len(x) for x in (real, fake)]
            loss = loss + PENALTY_WEIGHT[penalty] * 0.5 * (squares[0] + squares[1])
        return loss, mg.grad(loss, critic.parameters())

    def differentiate_generator(self, real, z, between):
        fake = self.critic(self.generator(z))
        loss = GENERATOR_LOSS[self.workload.loss](fake, lambda: self.critic(real))
        return loss, mg.grad(loss, self.generator.parameters())

    def input_gradient(self, x):
        x = mg.Tensor(x.data, requires_grad=True)
        return mg.grad(self.critic(x).sum(), [x], create_graph=True)[0]

    def _again(self, player):
        """Return the loss and the gradients of a player as the timed steps compute them."""
        return self.differentiated[player](*self.data)


CRITIC_LOSS = {
    "wasserstein": lambda real, fake: fake.mean() - real.mean(),
    "non_saturating": lambda real, fake: ops.softplus(-real).mean() + ops.softplus(fake).mean(),
    "relativistic": lambda real, fake: ops.softplus(fake - real).mean(),
}
GENERATOR_LOSS = {
    "wasserstein": lambda fake, real: -fake.mean(),
    "non_saturating": lambda fake, real: ops.softplus(-fake).mean(),
    "relativistic": lambda fake, real: ops.softplus(real() - fake).mean(),
}
