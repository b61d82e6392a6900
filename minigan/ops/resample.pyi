"""Types of `resample.py`: arrays in, array out; with a Tensor among the arguments, a Tensor."""

from typing import overload

from ..types import Array, Tensor

@overload
def bilinear_up(x: Tensor) -> Tensor: ...
@overload
def bilinear_up(x: Array) -> Array: ...
@overload
def bilinear_down(x: Tensor) -> Tensor: ...
@overload
def bilinear_down(x: Array) -> Array: ...
