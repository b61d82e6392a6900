"""The tuple of gradients that `mg.grad` returns, with clear errors where it is used like a single Tensor."""

from __future__ import annotations

from typing import Any, NoReturn

from .tensor import Tensor

_REMEDY = "mg.grad returns a tuple, one gradient for each input: write (g,) = mg.grad(...), or mg.grad(...)[0]"


class Gradients(tuple[Any, ...]):
    """A tuple with one Tensor for each input, or None for an unused input.

    Raises:
        AttributeError: If an attribute of a Tensor is read, such as `.shape`.
        TypeError: If it is used in arithmetic, except the concatenation of tuples.
    """

    __slots__ = ()
    __array_ufunc__ = None  # `array - gradients` then calls __rsub__ instead of converting the tuple to an array

    def __getattr__(self, name: str) -> NoReturn:
        hint = f": {_REMEDY}" if hasattr(Tensor, name) else ""
        raise AttributeError(f"'tuple' object has no attribute {name!r}{hint}")

    def __add__(self, other: Any) -> Any:
        return (*self, *other) if isinstance(other, tuple) else _refuse(self, other)

    def __radd__(self, other: Any) -> Any:
        return (*other, *self) if isinstance(other, tuple) else _refuse(self, other)


def _refuse(self, *others):
    raise TypeError(f"arithmetic with a tuple: {_REMEDY}")


for _name in (
    "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "matmul", "rmatmul",
    "neg", "abs", "float",
):  # fmt: skip
    setattr(Gradients, f"__{_name}__", _refuse)
