"""Arrays of other libraries without a copy, by the DLPack protocol.

The way back is `Tensor.__dlpack__`: `torch.from_dlpack(tensor)`, `numpy.from_dlpack(tensor)`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .. import backend
from ..tensor import Tensor

__all__ = ["SupportsDLPack", "from_dlpack"]

_CPU = 1  # of DLPack's device types


class SupportsDLPack(Protocol):
    """An array that can be shared by DLPack: one of PyTorch, JAX, NumPy, CuPy, or a Tensor."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __dlpack_device__(self) -> tuple[Any, Any]: ...


def from_dlpack(x: SupportsDLPack, *, copy: bool | None = None) -> Tensor:
    """Return a Tensor that shares the memory of another library's array.

    The Tensor has no history. Code that writes to x changes the Tensor too, and no graph notices it: give copy=True
    if x may be written to.

    Args:
        x: An array of PyTorch, JAX or NumPy, or any object with `__dlpack__`, in the CPU's memory.
        copy: None shares the memory and copies only where x cannot be shared, False refuses such an x, and True
            always copies.

    Raises:
        TypeError: If the object has no `__dlpack__`.
        BufferError: If the other library refuses, as PyTorch does for a tensor that requires a gradient: detach it.
        DeviceError: If the array is in the memory of a GPU.

    Example:
        x = mg.from_dlpack(torch.ones(3, 4))
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(
            f"from_dlpack: expected an array with __dlpack__, got {type(x).__name__}; mg.tensor(...) copies"
        )
    if x.__dlpack_device__()[0] != _CPU:
        raise backend.DeviceError(
            "from_dlpack: the memory is not that of the CPU; for an array on a GPU: mg.Tensor(cupy.from_dlpack(x))"
        )
    return Tensor(np.from_dlpack(x, copy=copy))
