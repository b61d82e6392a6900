"""Types of `conv.py`: arrays in, array out; with a Tensor among the arguments, a Tensor."""

from dataclasses import dataclass
from typing import Any, overload

from ..types import Array, Padding, Pair, Shape, Tensor

@dataclass(frozen=True)
class ConvGeometry:
    input: Shape
    kernel: Shape
    stride: Shape
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: Shape
    groups: int
    @property
    def extent(self) -> Shape: ...
    @property
    def output(self) -> Shape: ...
    @property
    def is_pointwise(self) -> bool: ...

@overload
def conv2d(
    x: Tensor, w: Tensor | Array, *, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1, groups: int = 1
) -> Tensor: ...
@overload
def conv2d(
    x: Array, w: Tensor, *, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1, groups: int = 1
) -> Tensor: ...
@overload
def conv2d(
    x: Array, w: Array, *, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1, groups: int = 1
) -> Array: ...
@overload
def conv_transpose2d(
    y: Tensor,
    w: Tensor | Array,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor: ...
@overload
def conv_transpose2d(
    y: Array,
    w: Tensor,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor: ...
@overload
def conv_transpose2d(
    y: Array,
    w: Array,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array: ...
def conv_geometry(
    size: Shape, kernel: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> ConvGeometry: ...
def transposed_geometry(
    size: Shape, kernel: Shape, stride: Pair, padding: Padding, output_padding: Pair, dilation: Pair, groups: int
) -> ConvGeometry: ...
def hashable(value: Any) -> Any: ...
def as_pair(name: str, value: Any, least: int) -> tuple[int, ...]: ...
