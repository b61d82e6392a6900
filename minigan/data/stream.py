"""Minibatches without end, drawn as they are asked for, resumable between any two of them."""

import operator

__all__ = ["Stream"]


class Stream:
    """Batches from a distribution instead of an array, with the face of a `Loader`.

    sampler: has `sample(n, rng)`, which gives n fresh samples: a `Mixture`, a `SwissRoll`, `StackedDigits`. A
        batch has the structure that it returns.
    batch_size: samples in a batch, at least 1.
    rng: a `minigan.random.Generator`. The stream spawns its own from it, so other draws from `rng`, before or
        after, do not change the samples.
    transform: called on each batch; its result is what the stream gives. For points in the plane that are to
        be divided by the sampler's `scale`: `transform=lambda points: points / sampler.scale`.

    `position` counts the samples that were drawn.

    Raises ValueError for a batch_size below 1, TypeError for one that is no integer.
    """

    def __init__(self, sampler, batch_size, rng, transform=None):
        self.sampler = sampler
        self.batch_size = operator.index(batch_size)
        if self.batch_size < 1:
            raise ValueError(f"Stream: batch_size must be at least 1, not {batch_size}")
        self.transform = transform
        self.position = 0
        self._rng = rng.spawn()

    def next_batch(self):
        """The next batch. There is always one."""
        batch = self.sampler.sample(self.batch_size, self._rng)
        self.position += self.batch_size
        return batch if self.transform is None else self.transform(batch)

    def state_dict(self):
        """What `load_state_dict` needs to give exactly the batches that would follow; JSON can hold it."""
        return {"position": self.position, "generator": self._rng.state, "batch_size": self.batch_size}

    def load_state_dict(self, state):
        """Continue where the stream with this state was.

        Raises ValueError where batch_size is another, since other batches would follow, or where an entry is
        missing or out of range.
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
