"""Differentiable operations: each takes arrays or Tensors (arrays in, array out) and is differentiable to any order.

Names and arguments are NumPy's for NumPy's functions (`axis`, `keepdims`) and PyTorch's for functions of networks. The
types are in the `.pyi` file beside each module.
"""

from typing import TYPE_CHECKING

from ..op import broadcast_to, identity, sum_to
from . import resample
from .conv import conv2d, conv_transpose2d
from .elementwise import (
    abs,
    add,
    astype,
    binary_cross_entropy_with_logits,
    clip,
    cos,
    div,
    dropout,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    log_sigmoid,
    maximum,
    minimum,
    mul,
    neg,
    power,
    relu,
    sigmoid,
    sin,
    softplus,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from .elementwise import div as divide
from .elementwise import mul as multiply
from .elementwise import neg as negative
from .elementwise import sub as subtract
from .linalg import linear, matmul
from .methods import attach
from .norm import batch_norm, layer_norm
from .reduce import log_softmax, logsumexp, max, mean, min, norm, softmax, sum, var
from .shape import (
    block_sum,
    concatenate,
    expand_dims,
    flatten,
    flip,
    getitem,
    pad,
    ravel,
    reshape,
    squeeze,
    stack,
    swapaxes,
    transpose,
    upsample,
)

__all__ = [
    "abs",
    "add",
    "astype",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "block_sum",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "div",
    "divide",
    "dropout",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "getitem",
    "identity",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "multiply",
    "neg",
    "negative",
    "norm",
    "pad",
    "power",
    "ravel",
    "relu",
    "resample",
    "reshape",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "sub",
    "subtract",
    "sum",
    "sum_to",
    "swapaxes",
    "tanh",
    "transpose",
    "upsample",
    "var",
    "where",
]

attach()

_MATMUL = "use ops.matmul(a, b), which multiplies the last two axes of stacks too"

# Names of PyTorch and NumPy, with the way to do it here.
_ELSEWHERE = {
    "bmm": _MATMUL,
    "cat": "use ops.concatenate(tensors, axis)",
    "dot": "use ops.sum(a * b) for vectors, or ops.matmul(a, b)",
    "einsum": "use ops.matmul, ops.transpose and ops.sum",
    "mm": _MATMUL,
    "permute": "use ops.transpose(x, axes)",
    "unsqueeze": "use ops.expand_dims(x, axis)",
    "view": "use ops.reshape(x, shape)",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return __all__
