"""Minibatches in random order, epoch after epoch, resumable between any two of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from ..backend import as_array, device_of
from ..random import as_generator
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from ..types import Array, ArrayLike, Generator

__all__ = ["Loader"]


class Loader:
    """Shuffled minibatches from arrays that share their first axis.

    Each epoch visits the samples in a new random order, the same on every device. The order is always shuffled, so
    there is no argument `shuffle`.

    Args:
        arrays: One array, or a tuple or dict of arrays, each of shape (N, ...) and all on one device. A `Dataset`
            stands for its images; for labels too, give (dataset.images, dataset.labels).
        batch_size: The number of samples in a batch, from 1 to N.
        rng: The generator that draws the order, or a seed. The loader spawns its own generator from it, so other draws
            from `rng` do not change the order.
        drop_last: If True, every batch is full, and the N mod batch_size samples at the end of the order are skipped
            in that epoch. If False, they form a last, smaller batch.
        transform: A function of a batch; the loader returns its result instead of the batch. `minigan.data.scale`
            converts uint8 images to floats, one batch at a time.

    Attributes:
        epoch: The number of finished epochs.
        position: The number of samples visited in the current epoch. After the last batch of an epoch, `epoch` is one
            higher and `position` is 0.

    Raises:
        ValueError: If the arrays have no samples, differ in length or lie on several devices, or `batch_size` is out of
            range.
        TypeError: If `batch_size` is not an integer.

    Example:
        batches = mg.data.Loader(mg.data.load("mnist-10k"), 64, mg.random.Generator(0), transform=mg.data.scale)
        images = batches.next_batch()  # float32 (64, 28, 28, 1), in [-1, 1]

        digits = mg.data.load("mnist-10k")
        for images, labels in mg.data.Loader((digits.images, digits.labels), 64, mg.random.Generator(0)):
            real = mg.data.scale(images)
    """

    batch_size: int
    drop_last: bool
    transform: Callable[[Any], Any] | None
    epoch: int
    position: int
    _order: Array | None

    def __init__(
        self,
        arrays: Dataset | ArrayLike | Sequence[Any] | Mapping[str, Any],
        batch_size: int,
        rng: Generator | int | None,
        drop_last: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._arrays = _map(as_array, arrays.images if isinstance(arrays, Dataset) else arrays)
        self._count = _common_length(self._arrays)
        self.batch_size = operator.index(batch_size)
        if not 1 <= self.batch_size <= self._count:
            raise ValueError(f"Loader: batch_size must be from 1 to the {self._count} samples, not {batch_size}")
        self.drop_last = drop_last
        self.transform = transform
        self._rng, self._device = as_generator(rng).spawn(), _device(self._arrays)
        self._begin_epoch(0)

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        full, rest = divmod(self._count, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __repr__(self) -> str:
        place = f"epoch {self.epoch}, position {self.position}"
        return f"Loader({self._count:,} samples, batch_size={self.batch_size}, {place})"

    def __iter__(self) -> Iterator[Any]:
        """Yield the remaining batches of the current epoch: all of them, unless a part was visited before."""
        epoch = self.epoch
        while self.epoch == epoch:
            yield self.next_batch()

    def next_batch(self) -> Any:
        """Return the next batch; the last batch of an epoch is followed by the first one of the next epoch.

        Returns:
            New arrays (batch_size, ...) in the structure of `arrays`, which may be kept and changed, or the result of
            `transform`.
        """
        if self._order is None:
            self._order = self._rng.on(self._device).permutation(self._count)
        rows = self._order[self.position : self.position + self.batch_size]
        batch = _map(lambda array: np.take(array, rows, axis=0), self._arrays)
        self._advance(len(rows))
        return batch if self.transform is None else self.transform(batch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, which JSON can store; after `load_state_dict` the same batches follow as without it."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "generator": self._epoch_state,
            "samples": self._count,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, so that exactly the same batches follow.

        Raises:
            ValueError: If the number of samples, batch_size or drop_last differs, so that other batches would follow,
                or an entry is missing or out of range.
        """
        mine = self.state_dict()
        if not isinstance(state, dict) or state.keys() != mine.keys():
            raise ValueError(f"Loader.load_state_dict: expected a dict of {list(mine)}, got {state!r}")
        for name in ("samples", "batch_size", "drop_last"):
            if state[name] != mine[name]:
                raise ValueError(f"Loader.load_state_dict: {name} is {mine[name]} here, {state[name]} in the state")
        epoch, position = state["epoch"], state["position"]
        if epoch < 0 or position not in range(0, len(self) * self.batch_size, self.batch_size):
            raise ValueError(f"Loader.load_state_dict: no batch starts at epoch {epoch}, position {position}")
        self._rng.set_state(state["generator"])
        self._begin_epoch(epoch)
        self.position = position

    def _begin_epoch(self, epoch: int) -> None:
        # The order is drawn with the first batch. After a resume, the state that is kept here draws it again.
        self.epoch, self.position = epoch, 0
        self._order = None
        self._epoch_state = self._rng.state

    def _advance(self, rows: int) -> None:
        self.position += rows
        left = self._count - self.position
        if left == 0 or (self.drop_last and left < self.batch_size):
            self._begin_epoch(self.epoch + 1)


def _map(function, arrays):
    """Apply `function` to every array, and keep the structure."""
    if isinstance(arrays, dict):
        return {name: function(array) for name, array in arrays.items()}
    if isinstance(arrays, (tuple, list)):
        return tuple(function(array) for array in arrays)
    return function(arrays)


def _device(arrays):
    """Return the one device of all arrays."""
    devices = {device_of(array) for array in _flat(arrays)}
    if len(devices) > 1:
        raise ValueError(f"Loader: arrays must be on one device, got some on each of {', '.join(sorted(devices))}")
    return devices.pop()


def _flat(arrays):
    """Return the arrays of any structure as a tuple."""
    arrays = tuple(arrays.values()) if isinstance(arrays, dict) else arrays
    return arrays if isinstance(arrays, tuple) else (arrays,)


def _common_length(arrays):
    shapes = [array.shape for array in _flat(arrays)]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(f"Loader: arrays must share a first axis of at least 1 sample, got shapes {shapes}")
    return shapes[0][0]
