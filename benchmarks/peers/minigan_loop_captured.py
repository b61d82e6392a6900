"""minigan in a loop of one's own, with the computation of the gradients behind `mg.capture`."""

import minigan as mg

from .minigan_loop import LoopRun, refuses, version  # noqa: F401  (every peer has these functions)


def build(workload):
    return CapturedLoopRun(workload)


class CapturedLoopRun(LoopRun):
    """Steps of the two players; the first three are slower."""

    def __init__(self, workload):
        super().__init__(workload)
        self.differentiated = {player: mg.capture(function) for player, function in self.differentiated.items()}

    def _again(self, player):
        for _ in range(4):  # the fourth call is the first that is only replayed
            found = super()._again(player)
        return found
