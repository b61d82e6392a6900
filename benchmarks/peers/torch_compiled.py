"""PyTorch with `torch.compile` around the loss of each player.

AOTAutograd cannot differentiate a compiled function twice, so the penalty computes its inner gradient with
`torch.func.grad`, inside the compiled function.
"""

import torch

from ..workloads import Chain
from . import torch_eager

version = torch_eager.version


def refuses(workload):
    return "it measures an engine's overhead, which a compiler does not have" if isinstance(workload, Chain) else None


def build(workload):
    return CompiledRun(workload)


class CompiledRun(torch_eager.GanRun):
    """Steps of the two players, with compiled losses."""

    def __init__(self, workload):
        super().__init__(workload)
        self.losses = {player: torch.compile(loss) for player, loss in self.losses.items()}

    def input_gradient(self, x):
        return torch.func.grad(lambda x: self.critic(x).sum())(x)
