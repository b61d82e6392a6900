"""The backend of NVIDIA GPUs: CuPy's arrays, our kernels, and cuBLAS for matrix products.

Imported when the device "cuda" is first asked for, see `minigan.backend.named`.  What is not here, CuPy does: NumPy's
functions hand its arrays over to it.
"""

import cupy
from cupy import asarray, ndarray

from .. import DeviceError
from ..recording import ACTIVE, CaptureError
from .conv import conv2d, conv2d_weight, conv_transpose2d
from .elementwise import gate, leaky_relu, scale_pixels, sigmoid, softplus
from .graph import Graph, word
from .matmul import matmul, precision
from .memory import explain_full_memory
from .norm import moments, normalize, normalize_gradients
from .optim import adam, approach, blocks
from .random import draw
from .reduce import numbers, square_sum, sum_leading
from .scatter import add_at

DEVICE = "cuda"


def array(data, dtype=None, order="K"):
    """Return a new array with a copy of `data`."""
    if type(data) is not ndarray:
        _refuse_while_captured()
    return cupy.array(data, dtype, order=order)


def to_numpy(a):
    """Return a copy of the array on the host."""
    return cupy.asnumpy(a)


def from_numpy(a):
    """Return a copy of the NumPy array on the device; CuPy stages it in pinned memory, so the host need not wait."""
    return array(a)


def _refuse_while_captured():
    """Refuse a copy from the host: a graph would read that memory again at every replay, when it holds other values."""
    if ACTIVE.tape is not None:
        raise CaptureError(
            "a captured step must not copy from the host to the GPU: move what it needs there before, and give what "
            "changes as an input"
        )


def device_count():
    """Return the number of GPUs."""
    return cupy.cuda.runtime.getDeviceCount()


def begin():
    """Compute a small product to check the device: a driver without a compiler or cuBLAS looks like a GPU too.

    DeviceError, in a sentence, if it does not.
    """
    try:
        device_count()
        ones = cupy.ones((2, 2), "float32")
        works = sum_leading(matmul(ones, ones), 2).item() == 8
        cause = "it computes wrong sums"
    except Exception as error:  # whatever the driver, the compiler or a loader raises
        works, cause = False, f"{type(error).__name__}: {error}".partition("\n")[0]
    if not works:
        raise DeviceError(
            f'device "cuda": CuPy {cupy.__version__} is installed, but no GPU works with it ({cause}); see with '
            'nvidia-smi whether there is one, and install what fits its driver: pip install "minigan[cuda13]", or '
            '"minigan[cuda12]" for one older than CUDA 13'
        )
    explain_full_memory()
