"""Types of `norm.py`: arrays in, array out; with a Tensor among the arguments, a Tensor."""

from collections.abc import Callable
from typing import overload

from ..types import Array, Tensor

@overload
def normalized(x: Tensor, gamma: Tensor | Array, beta: Tensor | Array, axis: int, eps: float) -> Tensor: ...
@overload
def normalized(x: Array, gamma: Tensor, beta: Tensor | Array, axis: int, eps: float) -> Tensor: ...
@overload
def normalized(x: Array, gamma: Array, beta: Tensor, axis: int, eps: float) -> Tensor: ...
@overload
def normalized(x: Array, gamma: Array, beta: Array, axis: int, eps: float) -> Array: ...
@overload
def batch_norm(
    x: Tensor,
    gamma: Tensor | Array,
    beta: Tensor | Array,
    *,
    eps: float = 1e-5,
    observe: Callable[[Array, Array], object] | None = None,
) -> Tensor: ...
@overload
def batch_norm(
    x: Array,
    gamma: Tensor,
    beta: Tensor | Array,
    *,
    eps: float = 1e-5,
    observe: Callable[[Array, Array], object] | None = None,
) -> Tensor: ...
@overload
def batch_norm(
    x: Array, gamma: Array, beta: Tensor, *, eps: float = 1e-5, observe: Callable[[Array, Array], object] | None = None
) -> Tensor: ...
@overload
def batch_norm(
    x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5, observe: Callable[[Array, Array], object] | None = None
) -> Array: ...
@overload
def layer_norm(x: Tensor, gamma: Tensor | Array, beta: Tensor | Array, *, eps: float = 1e-5) -> Tensor: ...
@overload
def layer_norm(x: Array, gamma: Tensor, beta: Tensor | Array, *, eps: float = 1e-5) -> Tensor: ...
@overload
def layer_norm(x: Array, gamma: Array, beta: Tensor, *, eps: float = 1e-5) -> Tensor: ...
@overload
def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Array: ...
