"""minigan: GANs from nothing but arrays.

Example:
    import minigan as mg

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (g,) = mg.grad((x * x).sum(), [x])
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import ops
from .autodiff import checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .backend import device_count
from .capture import CaptureError, capture
from .cores import get_num_threads, set_num_threads, threads
from .fused import fused
from .op import no_grad, op
from .profile import profile
from .tensor import Parameter, Tensor, tensor

if TYPE_CHECKING:
    from . import (
        check,
        data,
        gan,
        interchange,
        metrics,
        models,
        nn,
        optim,
        presets,
        protocols,
        random,
        runs,
        scale,
        trainers,
        viz,
    )
    from . import experiment as experiment  # deprecated, and therefore not in `__all__`
    from .anomaly import detect_anomaly
    from .interchange import from_dlpack

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "Parameter",
    "Tensor",
    "capture",
    "check",
    "checkpoint",
    "data",
    "detect_anomaly",
    "device_count",
    "from_dlpack",
    "fused",
    "gan",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "interchange",
    "jacobian",
    "jvp",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "op",
    "ops",
    "optim",
    "presets",
    "profile",
    "protocols",
    "random",
    "runs",
    "scale",
    "set_num_threads",
    "tensor",
    "threads",
    "trainers",
    "value_and_grad",
    "viz",
    "vjp",
]

# Imported on first use, so that `import minigan` costs little more than NumPy.
_LAZY = {
    "check", "data", "experiment", "gan", "interchange", "metrics", "models", "nn", "optim", "presets", "protocols",
    "random", "runs", "scale", "trainers", "viz",
}  # fmt: skip
_LAZY_FUNCTIONS = {"detect_anomaly": "anomaly", "from_dlpack": "interchange"}

_RANDOM = "give rng=mg.random.Generator(seed), or the seed itself, to everything that draws random numbers"

# Names of PyTorch, with the way to do it here.
_ELSEWHERE = {
    "Module": "use mg.nn.Module",
    "arange": "use mg.tensor(numpy.arange(n))",
    "autograd": "use mg.grad(outputs, inputs)",
    "cat": "use mg.ops.concatenate(tensors, axis)",
    "enable_grad": "operations are recorded everywhere except inside `with mg.no_grad()`",
    "from_numpy": "use mg.tensor(array), which copies the array",
    "load": "use network.load_state_dict(numpy.load(path)), or mg.interchange for the files of other libraries",
    "manual_seed": _RANDOM,
    "ones": 'use mg.tensor(numpy.ones(shape, "float32"))',
    "rand": "use mg.tensor(mg.random.Generator(seed).uniform(shape))",
    "randn": "use mg.tensor(mg.random.Generator(seed).normal(shape))",
    "save": "use numpy.savez(path, **network.state_dict()), or mg.interchange for the files of other libraries",
    "seed": _RANDOM,
    "stack": "use mg.ops.stack(tensors, axis)",
    "zeros": 'use mg.tensor(numpy.zeros(shape, "float32"))',
}

if not TYPE_CHECKING:  # with a `__getattr__`, type checkers would accept every name

    def __getattr__(name):
        if name in _LAZY:
            return import_module(f".{name}", __name__)
        if name in _LAZY_FUNCTIONS:
            return getattr(import_module(f".{_LAZY_FUNCTIONS[name]}", __name__), name)
        from .suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
