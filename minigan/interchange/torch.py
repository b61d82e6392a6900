"""A network as a torch.nn.Module of PyTorch's own layers, with the weights of `interchange.layout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

try:
    import torch
except ImportError as _error:
    raise ImportError("minigan.interchange.torch needs PyTorch: pip install torch") from _error

from . import layout
from ._torch_layers import built

if TYPE_CHECKING:
    from ..nn import Module

__all__ = ["load", "module"]


def __dir__() -> list[str]:
    return sorted(__all__)


def module(network: Module, shape: Sequence[int]) -> torch.nn.Module:
    """Convert a network to a torch.nn.Module on the CPU, with copies of its weights.

    Images go in and out as (N, C, H, W). The module of a conditional network also takes labels, int64 (N,).
    Dropout draws PyTorch's random numbers. Augmentation and instance noise, which do nothing in evaluation mode, are
    left out.

    Args:
        network: A network of minigan's own layers.
        shape: Shape of one sample that the network takes, (latent,) or (H, W, C).

    Returns:
        A module in the mode of the network, training or evaluation.

    Raises:
        TypeError: If a layer has no counterpart in PyTorch.
    """
    state = {name: torch.from_numpy(array.copy()) for name, array in layout.state_dict(network, shape).items()}
    with torch.random.fork_rng(devices=[]):  # PyTorch draws initial weights, which are overwritten at once
        made = built(network).to(next(iter(state.values())).dtype)
    made.load_state_dict(state)
    return made.train(network.training)


def load(network: Module, module: torch.nn.Module, shape: Sequence[int]) -> None:
    """Overwrite the parameters and buffers of a network from a torch.nn.Module of the same architecture.

    Args:
        network: A network of minigan's own layers.
        module: The module whose weights are copied, such as one from `module`.
        shape: Shape of one sample that the network takes, (latent,) or (H, W, C).

    Raises:
        ValueError: If names or shapes do not fit. The network is then unchanged.
    """
    state = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    layout.load_state_dict(network, state, shape)
