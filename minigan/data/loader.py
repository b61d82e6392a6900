"""Minibatches in random order, epoch after epoch, resumable between any two of them."""

import operator

import numpy as np

from ..backend import as_array, device_of

__all__ = ["Loader"]


class Loader:
    """Shuffled minibatches from arrays that share their first axis.

    arrays: one array, or a tuple or dict of arrays, each of shape (N, ...). A batch has the same structure,
        with arrays of shape (batch_size, ...), freshly made: it may be kept and changed. All on one device, on
        which the batches are made too, in the same order as on any other.
    batch_size: 1 to N samples.
    rng: a `minigan.random.Generator`. The loader spawns its own stream from it, so other draws from `rng`,
        before or after, do not change the order of the samples.
    drop_last: each epoch visits the samples in a new random order. With True every batch is full, and the
        N mod batch_size samples at the end of the order are skipped in that epoch; with False they make a
        last, smaller batch.
    transform: called on each batch, in the structure of `arrays`; its result is what the loader gives. This
        is the place to turn uint8 images into floats, a batch at a time (`minigan.data.scale`).

    `epoch` counts finished epochs and `position` the samples visited in the current one. Both advance as a
    batch is handed out: after the last batch of an epoch, `epoch` is one higher and `position` is 0.

    Raises ValueError for arrays without samples or of different lengths, and for a batch_size out of range;
    TypeError for a batch_size that is no integer.
    """

    def __init__(self, arrays, batch_size, rng, drop_last=True, transform=None):
        self._arrays = _map(as_array, arrays)
        self._count = _common_length(self._arrays)
        self.batch_size = operator.index(batch_size)
        if not 1 <= self.batch_size <= self._count:
            raise ValueError(f"Loader: batch_size must be from 1 to the {self._count} samples, not {batch_size}")
        self.drop_last = drop_last
        self.transform = transform
        self._rng, self._device = rng.spawn(), _device(self._arrays)
        self._begin_epoch(0)

    def __len__(self):
        """Batches per epoch."""
        full, rest = divmod(self._count, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self):
        """The batches up to the end of the current epoch: all at its start, the rest after a resume."""
        epoch = self.epoch
        while self.epoch == epoch:
            yield self.next_batch()

    def next_batch(self):
        """The next batch; after the last of an epoch, the first of the next. There is always one."""
        if self._order is None:
            self._order = self._rng.on(self._device).permutation(self._count)
        rows = self._order[self.position : self.position + self.batch_size]
        batch = _map(lambda array: np.take(array, rows, axis=0), self._arrays)
        self._advance(len(rows))
        return batch if self.transform is None else self.transform(batch)

    def state_dict(self):
        """What `load_state_dict` needs to give exactly the batches that would follow; JSON can hold it."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "generator": self._epoch_state,
            "samples": self._count,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
        }

    def load_state_dict(self, state):
        """Continue where the loader with this state was.

        Raises ValueError where the number of samples, batch_size or drop_last is another, since other batches
        would follow, or where an entry is missing or out of range.
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

    def _begin_epoch(self, epoch):
        # The order is drawn when its first batch is asked for; from the state kept here it can be redrawn.
        self.epoch, self.position = epoch, 0
        self._order, self._epoch_state = None, self._rng.state

    def _advance(self, rows):
        self.position += rows
        left = self._count - self.position
        if left == 0 or (self.drop_last and left < self.batch_size):
            self._begin_epoch(self.epoch + 1)


def _map(function, arrays):
    """`function` of every array, in the same structure."""
    if isinstance(arrays, dict):
        return {name: function(array) for name, array in arrays.items()}
    if isinstance(arrays, (tuple, list)):
        return tuple(function(array) for array in arrays)
    return function(arrays)


def _device(arrays):
    """Where they are, all of them."""
    devices = {device_of(array) for array in _flat(arrays)}
    if len(devices) > 1:
        raise ValueError(f"Loader: arrays must be on one device, got some on each of {', '.join(sorted(devices))}")
    return devices.pop()


def _flat(arrays):
    """The arrays, whatever their structure, as a tuple."""
    arrays = tuple(arrays.values()) if isinstance(arrays, dict) else arrays
    return arrays if isinstance(arrays, tuple) else (arrays,)


def _common_length(arrays):
    shapes = [array.shape for array in _flat(arrays)]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(f"Loader: arrays must share a first axis of at least 1 sample, got shapes {shapes}")
    return shapes[0][0]
