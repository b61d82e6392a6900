"""Endless minibatches from a distribution, resumable between any two of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from ..random import as_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from ..types import Generator

    class Sampler(Protocol):
        """Object that draws fresh samples."""

        def sample(self, n: int, rng: Generator, /) -> Any:
            """Return n samples."""


__all__ = ["Stream"]


class Stream:
    """Minibatches drawn from a distribution instead of an array, with the interface of a `Loader`.

    Args:
        sampler: An object whose `sample(n, rng)` returns n fresh samples: a `Mixture`, a `SwissRoll`,
            `StackedDigits`. A batch has the structure of its result.
        batch_size: The number of samples in a batch, at least 1.
        rng: The generator that draws the samples, or a seed. The stream spawns its own generator from it, so other
            draws from `rng` do not change the samples.
        transform: A function of a batch; the stream returns its result instead of the batch. An example is
            `lambda points: points / sampler.scale` for points in the plane.

    Attributes:
        position: The number of samples drawn so far.

    Raises:
        ValueError: If `batch_size` is below 1.
        TypeError: If `batch_size` is not an integer.
    """

    sampler: Sampler
    batch_size: int
    transform: Callable[[Any], Any] | None
    position: int

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        rng: Generator | int | None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.sampler = sampler
        self.batch_size = operator.index(batch_size)
        if self.batch_size < 1:
            raise ValueError(f"Stream: batch_size must be at least 1, not {batch_size}")
        self.transform = transform
        self.position = 0
        self._rng = as_generator(rng).spawn()

    def next_batch(self) -> Any:
        """Return the next batch; the stream has no end."""
        batch = self.sampler.sample(self.batch_size, self._rng)
        self.position += self.batch_size
        return batch if self.transform is None else self.transform(batch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, which JSON can store; after `load_state_dict` the same batches follow as without it."""
        return {"position": self.position, "generator": self._rng.state, "batch_size": self.batch_size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, so that exactly the same batches follow.

        Raises:
            ValueError: If batch_size differs, so that other batches would follow, or an entry is missing or out of
                range.
        """
        mine = self.state_dict()
        if not isinstance(state, dict) or state.keys() != mine.keys():
            raise ValueError(f"Stream.load_state_dict: expected a dict of {list(mine)}, got {state!r}")
        if state["batch_size"] != self.batch_size:
            raise ValueError(
                f"Stream.load_state_dict: batch_size is {self.batch_size} here, {state['batch_size']} in the state"
            )
        position = state["position"]
        if not isinstance(position, int) or position < 0 or position % self.batch_size:
            raise ValueError(f"Stream.load_state_dict: no batch starts at position {position!r}")
        self._rng.set_state(state["generator"])
        self.position = position
