"""Cost of a penalty, from alternating critic steps with and without it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .undisturbed import undisturbed

if TYPE_CHECKING:
    from ..types import Array, Tensor
    from .game import Game

__all__ = ["PenaltyCost", "penalty_cost"]


@dataclass(frozen=True)
class PenaltyCost:
    """Time of a critic step with its penalty, relative to a step without it; `print` shows it as a sentence.

    Attributes:
        ratio, low, high: Median and quartiles of the ratio, over pairs of steps made one after the other.
        with_ms, without_ms: Median times of a step with the penalty and without it, in milliseconds.
        interval: The game's `penalty_interval`.
    """

    ratio: float
    low: float
    high: float
    with_ms: float
    without_ms: float
    interval: int = 1

    @property
    def average_ratio(self) -> float:
        """The ratio averaged over all steps, of which one in `interval` has a penalty."""
        return 1 + (self.ratio - 1) / self.interval

    def __str__(self) -> str:
        often = f"; at one step in {self.interval}, {self.average_ratio:.2f} on average" if self.interval > 1 else ""
        return (
            f"critic step {self.with_ms:.3g} ms with its penalty, {self.without_ms:.3g} ms without: "
            f"ratio {self.ratio:.2f} (quartiles {self.low:.2f} to {self.high:.2f}){often}"
        )


def penalty_cost(
    game: Game, real: Tensor | Array, z: Tensor | Array, labels: Array | None = None, pairs: int = 15
) -> PenaltyCost:
    """Measure how much longer a game's critic step takes because of its penalty.

    Afterwards the game is as before, except for the state of a random generator that the penalty owns.

    Args:
        game: A game with a penalty.
        real, z, labels: A batch, as for `Game.critic_step`.
        pairs: The number of pairs of steps to time.

    Raises:
        ValueError: If the game has no penalty, or pairs is less than 1.
    """
    if game.penalty is None:
        raise ValueError("penalty_cost: the game has no penalty; give one to Game(..., penalty=)")
    if pairs < 1:
        raise ValueError(f"penalty_cost: pairs must be at least 1, got {pairs}")
    with undisturbed(game.generator, game.critic):
        for penalised in (True, False) * 3:  # warm-up: a captured step is replayed alone from its fourth call on
            _timed_step(game, penalised, real, z, labels)
        orders = [(True, False), (False, True)]  # alternating, so that neither always comes first
        times = [
            {penalised: _timed_step(game, penalised, real, z, labels) for penalised in orders[k % 2]}
            for k in range(pairs)
        ]
    low, ratio, high = np.quantile([t[True] / t[False] for t in times], [0.25, 0.5, 0.75])
    with_ms, without_ms = (1e3 * float(np.median([t[penalised] for t in times])) for penalised in (True, False))
    return PenaltyCost(float(ratio), float(low), float(high), with_ms, without_ms, game.penalty_interval)


def _timed_step(game, penalised, real, z, labels):
    """Return the seconds that a critic step takes, and undo the step."""
    with _undone(game):
        game.critic_steps = game.penalty_interval  # a penalty is due; not step 0, which makes an extra check
        if not penalised:
            game.penalty = None
        start = perf_counter()
        game.critic_step(real, z, labels)
        game.settle()
        return perf_counter() - start


@contextmanager
def _undone(game):
    """Let the critic make a step inside the block, and restore weights, optimizer and the game's fields after it."""
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
