"""The backend of NVIDIA GPUs: CuPy's arrays, minigan's CUDA kernels, and cuBLAS for matrix products.

It is imported when the device "cuda" is first used, see `minigan.backend.named`. CuPy computes everything else, since
NumPy's functions dispatch to it when they are called with its arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy
from cupy import asarray, ndarray

from .. import DeviceError
from ..recording import ACTIVE, CaptureError
from .arrays import fit
from .conv import conv2d, conv2d_weight, conv_transpose2d
from .elementwise import between, gate, leaky_relu, positive, quotient, scale_pixels, scaled, sigmoid, softplus
from .graph import Graph
from .matmul import matmul, precision
from .memory import explain_full_memory
from .norm import euclidean_norm, moments, normalize, normalize_gradients, track
from .optim import adam, approach, blocks, each, update_all
from .outcomes import Outcomes
from .random import draw
from .reduce import numbers, scaled_square_sum, scaled_sum, square_sum, sum_leading
from .scatter import add_at, concatenate, placed
from .words import Words

if TYPE_CHECKING:
    from typing import Any

    from ...types import Array, DTypeLike
    from ..interface import Order

DEVICE: str = "cuda"


def array(data: Any, dtype: DTypeLike | None = None, order: Order = "K") -> Array:
    """Return a new array with a copy of `data`."""
    if type(data) is not ndarray:
        _refuse_while_captured()
    return cupy.array(data, dtype, order=order)


def to_numpy(a: Array) -> Array:
    """Return a copy of the array on the host."""
    return cupy.asnumpy(a)


def from_numpy(a: Array) -> Array:
    """Return a copy of the NumPy array on the device; CuPy stages it in pinned memory, so the host need not wait."""
    return array(a)


def _refuse_while_captured() -> None:
    """Refuse a copy from the host: every replay of a graph would read that memory, which may hold other values then."""
    if ACTIVE.tape is not None:
        raise CaptureError(
            "a captured step must not copy from the host to the GPU: move what it needs there before, and give what "
            "changes as an input"
        )


def device_count() -> int:
    """Return the number of GPUs."""
    return cupy.cuda.runtime.getDeviceCount()


def begin() -> None:
    """Check the device by a small product, since CuPy finds a GPU even if its compiler or cuBLAS is missing.

    Raises:
        DeviceError: If the product fails or is wrong; the message is one sentence.
    """
    try:
        device_count()
        ones = cupy.ones((2, 2), "float32")
        works = sum_leading(matmul(ones, ones), 2).item() == 8
        cause = "it computes wrong sums"
    except Exception as error:  # the driver, the compiler and the loaders raise errors of many types
        works, cause = False, f"{type(error).__name__}: {error}".partition("\n")[0]
    if not works:
        raise DeviceError(
            f'device "cuda": CuPy {cupy.__version__} is installed, but no GPU works with it ({cause}); see with '
            "nvidia-smi whether there is one, and install the packages that fit its driver: "
            'pip install "minigan[cuda13]", or "minigan[cuda12]" for a driver older than CUDA 13'
        )
    explain_full_memory()
