"""PyTorch's own sample inputs for every operation that both libraries have: values, first and second derivatives.

Each adapter has the signature of the PyTorch function and is written in minigan; a rule may name, for one sample, a
feature that minigan does not have.  The number of samples compared is part of the table, so nothing can be
skipped unseen.
"""

import random
from dataclasses import dataclass

import numpy as np
import pytest
from oracle_tools import compare_with_torch

import minigan as mg
from minigan import ops

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install minigan[peers]")
pytest.importorskip("expecttest", reason="PyTorch's OpInfo needs expecttest: pip install minigan[peers]")
methods = pytest.importorskip(
    "torch.testing._internal.common_methods_invocations", reason="this PyTorch has no OpInfo", exc_type=ImportError
)

# PyTorch's samples include variances of one element and roots of negative numbers, of which both sides warn.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")

DATABASE = {(op.name, op.variant_test_name): op for op in methods.op_db}


# --- adapters: PyTorch's signatures


def axis_of(x, dim):
    if dim is None or x.ndim == 0 or dim == [] or dim == ():
        return None
    return tuple(dim) if isinstance(dim, list | tuple) else dim


def reducing(f):
    return lambda x, dim=None, keepdim=False, dtype=None: f(x, axis_of(x, dim), keepdim)


def t_var(x, dim=None, keepdim=False, *, unbiased=None, correction=None):
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ddof = 1 if unbiased is None and correction is None else int(unbiased) if correction is None else correction
    return ops.var(x, axis_of(x, dim), keepdim, ddof=ddof)


def t_std(*args, **kwargs):
    return ops.sqrt(t_var(*args, **kwargs))


def t_norm(x, p=None, dim=None, keepdim=False):
    return ops.norm(x, axis_of(x, dim), keepdim)


def t_vector_norm(x, ord=2, dim=None, keepdim=False):
    return ops.norm(x, axis_of(x, dim), keepdim)


def t_softmax(x, dim, dtype=None):
    return ops.softmax(x, dim) if x.ndim else ops.softmax(x[None])[0]


def t_log_softmax(x, dim, dtype=None):
    return ops.log_softmax(x, dim) if x.ndim else ops.log_softmax(x[None])[0]


def t_flatten(x, start_dim=0, end_dim=-1):
    if x.ndim == 0:
        return ops.ravel(x)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return ops.reshape(x, x.shape[:start] + (int(np.prod(x.shape[start : end + 1])),) + x.shape[end + 1 :])


def t_squeeze(x, dim=None):
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple | list) else (dim,)
    return ops.squeeze(x, tuple(d for d in dims if x.ndim and x.shape[d] == 1))


def t_expand(x, *shape):
    shape = shape[0] if isinstance(shape[0], tuple | list) else shape
    lead = len(shape) - x.ndim
    return ops.broadcast_to(x, tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)))


def t_transpose(x, a, b):
    return ops.swapaxes(x, a, b) if x.ndim else x


def moved(ndim, source, destination):
    """The axes of np.moveaxis, found by moving axes of known lengths."""
    shape = np.moveaxis(np.broadcast_to(0, range(1, ndim + 1)), source, destination).shape
    return tuple(n - 1 for n in shape)


def t_pad(x, pad, mode="constant", value=None):
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + [tuple(pad[i : i + 2]) for i in range(len(pad) - 2, -1, -2)]
    return ops.pad(x, widths, value or 0.0)


def t_linear(x, weight, bias=None):
    y = x @ (weight.T if weight.ndim > 1 else weight)
    return y if bias is None else y + bias


def t_cat(xs, dim=0):
    return ops.concatenate(
        [x for x in xs if x.shape != (0,)] or xs, dim
    )  # PyTorch's relic: an empty vector fits anywhere


