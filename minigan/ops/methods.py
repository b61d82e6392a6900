"""The operators and methods of Tensor, and the refusal of NumPy's functions, which record no history.

The types of all that is attached here are in `tensor.pyi`.
"""

import operator

import numpy as np

from ..op import mixed_devices
from ..tensor import Tensor, wrap
from . import elementwise as e
from . import linalg, reduce, shape


def attach() -> None:
    """Attach operators and methods to Tensor; this is done here so that `tensor.py` does not depend on operations."""
    for name, function in _METHODS.items():
        setattr(Tensor, name, function)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(Tensor, f"__{name}__", _comparison(getattr(operator, name)))


def _comparison(relation):
    def compare(self, other):
        x, y = self.data, other.data if isinstance(other, Tensor) else other
        try:
            return wrap(relation(x, y), None)
        except TypeError as error:
            raise TypeError(f"{relation.__name__}(x, y): {mixed_devices({'x': x, 'y': y}) or error}") from error

    return compare


def _swapped(function):
    return lambda self, other: function(other, self)


class _Ufunc(property):
    """`__array_ufunc__` of Tensor: a callable for NumPy, which reads it from the class; None on instances, for CuPy.

    None makes the operators of CuPy's arrays call the reflected operators of Tensor. NumPy would do so too, but its
    error for np.exp(tensor) would then name no remedy.
    """

    def __call__(self, tensor, ufunc, method, *inputs, **options):
        """Compute `array * tensor` and the like by the reflected operator; refuse all other functions of NumPy."""
        reflected = _REFLECTED.get(ufunc)
        if reflected and not options and not isinstance(inputs[0], Tensor) and method == "__call__":
            return getattr(inputs[1], reflected)(inputs[0])
        remedy = f"use mg.ops.{ufunc.__name__}, or " if _is_operation(ufunc.__name__) else "take "
        raise TypeError(
            f"np.{ufunc.__name__} cannot record the history of a Tensor (see Tensor.__array_ufunc__): {remedy}"
            "x.numpy() for the values"
        )


_REFLECTED = {
    np.add: "__radd__",
    np.subtract: "__rsub__",
    np.multiply: "__rmul__",
    np.divide: "__rtruediv__",
    np.power: "__rpow__",
    np.matmul: "__rmatmul__",
    np.less: "__gt__",
    np.less_equal: "__ge__",
    np.greater: "__lt__",
    np.greater_equal: "__le__",
    np.equal: "__eq__",
    np.not_equal: "__ne__",
}


def _is_operation(name):
    from minigan import ops

    return name in ops.__all__


_METHODS = {
    "__add__": e.add,
    "__radd__": _swapped(e.add),
    "__sub__": e.sub,
    "__rsub__": _swapped(e.sub),
    "__mul__": e.mul,
    "__rmul__": _swapped(e.mul),
    "__truediv__": e.div,
    "__rtruediv__": _swapped(e.div),
    "__neg__": e.neg,
    "__pow__": e.power,
    "__rpow__": _swapped(e.power),
    "__matmul__": linalg.matmul,
    "__rmatmul__": _swapped(linalg.matmul),
    "__abs__": e.abs,
    "__getitem__": shape.getitem,
    "__hash__": object.__hash__,  # `==` compares elements, so sets and dicts must use the identity
    "__array_ufunc__": _Ufunc(lambda self: None),
    "T": property(shape.transpose, doc="The transposed tensor: all axes in reverse order."),
    "abs": e.abs,
    "astype": e.astype,
    "clip": e.clip,
    "exp": e.exp,
    "flatten": shape.ravel,
    "log": e.log,
    "ravel": shape.ravel,
    "reshape": shape.reshape,
    "sqrt": e.sqrt,
    "squeeze": shape.squeeze,
    "swapaxes": shape.swapaxes,
    "tanh": e.tanh,
    "transpose": shape.transpose,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "var": reduce.var,
    "max": reduce.max,
    "min": reduce.min,
}
