"""The operators and NumPy's method names, attached to Tensor."""

import operator

from ..op import mixed_devices
from ..tensor import Tensor, wrap
from . import elementwise as e
from . import linalg, reduce, shape


def attach():
    """Give Tensor its arithmetic.  Done here, once, so that `tensor.py` knows nothing of any operation."""
    for name, function in _METHODS.items():
        setattr(Tensor, name, function)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(Tensor, f"__{name}__", _comparison(getattr(operator, name)))
    Tensor.__hash__ = object.__hash__  # `==` compares elements, so identity is what a set or a dict must use


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
    "T": property(shape.transpose),
    "astype": e.astype,
    "clip": e.clip,
    "flatten": shape.ravel,
    "ravel": shape.ravel,
    "reshape": shape.reshape,
    "squeeze": shape.squeeze,
    "swapaxes": shape.swapaxes,
    "transpose": shape.transpose,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "var": reduce.var,
    "max": reduce.max,
    "min": reduce.min,
}
