"""Where a run computes, and what of its data lies there."""

from contextlib import nullcontext

from ..backend import move, named, works

RESIDENT_BYTES = 4 << 30  # of training data: more is left on the host, and goes over batch by batch


def chosen(config):
    """The device that `config.device` asks for; auto is a GPU if one works, and without a word the CPU if none does.

    `backend.DeviceError` for a GPU that is not to be had.
    """
    device = ("cuda" if works("cuda") else "cpu") if config.device == "auto" else config.device
    named(device)
    return device


def resident(arrays, device):
    """`arrays`, a tuple, on `device`, if there is room for them."""
    return on(arrays, device) if sum(a.nbytes for a in arrays) <= RESIDENT_BYTES else arrays


def on(arrays, device):
    """`arrays`, a tuple, on `device`."""
    return tuple(move(a, device) for a in arrays)


def precision_of(trainer):
    """A context in which products have the precision that the trainer's configuration asks for."""
    if trainer.device != "cuda":
        return nullcontext()
    return named("cuda").precision(trainer.config.precision)
