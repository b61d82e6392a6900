"""minigan: GANs from nothing but arrays.

A gradient:

    import minigan as mg

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (g,) = mg.grad((x * x).sum(), [x])
"""

from importlib import import_module

from . import ops
from .autodiff import checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .backend import device_count
from .capture import CaptureError, capture
from .fused import fused
from .interchange import from_dlpack
from .op import no_grad, op
from .profile import profile
from .tensor import Parameter, Tensor, tensor

__version__ = "0.1.0"

# Imported on first use, so that `import minigan` costs little more than NumPy.
_LAZY = {
    "check", "data", "experiment", "gan", "interchange", "metrics", "models", "nn", "optim", "presets", "protocols",
    "random", "runs", "scale", "trainers", "viz",
}  # fmt: skip


def __getattr__(name):
    if name in _LAZY:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'minigan' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
