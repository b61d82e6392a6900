"""To other libraries and back: PyTorch's layout and modules, ONNX graphs, DLPack."""

from importlib import import_module

from .dlpack import from_dlpack

__all__ = ["from_dlpack", "layout", "runs"]  # and the modules torch and onnx, where those are installed
_LAZY = {"layout", "onnx", "runs", "torch"}  # onnx and torch import the libraries that they are named after


def __getattr__(name):
    if name in _LAZY:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'minigan.interchange' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
