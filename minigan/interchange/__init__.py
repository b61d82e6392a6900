"""Exchange with other libraries: PyTorch's weights and modules, ONNX graphs, arrays by DLPack.

| module | does | needs |
|---|---|---|
| `layout` | weights in PyTorch's names and axes, as arrays or as a .safetensors file | safetensors, for files |
| `torch` | a network as a `torch.nn.Module`, and weights from one | PyTorch |
| `onnx` | a generator as an ONNX graph | onnx |
| `runs` | the generator of a run, ready for export | |

`from_dlpack` shares the memory of another library's array.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .dlpack import from_dlpack

if TYPE_CHECKING:
    from . import layout, runs
    from . import onnx as onnx
    from . import torch as torch

__all__ = ["from_dlpack", "layout", "runs"]  # onnx and torch are not: `import *` would need those libraries

_LAZY = {"layout", "onnx", "runs", "torch"}


if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        if name in _LAZY:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module 'minigan.interchange' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY})
