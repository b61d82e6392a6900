"""What a penalty costs: the critic's step with it and without it, in turns."""

from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from .undisturbed import undisturbed


@dataclass(frozen=True)
class PenaltyCost:
    """The time of a critic step with its penalty, divided by that of one without; print it for a sentence.

    ratio, low, high: median and quartiles of the ratio over pairs of steps made one after the other.
    with_ms, without_ms: the medians.
    interval: the game's `penalty_interval`, and average_ratio what it leaves of the ratio.
    """

    ratio: float
    low: float
    high: float
    with_ms: float
    without_ms: float
    interval: int = 1

    average_ratio = property(lambda self: 1 + (self.ratio - 1) / self.interval)

    def __str__(self):
        often = f"; at one step in {self.interval}, {self.average_ratio:.2f} on average" if self.interval > 1 else ""
        return (
            f"critic step {self.with_ms:.3g} ms with its penalty, {self.without_ms:.3g} ms without: "
            f"ratio {self.ratio:.2f} (quartiles {self.low:.2f} to {self.high:.2f}){often}"
        )


def penalty_cost(game, real, z, labels=None, pairs=15):
    """The `PenaltyCost` of a game, from `pairs` of whole critic steps on one batch; real, z, labels as in its step.

    Afterwards the game is as it was, but for the state of a random generator that the penalty owns.
    ValueError if the game has no penalty.
    """
    if game.penalty is None:
        raise ValueError("penalty_cost: the game has no penalty; give one to Game(..., penalty=)")
    if pairs < 1:
        raise ValueError(f"penalty_cost: pairs must be at least 1, got {pairs}")
    with undisturbed(game.generator, game.critic):
        for penalised in (True, False) * 3:  # as often as a captured step runs before it is replayed
            _timed_step(game, penalised, real, z, labels)
        orders = [(True, False), (False, True)]  # in turns, so that neither always comes first
        times = [
            {penalised: _timed_step(game, penalised, real, z, labels) for penalised in orders[k % 2]}
            for k in range(pairs)
        ]
    low, ratio, high = np.quantile([t[True] / t[False] for t in times], [0.25, 0.5, 0.75])
    with_ms, without_ms = (1e3 * float(np.median([t[penalised] for t in times])) for penalised in (True, False))
    return PenaltyCost(float(ratio), float(low), float(high), with_ms, without_ms, game.penalty_interval)


def _timed_step(game, penalised, real, z, labels):
    """Seconds that a critic step takes, which is undone."""
    with _undone(game):
        game.critic_steps = game.penalty_interval  # due for a penalty, and not the first step, which looks for more
        if not penalised:
            game.penalty = None
        start = perf_counter()
        game.critic_step(real, z, labels)
        return perf_counter() - start


@contextmanager
def _undone(game):
    """Inside, the critic may make a step; afterwards weights, optimizer and the game's own fields are as before."""
    optimizer = game.critic_optimizer
    weights, state = [p.data.copy() for p in optimizer.parameters], optimizer.state_dict()
    fields = game.penalty, game.critic_steps, game.gradient_norms
    game.gradient_norms = {}
    try:
        yield
    finally:
        game.penalty, game.critic_steps, game.gradient_norms = fields
        optimizer.load_state_dict(state)
        for parameter, values in zip(optimizer.parameters, weights, strict=True):
            parameter.assign_(values)