def t_bce(x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    return ops.binary_cross_entropy_with_logits(x, target, reduction)


def nhwc(x):
    return ops.transpose(x, 0, 2, 3, 1)


def nchw(x):
    return ops.transpose(x, 0, 3, 1, 2)


def t_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    batch = x if x.ndim == 4 else x[None]
    padding = padding if isinstance(padding, str | int) else tuple((p, p) for p in np.broadcast_to(padding, 2).tolist())
    y = ops.conv2d(
        nhwc(batch), ops.transpose(weight, 2, 3, 1, 0), stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = nchw(y if bias is None else y + bias)
    return y if x.ndim == 4 else y[0]


def t_conv_transpose2d(y, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    batch = y if y.ndim == 4 else y[None]
    kernel = ops.transpose(weight, 2, 3, 1, 0)  # from (C_in, C_out / groups, kH, kW)
    padding = tuple((p, p) for p in np.broadcast_to(padding, 2).tolist())
    x = ops.conv_transpose2d(
        nhwc(batch),
        kernel,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )
    x = nchw(x if bias is None else x + bias)
    return x if y.ndim == 4 else x[0]


def t_batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    channels_last = ops.transpose(x, 0, *range(2, x.ndim), 1)
    ones = np.ones(x.shape[1])
    y = ops.batch_norm(channels_last, ones if weight is None else weight, 0 * ones if bias is None else bias, eps=eps)
    return ops.transpose(y, 0, x.ndim - 1, *range(1, x.ndim - 1))


def t_layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Over several axes, flattened into one."""
    size = int(np.prod(normalized_shape))
    ones = np.ones(size)
    gamma, beta = (ones if weight is None else ops.ravel(weight)), (0 * ones if bias is None else ops.ravel(bias))
    return ops.reshape(ops.layer_norm(ops.reshape(x, -1, size), gamma, beta, eps=eps), x.shape)


def t_clamp(x, min=None, max=None):
    x = x if min is None else ops.maximum(x, min)
    return x if max is None else ops.minimum(x, max)


def t_softplus(x, beta=1, threshold=20):
    return ops.where(x * beta > threshold, x, ops.softplus(x * beta) / beta)


def t_index_select(x, dim, index):
    return x[(slice(None),) * (dim % x.ndim) + (index,)] if x.ndim else x[None][index].reshape(())


def t_getitem(x, key):
    return x[key]


# --- rules: why a sample is left out


def no_rule(*args, **kwargs):
    return None


def float64_dtype(x, *args, dtype=None, **kwargs):
    return None if dtype in (None, torch.float64) else "another dtype asked for"


def euclidean_norm(x, p=2, dim=None, keepdim=False, dtype=None, **kwargs):
    if p not in (2, "fro"):
        return "not the Euclidean norm"
    return float64_dtype(x, dtype=dtype)


def euclidean_vector_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    return None if ord == 2 else "not the Euclidean norm"


def euclidean_linalg_norm(x, ord=None, dim=None, keepdim=False, dtype=None):
    vector = (dim is None and x.ndim == 1) or isinstance(dim, int) or (isinstance(dim, list | tuple) and len(dim) == 1)
    return None if ord is None or (ord == 2 and vector) or (ord == "fro" and not vector) else "not the Euclidean norm"


def slope_in_range(x, negative_slope=0.01, inplace=False):
    return None if 0 <= negative_slope <= 1 else "slope outside [0, 1]"


def constant_padding(x, pad, mode="constant", value=None):
    return "negative padding" if min(pad) < 0 else None


def plain_bce(x, target, weight=None, pos_weight=None, **kwargs):
    return "weights" if weight is not None or pos_weight is not None else None


def fitting_transpose(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    extra, strides = np.broadcast_to(output_padding, 2), np.broadcast_to(stride, 2)
    return "output_padding not below the stride" if (extra >= strides).any() else None


def training_batch(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if not training:
        return "running statistics"
    return "an empty batch has no statistics" if x.numel() == 0 else None


def scaled(f):
    """With PyTorch's `alpha`, which scales the second operand."""
    return lambda x, y, alpha=1: f(x, y if alpha == 1 else y * alpha)


@dataclass
class Pair:
    ours: object
    count: int
    rule: object = no_rule
    theirs: object = None  # makes of OpInfo's function the one to compare with
    orders: int = 2


def forgetting_statistics(op):
    """The running mean and variance are not to be differentiated, and overwritten."""
    return lambda x, mean, var, *args, **kwargs: op(
        x, *[None if s is None else s.detach().clone() for s in (mean, var)], *args, **kwargs
    )


def first(op):
    return lambda *args, **kwargs: op(*args, **kwargs)[0]


TABLE = {
    "abs": Pair(ops.abs, 1),
    "add": Pair(scaled(ops.add), 11),
    "amax": Pair(reducing(ops.max), 20),
    "amin": Pair(reducing(ops.min), 20),
    "bmm": Pair(ops.matmul, 1),
    "broadcast_to": Pair(t_expand, 7),
    "cat": Pair(t_cat, 9),
    "clamp": Pair(t_clamp, 7),
    "clamp_max": Pair(ops.minimum, 9),
    "clamp_min": Pair(ops.maximum, 9),
    "constant_pad_nd": Pair(lambda x, pad, value=0: t_pad(x, pad, "constant", value), 47, constant_padding),
    "cos": Pair(ops.cos, 3),
    "div no_rounding_mode": Pair(lambda x, y, rounding_mode=None: x / y, 9),
    "dot": Pair(ops.matmul, 1),
    "exp": Pair(ops.exp, 3),
    "expand": Pair(t_expand, 9),
    "expand_as": Pair(lambda x, y: ops.broadcast_to(x, y.shape), 3),
    "expm1": Pair(ops.expm1, 1),
    "flatten": Pair(t_flatten, 6),
    "flip": Pair(lambda x, dims: ops.flip(x, tuple(dims)), 10),
    "fliplr": Pair(lambda x: ops.flip(x, 1), 2),
    "flipud": Pair(lambda x: ops.flip(x, 0), 2),
    "float_power": Pair(ops.power, 9),
    "index_select": Pair(t_index_select, 3),
    "linalg.norm": Pair(t_vector_norm, 38, euclidean_linalg_norm),
    "linalg.norm subgradients_at_zero": Pair(
        t_vector_norm, 20, euclidean_linalg_norm, orders=1
    ),  # PyTorch's second order is NaN
    "linalg.vector_norm": Pair(t_vector_norm, 20, euclidean_vector_norm),
    "log": Pair(ops.log, 3),
    "log1p": Pair(ops.log1p, 1),
    "log_softmax": Pair(t_log_softmax, 7, float64_dtype),
    "log_softmax with_dtype": Pair(t_log_softmax, 7, float64_dtype),
    "logaddexp": Pair(lambda x, y: ops.logsumexp(ops.stack([x + 0 * y, y + 0 * x]), 0), 9),
    "logsumexp": Pair(reducing(ops.logsumexp), 15),
    "matmul": Pair(ops.matmul, 15),
    "max binary": Pair(ops.maximum, 9),
    "max reduction_no_dim": Pair(ops.max, 2),
    "max reduction_with_dim": Pair(reducing(ops.max), 4, theirs=first),
    "maximum": Pair(ops.maximum, 9),
    "mean": Pair(reducing(ops.mean), 20, float64_dtype),
    "min binary": Pair(ops.minimum, 9),
    "min reduction_no_dim": Pair(ops.min, 2),
    "min reduction_with_dim": Pair(reducing(ops.min), 4, theirs=first),
    "minimum": Pair(ops.minimum, 9),
    "mm": Pair(ops.matmul, 3),
    "movedim": Pair(lambda x, source, destination: ops.transpose(x, moved(x.ndim, source, destination)), 2),
    "mul": Pair(ops.mul, 9),
    "mv": Pair(ops.matmul, 1),
    "neg": Pair(ops.neg, 1),
    "nn.functional.batch_norm": Pair(t_batch_norm, 5, training_batch, theirs=forgetting_statistics),
    "nn.functional.binary_cross_entropy_with_logits": Pair(t_bce, 8, plain_bce),
    "nn.functional.conv2d": Pair(t_conv2d, 30),
    "nn.functional.conv_transpose2d": Pair(t_conv_transpose2d, 10, fitting_transpose),
    "nn.functional.hardtanh": Pair(
        lambda x, min_val=-1.0, max_val=1.0, inplace=False: ops.clip(x, min_val, max_val), 5
    ),
    "nn.functional.relu6": Pair(lambda x, inplace=False: ops.clip(x, 0, 6), 3),
    "nn.functional.layer_norm": Pair(t_layer_norm, 6),
    "nn.functional.leaky_relu": Pair(
        lambda x, negative_slope=0.01, inplace=False: ops.leaky_relu(x, negative_slope), 9, slope_in_range
    ),
    "nn.functional.linear": Pair(t_linear, 18),
    "nn.functional.logsigmoid": Pair(ops.log_sigmoid, 3),
    "nn.functional.pad constant": Pair(t_pad, 47, constant_padding),
    "nn.functional.relu": Pair(lambda x, inplace=False: ops.relu(x), 4),
    "nn.functional.softmin": Pair(lambda x, dim, dtype=None: t_softmax(-x, dim), 7, float64_dtype),
    "nn.functional.softplus": Pair(t_softplus, 3),
    "nn.functional.tanhshrink": Pair(lambda x: x - ops.tanh(x), 3),
    "nn.functional.silu": Pair(lambda x, inplace=False: x * ops.sigmoid(x), 3),
    "nn.functional.softsign": Pair(lambda x: x / (1 + ops.abs(x)), 3),
    "norm": Pair(t_norm, 11, euclidean_norm),
    "norm fro": Pair(t_norm, 3, euclidean_norm),
    "permute": Pair(lambda x, dims: ops.transpose(x, tuple(dims)), 4),
    "pow": Pair(ops.power, 9),
    "ravel": Pair(ops.ravel, 3),
    "reciprocal": Pair(lambda x: 1 / x, 3),
    "reshape": Pair(lambda x, shape: ops.reshape(x, tuple(shape)), 7),
    "reshape_as": Pair(lambda x, y: ops.reshape(x, y.shape), 4),
    "rsub": Pair(lambda x, y, alpha=1: y - (x if alpha == 1 else x * alpha), 11),
    "select": Pair(lambda x, dim, index: x[(slice(None),) * (dim % x.ndim) + (index,)], 6),
    "sigmoid": Pair(ops.sigmoid, 3),
    "sin": Pair(ops.sin, 1),
    "softmax": Pair(t_softmax, 7, float64_dtype),
    "softmax with_dtype": Pair(t_softmax, 7, float64_dtype),
    "sqrt": Pair(ops.sqrt, 1),
    "square": Pair(ops.square, 3),
    "squeeze": Pair(t_squeeze, 8),
    "squeeze multiple": Pair(t_squeeze, 6),
    "stack": Pair(ops.stack, 9),
    "std": Pair(t_std, 17),
    "std unbiased": Pair(t_std, 4),
    "sub": Pair(scaled(ops.sub), 11),
    "sum": Pair(reducing(ops.sum), 20, float64_dtype),
    "sum_to_size": Pair(
        lambda x, *shape: ops.sum_to(x, tuple(shape[0] if isinstance(shape[0], list | tuple) else shape)), 16
    ),
    "t": Pair(ops.transpose, 3),
    "tanh": Pair(ops.tanh, 1),
    "transpose": Pair(t_transpose, 8),
    "true_divide": Pair(ops.div, 9),
    "unflatten": Pair(
        lambda x, dim, sizes: ops.reshape(x, x.shape[: dim % x.ndim] + tuple(sizes) + x.shape[dim % x.ndim + 1 :]), 10
    ),
    "unsqueeze": Pair(ops.expand_dims, 9),
    "var": Pair(t_var, 17),
    "var unbiased": Pair(t_var, 4),
    "view": Pair(lambda x, *shape: ops.reshape(x, *shape), 7),
    "view_as": Pair(lambda x, y: ops.reshape(x, y.shape), 4),
    "where": Pair(lambda x, condition, y: ops.where(condition, x, y), 6),
    "__getitem__": Pair(t_getitem, 16),
    "__radd__": Pair(lambda x, y: y + x, 9),
    "__rdiv__": Pair(lambda x, y: y / x, 9),
    "__rmatmul__": Pair(lambda x, y: y @ x, 15),
    "__rmul__": Pair(lambda x, y: y * x, 9),
    "__rpow__": Pair(lambda x, y: y**x, 9),
    "__rsub__": Pair(lambda x, y: y - x, 9),
}


def is_float(v):
    return isinstance(v, torch.Tensor) and v.is_floating_point()


def mapped(f, structure):
    """`structure` with every tensor in its lists, tuples and dicts replaced by f of it."""
    if isinstance(structure, torch.Tensor):
        return f(structure)
    if isinstance(structure, dict):
        return {k: mapped(f, v) for k, v in structure.items()}
    if type(structure) in (list, tuple):
        return type(structure)([mapped(f, v) for v in structure])
    return tuple(structure) if isinstance(structure, torch.Size) else structure


def with_tensors(f, call, constant):
    """f as a function of the floating-point tensors of `call`, (args, kwargs).

    The others are `constant` of themselves.
    """

    def function(*tensors):
        rest = iter(tensors)
        args, kwargs = mapped(lambda v: next(rest) if is_float(v) else constant(v), call)
        return f(*args, **kwargs)

    return function


def samples(op):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  PyTorch draws some samples from the global generators
    random.seed(0)
    for s in op.sample_inputs("cpu", torch.float64, requires_grad=False):
        yield (s.input, *s.args), s.kwargs


@pytest.mark.parametrize("name", TABLE)
def test_samples(name):
    pair = TABLE[name]
    op = DATABASE[tuple(name.split(" ")) if " " in name else (name, "")]
    theirs = pair.theirs(op.op) if pair.theirs else op.op
    compared = 0
    for k, call in enumerate(samples(op)):
        args, kwargs = call
        if pair.rule(*args, **kwargs):
            continue
        arrays = []
        mapped(lambda v, to=arrays: to.append(v.detach().numpy().copy()) if is_float(v) else None, call)
        ours = with_tensors(pair.ours, call, lambda v: v.numpy())
        reference = with_tensors(theirs, call, lambda v: v)
        compare_with_torch(ours, reference, arrays, orders=pair.orders, what=f"{name}, sample {k}, {kwargs}")
        compared += 1
    assert compared >= pair.count


def test_the_table_is_as_large_as_it_was():
    assert sum(pair.count for pair in TABLE.values()) >= 900


WRONG = {
    "value": lambda x: ops.sin(x) + 1e-8,
    "first": mg.op(lambda x: np.sin(x), x=lambda g, x: g * ops.cos(x) * (1 + 1e-8)),
    "second": mg.op(lambda x: np.sin(x), x=lambda g, x: g * np.cos(x.data)),
}


@pytest.mark.parametrize("order", WRONG)
def test_a_planted_bug_is_caught(order):
    x = np.linspace(0.5, 1.5, 4)
    compare_with_torch(ops.sin, torch.sin, [x], 2)
    with pytest.raises(AssertionError, match="value" if order == "value" else f"order {1 + (order == 'second')}"):
        compare_with_torch(WRONG[order], torch.sin, [x], 2)
