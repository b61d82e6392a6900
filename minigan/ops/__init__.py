"""The calculus: every operation takes arrays or Tensors (arrays in, array out) and is differentiable to any order."""

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

multiply, subtract, divide, negative = mul, sub, div, neg  # NumPy's names


attach()
