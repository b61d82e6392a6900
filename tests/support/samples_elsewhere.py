"""The samples of the check matrix on another device than the CPU."""

from types import FunctionType

import numpy as np
from numeric import derivatives
from op_samples import SAMPLES

import minigan as mg

NUMPY_OPERANDS = {  # samples with NumPy's numbers in an array, or an array made within: nothing for another device
    *("clip-numpy", "maximum-number-numpy", "minimum-number-numpy", "power-tensor-p-negative-base"),
}
ELSEWHERE = [s for s in SAMPLES if s.label not in NUMPY_OPERANDS]


def moved(f, put):
    """The function f with put(a) in the place of each NumPy array a among its globals and defaults.

    put: takes arrays, and tuples and lists of them.
    """
    if not isinstance(f, FunctionType):
        return f
    constants = {name: put(v) for name, v in f.__globals__.items() if isinstance(v, np.ndarray)}
    defaults = f.__defaults__ and put(f.__defaults__)
    elsewhere = FunctionType(f.__code__, f.__globals__ | constants, f.__name__, defaults, f.__closure__)
    elsewhere.__kwdefaults__ = f.__kwdefaults__
    return elsewhere


def results(f, inputs, constants):
    """The value, and the gradients of orders 1 and 2 along random directions, by both sweeps."""
    found = [f(*map(mg.Tensor, inputs)).data]
    for order in (1, 2):
        for create_graph in (False, True):
            found += derivatives(f, inputs, order, constants, create_graph)
    return found
