"""Evaluation of networks in the middle of training, without a lasting effect on them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..random import Generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..nn import Module

__all__ = ["undisturbed"]


@contextmanager
def undisturbed(*networks: Module) -> Iterator[None]:
    """Let networks run in any mode inside the block, and restore their modes, buffers and random generators after it.

    A forward in training mode changes buffers: the running statistics of batch norm, the vectors of spectral norm. The
    random generators are the attributes `rng` of layers: of dropout, noise and augmentation.
    """
    modules = list({module: None for network in networks for module in network.modules()})
    modes = [(module, module.training) for module in modules]
    buffers = [(array, array.copy()) for network in networks for _, array in network.named_buffers()]
    owned = [rng for module in modules if isinstance(rng := getattr(module, "rng", None), Generator)]
    streams = [(rng, rng.state) for rng in owned]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for array, values in buffers:
            array[...] = values
        for rng, state in streams:
            rng.set_state(state)
