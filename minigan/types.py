"""Types that public signatures share.

For readers and type checkers only: import these names under `if TYPE_CHECKING:`, in a module that begins with
`from __future__ import annotations`, so that `import minigan` does not pay for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .backend.random import Generator
from .tensor import Parameter, Tensor

__all__ = [
    "Array",
    "ArrayLike",
    "Axis",
    "DTypeLike",
    "Device",
    "Generator",
    "NDArray",
    "Number",
    "Operation",
    "Padding",
    "Pair",
    "Parameter",
    "PathLike",
    "Shape",
    "Tensor",
    "TensorFunction",
    "TensorLike",
]

Array: TypeAlias = NDArray[Any]
"""An array of a backend: NumPy's, or CuPy's, which has the same methods."""

Number: TypeAlias = float | complex | np.generic
"""A Python or NumPy scalar (`float` includes int and bool)."""

TensorLike: TypeAlias = Tensor | Array | Number
"""An argument of an operation: a Tensor, an array, or a number."""

TensorFunction: TypeAlias = Callable[..., Tensor]
"""A function from Tensors to a Tensor, such as a loss."""

Shape: TypeAlias = tuple[int, ...]
"""The length of every axis."""

Axis: TypeAlias = int | tuple[int, ...] | None
"""One axis, several, or all of them (None)."""

Pair: TypeAlias = int | tuple[int, int]
"""A height and a width, or one number for both."""

Padding: TypeAlias = int | Literal["same", "valid"] | tuple[tuple[int, int], tuple[int, int]]
"""Padding of an image: on every side, by rule, or ((top, bottom), (left, right))."""

Device: TypeAlias = Literal["cpu", "cuda"] | str
"""The name of a device."""

PathLike: TypeAlias = str | os.PathLike[str]

P = ParamSpec("P")


class Operation(Protocol[P]):
    """A function declared with `op` or `fused`; P are the parameters of its kernel."""

    op: Any

    @overload
    def __call__(self, x: Tensor, /, *args: TensorLike, **attributes: Any) -> Tensor: ...
    @overload
    def __call__(self, *args: P.args, **attributes: P.kwargs) -> Any: ...
    @overload
    def __call__(self, *args: TensorLike, **attributes: Any) -> Any: ...
