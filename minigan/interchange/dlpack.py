"""Arrays of other libraries without a copy, by the DLPack protocol.

The other way round is `Tensor.__dlpack__`: `torch.from_dlpack(tensor)`, `numpy.from_dlpack(tensor)`.
"""

import numpy as np

from .. import backend
from ..tensor import Tensor

_CPU = 1  # of DLPack's device types


def from_dlpack(x, *, copy=None):
    """A Tensor, without history, over the memory of x: what has `__dlpack__`, of PyTorch, JAX, NumPy, on the CPU.

    copy: None shares the memory, False refuses where that is not possible, True never shares it.
    Whoever writes to x changes this Tensor too, and no graph notices: give copy=True if anyone does.
    BufferError for what cannot be handed over, such as a torch.Tensor that requires a gradient: detach it first.
    TypeError for what has no `__dlpack__`; DeviceError for the memory of a GPU.
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(
            f"from_dlpack: expected an array with __dlpack__, got {type(x).__name__}; mg.tensor(...) copies"
        )
    if x.__dlpack_device__()[0] != _CPU:
        raise backend.DeviceError(
            "from_dlpack: the memory is not that of the CPU; of a GPU: mg.Tensor(cupy.from_dlpack(x))"
        )
    return Tensor(np.from_dlpack(x, copy=copy))
