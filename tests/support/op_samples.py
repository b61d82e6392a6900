"""Sample inputs of every operation, as data: SAMPLES, a list of `numeric.Sample`."""

from operator import matmul

import naive_conv
import numpy as np
import scipy.special
from numeric import Sample

from minigan import ops
from minigan.ops.conv import _conv2d_weight, conv_geometry
from minigan.ops.elementwise import quotient
from minigan.ops.norm import normalized
from minigan.ops.reduce import _scaled, square_mean, square_sum
from minigan.random import Generator

SAMPLES = []
_rng = np.random.default_rng(20)


def sample(op, name, f, inputs, reference=None, **options):
    SAMPLES.append(Sample(op, name, f, inputs, reference, **options))


def normal(*shape):
    return _rng.standard_normal(shape)


def positive(*shape):
    return _rng.uniform(0.5, 2.0, shape)


def away(*shape):
    """Numbers of both signs, no two closer than 0.01 and none that near to 0."""
    n = int(np.prod(shape))
    values = np.linspace(0.2, 1.8, n) * _rng.choice([-1.0, 1.0], n)
    return _rng.permutation(values).reshape(shape)


# --- one number in, one number out

UNARY = {
    "neg": (ops.neg, np.negative, normal),
    "square": (ops.square, np.square, normal),
    "sqrt": (ops.sqrt, np.sqrt, positive),
    "exp": (ops.exp, np.exp, normal),
    "expm1": (ops.expm1, np.expm1, normal),
    "log": (ops.log, np.log, positive),
    "log1p": (ops.log1p, np.log1p, positive),
    "sin": (ops.sin, np.sin, normal),
    "cos": (ops.cos, np.cos, normal),
    "tanh": (ops.tanh, np.tanh, normal),
    "sigmoid": (ops.sigmoid, scipy.special.expit, normal),
    "softplus": (ops.softplus, lambda x: np.logaddexp(x, 0), away),
    "log_sigmoid": (ops.log_sigmoid, lambda x: -np.logaddexp(-x, 0), away),
    "abs": (ops.abs, np.abs, away),
    "relu": (ops.relu, lambda x: np.maximum(x, 0), away),
    "leaky_relu": (ops.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), away),
    "identity": (ops.identity, lambda x: x, normal),
}
for name, (f, reference, numbers) in UNARY.items():
    for label, shape in {"matrix": (3, 4), "one": (1,), "scalar": (), "empty": (0, 3)}.items():
        sample(name, label, f, [numbers(*shape)], reference)

big = np.array([-40.0, -20.0, -3.0, 3.0, 20.0, 40.0])
sample("sigmoid", "tails", ops.sigmoid, [big], scipy.special.expit)
sample("softplus", "tails", ops.softplus, [big], lambda x: np.logaddexp(x, 0))
sample("log_sigmoid", "tails", ops.log_sigmoid, [big], lambda x: -np.logaddexp(-x, 0))
sample("softplus", "at-0", ops.softplus, [np.zeros(3)], lambda x: np.full(3, np.log(2)))
sample("sigmoid", "at-0", ops.sigmoid, [np.zeros(3)], lambda x: np.full(3, 0.5))
sample("leaky_relu", "slope", lambda x: ops.leaky_relu(x, 0.2), [away(3, 4)], lambda x: np.where(x > 0, x, 0.2 * x))
sample("leaky_relu", "slope-1", lambda x: ops.leaky_relu(x, 1), [away(3, 4)], lambda x: x)
sample("abs", "operator", abs, [away(3)], np.abs)
sample("neg", "operator", lambda x: -x, [normal(3)], np.negative)
zeros = np.array([-1.0, 0.0, 2.0])
sample("abs", "at-0", ops.abs, [zeros], np.abs, gradients=lambda x: [np.array([-1.0, 0, 1])])
sample("relu", "at-0", ops.relu, [zeros], lambda x: np.maximum(x, 0), gradients=lambda x: [np.array([0.0, 0, 1])])
sample(
    "leaky_relu",
    "at-0",
    lambda x: ops.leaky_relu(x, 0.1),
    [zeros],
    lambda x: np.maximum(x, 0.1 * x),
    gradients=lambda x: [np.array([0.1, 0.1, 1])],
)

# --- two arguments, broadcast together

SHAPES = {
    "same": ((3, 4), (3, 4)),
    "row": ((3, 4), (4,)),
    "column": ((3, 1), (1, 4)),
    "scalar-array": ((), (2, 3)),
    "rank-4": ((2, 1, 3, 1), (3, 1, 5)),
    "one": ((1,), (1,)),
    "scalars": ((), ()),
    "empty": ((0, 3), (1, 3)),
    "empty-column": ((2, 0), (2, 1)),
}
BINARY = {
    "add": (ops.add, np.add),
    "sub": (ops.sub, np.subtract),
    "mul": (ops.mul, np.multiply),
    "div": (ops.div, np.divide),
    "power": (ops.power, np.power),
    "maximum": (ops.maximum, np.maximum),
    "minimum": (ops.minimum, np.minimum),
}
for name, (f, reference) in BINARY.items():
    for label, (a, b) in SHAPES.items():
        sample(name, label, f, [positive(*a), positive(*b)], reference)

CHOICE = np.array([True, False, True, False])
for label, (a, b) in {
    "same": ((3, 4), (3, 4)),
    "row": ((3, 1), (4,)),
    "scalar": ((), (4,)),
    "empty": ((0, 4), (1, 4)),
}.items():
    sample(
        "where",
        label,
        lambda x, y: ops.where(CHOICE, x, y),
        [normal(*a), normal(*b)],
        lambda x, y: np.where(CHOICE, x, y),
    )
sample(
    "where",
    "condition-broadcasts",
    lambda x, y: ops.where(CHOICE[:, None], x, y),
    [normal(3), normal(3)],
    lambda x, y: np.where(CHOICE[:, None], x, y),
)
sample("where", "number", lambda x: ops.where(CHOICE, x, 2.0), [normal(4)], lambda x: np.where(CHOICE, x, 2.0))
sample(
    "where",
    "hides-infinity",
    lambda x: ops.where(CHOICE, x, np.inf),
    [normal(4)],
    lambda x: np.where(CHOICE, x, np.inf),
    gradients=lambda x: [CHOICE * 1.0],
)

OPERATORS = {
    "add": {"x+y": lambda x, y: x + y},
    "sub": {"x-y": lambda x, y: x - y},
    "mul": {"x*y": lambda x, y: x * y},
    "div": {"x/y": lambda x, y: x / y},
    "power": {"x**y": lambda x, y: x**y},
}
for name, forms in OPERATORS.items():
    for label, f in forms.items():
        sample(name, label, f, [positive(2, 3), positive(3)], f)
NUMBERS = {
    "add": {
        "x+2": lambda x: x + 2,
        "2+x": lambda x: 2.0 + x,
        "numpy": lambda x: np.float64(2) + x,
        "32": lambda x: x + np.float32(2),
    },
    "sub": {
        "x-2": lambda x: x - 2,
        "2-x": lambda x: 2.0 - x,
        "numpy": lambda x: np.float64(2) - x,
        "int64": lambda x: x - np.int64(2),
    },
    "mul": {
        "x*2": lambda x: x * 2,
        "2*x": lambda x: 2.5 * x,
        "numpy": lambda x: x * np.float64(2),
        "numpy-left": lambda x: np.float64(2) * x,
    },
    "div": {
        "x/2": lambda x: x / 2,
        "2/x": lambda x: 2.0 / x,
        "numpy": lambda x: x / np.float64(2),
        "numpy-left": lambda x: np.float64(2) / x,
    },
    "power": {
        **{f"x**{p}": lambda x, p=p: x**p for p in (0, 1, 2, 3, -1, -2, 0.5, -1.5, 2.5)},
        "2**x": lambda x: 2**x,
        "2.5**x": lambda x: 2.5**x,
        "numpy": lambda x: x ** np.float64(2.5),
        "numpy-left": lambda x: np.float64(2.5) ** x,
    },
    "maximum": {
        "number": lambda x: ops.maximum(x, 1.1),
        "left": lambda x: ops.maximum(1.1, x),
        "numpy": lambda x: ops.maximum(x, np.float64(1.1)),
    },
    "minimum": {
        "number": lambda x: ops.minimum(x, 1.1),
        "left": lambda x: ops.minimum(1.1, x),
        "numpy": lambda x: ops.minimum(x, np.float64(1.1)),
    },
}
NUMBER_REFERENCES = {"maximum": lambda x: np.maximum(x, 1.1), "minimum": lambda x: np.minimum(x, 1.1)}
for name, forms in NUMBERS.items():
    for label, f in forms.items():
        sample(name, f"number-{label}", f, [positive(2, 3)], NUMBER_REFERENCES.get(name, f))
ROW = positive(3)
for name, f in {
    "add": lambda x: x + ROW,
    "sub": lambda x: ROW - x,
    "mul": lambda x: ROW * x,
    "div": lambda x: ROW / x,
}.items():
    sample(name, "constant-array", f, [positive(2, 3)], f, float32=False)

sample("div", "negative", ops.div, [normal(4), -positive(4)], np.divide)
sample("power", "negative-base", lambda x: x**3, [normal(5)], lambda x: x**3)
sample(
    "power",
    "tensor-p-negative-base",
    lambda x: ops.power(x, np.array([2.0, 3.0, -1.0])),
    [-positive(3)],
    lambda x: x ** np.array([2.0, 3, -1]),
    float32=False,
)
sample("power", "p-0", ops.power, [positive(3), np.zeros(3)], np.power)
sample("power", "p-1", ops.power, [positive(3), np.ones(3)], np.power)
sample("power", "at-0-p-2", lambda x: x**2, [np.zeros(2)], lambda x: x**2)
sample("power", "at-0-p-1", lambda x: x**1, [np.zeros(2)], lambda x: x)
sample(
    "power",
    "at-0",
    ops.power,
    [np.zeros(3), np.array([0.0, 1.0, 2.0])],
    np.power,
    gradients=lambda x, p: [np.array([0.0, 1, 0]), np.zeros(3)],
)
ties = np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.0, 3.0])
sample(
    "maximum",
    "ties",
    ops.maximum,
    ties,
    np.maximum,
    gradients=lambda x, y: [np.array([0, 0.5, 1, 0.5]), np.array([1, 0.5, 0, 0.5])],
)
sample(
    "minimum",
    "ties",
    ops.minimum,
    ties,
    np.minimum,
    gradients=lambda x, y: [np.array([1, 0.5, 0, 0.5]), np.array([0, 0.5, 1, 0.5])],
)
sample(
    "maximum",
    "tie-with-number",
    lambda x: ops.maximum(x, 2.0),
    [ties[0]],
    lambda x: np.maximum(x, 2),
    gradients=lambda x: [np.array([0, 0.5, 0.5, 1])],
)
for label, bounds in {
    "both": (-0.5, 0.7),
    "low": (-0.5, None),
    "high": (None, 0.7),
    "none": (None, None),
    "numpy": np.array([-0.5, 0.7]),
}.items():
    sample(
        "clip",
        label,
        lambda x, b=bounds: ops.clip(x, *b),
        [away(3, 4)],
        lambda x, b=bounds: np.clip(x, -np.inf if b[0] is None else b[0], np.inf if b[1] is None else b[1]),
    )
sample("clip", "method", lambda x: x.clip(-0.5, 0.5), [away(5)], lambda x: np.clip(x, -0.5, 0.5))
sample(
    "clip",
    "bounds",
    lambda x: ops.clip(x, -1, 1),
    [np.array([-2.0, -1, 0, 1, 2])],
    lambda x: np.clip(x, -1, 1),
    gradients=lambda x: [np.array([0.0, 1, 1, 1, 0])],
)
sample("clip", "empty", lambda x: ops.clip(x, -1, 1), [normal(0, 2)], lambda x: x)
sample("clip", "one", lambda x: ops.clip(x, -5, 5), [normal(1)], lambda x: x)

sample(
    "dropout",
    "half",
    lambda x: ops.dropout(x, 0.5, Generator(3)),
    [normal(4, 5)],
    lambda x: x * 2 * (Generator(3).uniform((4, 5)) >= 0.5),
)
sample("dropout", "p-0", lambda x: ops.dropout(x, 0, Generator(3)), [normal(4)], lambda x: x)
sample("dropout", "evaluation", lambda x: ops.dropout(x, 0.9, Generator(3), training=False), [normal(4)], lambda x: x)
sample("dropout", "empty", lambda x: ops.dropout(x, 0.5, Generator(3)), [normal(0, 4)], lambda x: x)
sample(
    "astype",
    "to-32-and-back",
    lambda x: ops.astype(ops.astype(x, "float32"), x.dtype) * x,
    [np.array([0.5, 1.25, -3])],
    np.square,
    gradients=lambda x: [2 * x],
)
sample("astype", "same", lambda x: ops.astype(x, x.dtype), [normal(3)], lambda x: x)

BCE = {
    "logits": ((6,), "mean", lambda x, t: np.mean(np.logaddexp(0, x) - t * x)),
    "matrix": (
        (3, 2),
        "sum",
        lambda x, t: np.sum(-t * np.log(scipy.special.expit(x)) - (1 - t) * np.log(scipy.special.expit(-x))),
    ),
    "none": ((3, 1), "none", lambda x, t: np.logaddexp(0, x) - t * x),
    "one": ((1,), "mean", lambda x, t: (np.logaddexp(0, x) - t * x)[0]),
}
for label, (shape, reduction, reference) in BCE.items():
    sample(
        "binary_cross_entropy_with_logits",
        label,
        lambda x, t, r=reduction: ops.binary_cross_entropy_with_logits(x, t, r),
        [away(*shape), _rng.uniform(0, 1, shape)],
        reference,
    )
sample(
    "binary_cross_entropy_with_logits",
    "huge",
    ops.binary_cross_entropy_with_logits,
    [np.array([800.0, -800.0]), np.array([1.0, 0.0])],
    lambda x, t: np.float64(0),
)

# --- moving numbers

MOVES = {
    "reshape": {
        "tuple": (lambda x: ops.reshape(x, (4, 6)), lambda x: x.reshape(4, 6), (2, 3, 4)),
        "numbers": (lambda x: ops.reshape(x, 3, -1), lambda x: x.reshape(3, 8), (2, 3, 4)),
        "list": (lambda x: ops.reshape(x, [np.int64(6)]), lambda x: x.ravel(), (2, 3)),
        "to-scalar": (lambda x: ops.reshape(x, ()), lambda x: x.reshape(()), (1, 1)),
        "empty": (lambda x: ops.reshape(x, 5, 0), lambda x: x.reshape(5, 0), (0, 3)),
        "method": (lambda x: x.reshape(-1), lambda x: x.ravel(), (2, 3)),
    },
    "flatten": {
        "images": (ops.flatten, lambda x: x.reshape(2, 12), (2, 3, 4)),
        "vector": (ops.flatten, lambda x: x[:, None], (3,)),
        "empty": (ops.flatten, lambda x: x.reshape(0, 6), (0, 2, 3)),
    },
    "ravel": {
        "all": (ops.ravel, np.ravel, (2, 3)),
        "method": (lambda x: x.flatten(), np.ravel, (2, 3)),
        "scalar": (ops.ravel, np.ravel, ()),
    },
    "squeeze": {
        "all": (ops.squeeze, np.squeeze, (1, 3, 1)),
        "axis": (lambda x: ops.squeeze(x, -1), lambda x: x[..., 0], (1, 3, 1)),
        "tuple": (lambda x: ops.squeeze(x, (0, 2)), np.squeeze, (1, 3, 1)),
        "method": (lambda x: x.squeeze(), np.squeeze, (1, 1)),
    },
    "expand_dims": {
        "first": (lambda x: ops.expand_dims(x, 0), lambda x: x[None], (2, 3)),
        "last": (lambda x: ops.expand_dims(x, -1), lambda x: x[..., None], (2, 3)),
        "two": (lambda x: ops.expand_dims(x, (0, 2)), lambda x: np.expand_dims(x, (0, 2)), (2, 3)),
    },
    "transpose": {
        "reverse": (ops.transpose, np.transpose, (2, 3, 4)),
        "numbers": (lambda x: ops.transpose(x, 1, 2, 0), lambda x: x.transpose(1, 2, 0), (2, 3, 4)),
        "negative": (lambda x: ops.transpose(x, (0, -1, 1)), lambda x: x.transpose(0, 2, 1), (2, 3, 4)),
        "T": (lambda x: x.T, lambda x: x.T, (2, 3)),
        "scalar": (ops.transpose, np.transpose, ()),
        "empty": (ops.transpose, np.transpose, (0, 2)),
        "method": (lambda x: x.transpose(2, 0, 1), lambda x: x.transpose(2, 0, 1), (2, 3, 4)),
    },
    "swapaxes": {
        "ends": (lambda x: ops.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, 2), (2, 3, 4)),
        "method": (lambda x: x.swapaxes(0, 1), lambda x: x.T, (2, 3)),
    },
    "flip": {
        "one": (lambda x: ops.flip(x, 1), lambda x: x[:, ::-1], (2, 3)),
        "two": (lambda x: ops.flip(x, (0, -1)), lambda x: x[::-1, :, ::-1], (2, 2, 3)),
        "empty": (lambda x: ops.flip(x, 0), lambda x: x, (0, 3)),
    },
    "broadcast_to": {
        "new": (lambda x: ops.broadcast_to(x, (2, 3)), lambda x: np.broadcast_to(x, (2, 3)), (3,)),
        "ones": (lambda x: ops.broadcast_to(x, (4, 2, 3)), lambda x: np.broadcast_to(x, (4, 2, 3)), (2, 1)),
        "scalar": (lambda x: ops.broadcast_to(x, (2, 2)), lambda x: np.broadcast_to(x, (2, 2)), ()),
        "to-empty": (lambda x: ops.broadcast_to(x, (0, 3)), lambda x: np.zeros((0, 3)), (1, 3)),
    },
    "sum_to": {
        "lead": (lambda x: ops.sum_to(x, (3,)), lambda x: x.sum(0), (2, 3)),
        "ones": (lambda x: ops.sum_to(x, (2, 1)), lambda x: x.sum((0, 2))[:, None], (4, 2, 3)),
        "scalar": (lambda x: ops.sum_to(x, ()), np.sum, (2, 3)),
        "from-empty": (lambda x: ops.sum_to(x, (1, 3)), lambda x: np.zeros((1, 3)), (0, 3)),
    },
    "upsample": {
        "2": (ops.upsample, lambda x: np.kron(x, np.ones((1, 2, 2, 1))), (2, 2, 3, 2)),
        "3": (lambda x: ops.upsample(x, 3), lambda x: np.kron(x, np.ones((1, 3, 3, 1))), (1, 1, 2, 1)),
        "1": (lambda x: ops.upsample(x, 1), lambda x: x, (1, 2, 2, 1)),
        "empty": (ops.upsample, lambda x: np.zeros((0, 4, 4, 1)), (0, 2, 2, 1)),
    },
    "block_sum": {
        "2": (
            ops.block_sum,
            lambda x: x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2],
            (2, 4, 2, 3),
        ),
        "3": (lambda x: ops.block_sum(x, 3), lambda x: x.sum((1, 2), keepdims=True), (1, 3, 3, 2)),
        "empty": (ops.block_sum, lambda x: np.zeros((0, 1, 1, 1)), (0, 2, 2, 1)),
    },
    "pad": {
        "int": (lambda x: ops.pad(x, 1), lambda x: np.pad(x, 1), (2, 3)),
        "sides": (lambda x: ops.pad(x, ((0, 2), (1, 0))), lambda x: np.pad(x, ((0, 2), (1, 0))), (2, 3)),
        "value": (lambda x: ops.pad(x, (1, 2), 3.5), lambda x: np.pad(x, (1, 2), constant_values=3.5), (2, 2)),
        "images": (
            lambda x: ops.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0))),
            lambda x: np.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0))),
            (1, 2, 2, 2),
        ),
        "nothing": (lambda x: ops.pad(x, 0), lambda x: x, (3,)),
        "empty": (lambda x: ops.pad(x, 1), lambda x: np.zeros((2, 4)), (0, 2)),
    },
}
for name, forms in MOVES.items():
    for label, (f, reference, shape) in forms.items():
        sample(name, label, f, [normal(*shape)], reference)

MASK = np.array([[True, False, True, False], [False] * 4, [True] * 4])
KEYS = {
    "int": 1,
    "negative": -1,
    "slice": slice(1, None),
    "step": slice(None, None, 2),
    "reversed": slice(None, None, -1),
    "column": (slice(None), 2),
    "none": (None, slice(None), None),
    "ellipsis": (Ellipsis, 0),
    "element": (1, 2),
    "numpy-int": np.int64(1),
    "ints": np.array([2, 0]),
    "repeats": np.array([0, 0, 2, 0]),
    "list": [0, 0, 1],
    "rows-and-columns": (np.array([0, 1, 1]), np.array([3, 2, 2])),
    "outer": (np.array([[0], [1]]), np.array([1, 1, 3])),
    "array-after-slice": (slice(None), np.array([0, 0])),
    "mask": MASK,
    "row-mask": np.array([True, False, True]),
    "mask-and-slice": (np.array([True, False, True]), slice(0, 2)),
    "empty-slice": slice(2, 2),
    "no-element": np.array([], int),
    "negative-ints": np.array([-1, 2]),
    "mixed": (0, np.array([1, 1, 0])),
    "zero-d-int": np.array(1),
    "nothing": (),
    "unsigned": np.array([0, 0, 1], np.uint8),
}
for label, key in KEYS.items():
    sample("getitem", label, lambda x, k=key: ops.getitem(x, k), [normal(3, 4)], lambda x, k=key: x[k])
sample("getitem", "operator", lambda x: x[1:, ::-2], [normal(3, 4)], lambda x: x[1:, ::-2])
sample("getitem", "own-mask", lambda x: x[x > 0], [away(3, 4)], lambda x: x[x > 0], complex_step=False)
sample("getitem", "from-empty", lambda x: x[:, 1], [normal(0, 4)], lambda x: x[:, 1])
sample("getitem", "scalar", lambda x: x[()] * 2, [normal()], lambda x: x * 2)

JOINS = {
    "rows": (0, [(2, 3), (1, 3)]),
    "columns": (1, [(2, 3), (2, 1), (2, 2)]),
    "last": (-1, [(2, 1), (2, 2)]),
    "one": (0, [(2,)]),
    "with-empty": (0, [(0, 2), (3, 2)]),
    "all-empty": (0, [(0, 2), (0, 2)]),
}
for label, (axis, shapes) in JOINS.items():
    sample(
        "concatenate",
        label,
        lambda *xs, a=axis: ops.concatenate(xs, a),
        [normal(*s) for s in shapes],
        lambda *xs, a=axis: np.concatenate(xs, a),
    )
same = normal(2, 2)
sample(
    "concatenate", "twice", lambda x: ops.concatenate([x, x * x, x]), [same], lambda x: np.concatenate([x, x * x, x])
)
sample(
    "concatenate",
    "constant",
    lambda x: ops.concatenate([x, np.ones_like(x.data if hasattr(x, "node") else x)]),
    [same],
    lambda x: np.concatenate([x, np.ones_like(x)]),
)
for label, axis in {"first": 0, "middle": 1, "last": -1}.items():
    sample(
        "stack",
        label,
        lambda *xs, a=axis: ops.stack(xs, a),
        [normal(2, 3), normal(2, 3)],
        lambda *xs, a=axis: np.stack(xs, a),
    )
sample("stack", "scalars", lambda *xs: ops.stack(xs), [normal(), normal(), normal()], lambda *xs: np.stack(xs))

# --- many numbers in, fewer out

AXES = {
    "all": ({}, (3, 4)),
    "axis": ({"axis": 1}, (3, 4)),
    "negative": ({"axis": -2}, (2, 3, 4)),
    "tuple": ({"axis": (0, 2)}, (2, 3, 4)),
    "keepdims": ({"axis": (0, -1), "keepdims": True}, (2, 3, 4)),
    "all-keepdims": ({"keepdims": True}, (2, 3)),
    "one": ({"axis": 0}, (1,)),
    "scalar": ({}, ()),
    "length-1": ({"axis": 1}, (3, 1)),
    "no-axis": ({"axis": ()}, (2, 2)),
    "kept-empty": ({"axis": 1}, (0, 3)),
}
REDUCTIONS = {
    "sum": (ops.sum, np.sum),
    "mean": (ops.mean, np.mean),
    "var": (ops.var, np.var),
    "max": (ops.max, np.max),
    "min": (ops.min, np.min),
    "logsumexp": (ops.logsumexp, scipy.special.logsumexp),
    "norm": (ops.norm, lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))),
}
for name, (f, reference) in REDUCTIONS.items():
    for label, (options, shape) in AXES.items():
        expected = (lambda x, axis: x) if (name, label) == ("logsumexp", "no-axis") else reference  # SciPy cannot
        sample(
            name, label, lambda x, f=f, o=options: f(x, **o), [away(*shape)], lambda x, r=expected, o=options: r(x, **o)
        )
for name in ("sum", "mean", "var", "max", "min"):
    sample(name, "method", lambda x, m=name: getattr(x, m)(0), [away(3, 4)], lambda x, m=name: getattr(x, m)(0))
sample("sum", "axis-list", lambda x: ops.sum(x, [0, 1]), [normal(2, 3)], np.sum)
sample("sum", "over-empty", lambda x: ops.sum(x, 0), [normal(0, 3)], lambda x: np.zeros(3))
sample("sum", "all-empty", ops.sum, [normal(0, 3)], lambda x: np.float64(0))
sample(
    "mean",
    "over-empty",
    lambda x: ops.mean(x, 0),
    [normal(0, 2)],
    lambda x: np.full(2, np.nan),
    gradients=lambda x: [x],
)
for ddof in (1, 2):
    sample(
        "var",
        f"ddof-{ddof}",
        lambda x, d=ddof: ops.var(x, 0, ddof=d),
        [normal(4, 2)],
        lambda x, d=ddof: np.var(x, 0, ddof=d),
    )
sample("var", "of-one", lambda x: ops.var(x, 0), [normal(1, 3)], lambda x: np.zeros(3))
sample("var", "constant", ops.var, [np.full(4, 2.5)], lambda x: np.float64(0))

tied = np.array([[1.0, 3.0, 3.0], [0.7, 0.7, 0.7], [2.0, -1.0, 0.0]])
sample(
    "max",
    "ties",
    lambda x: ops.max(x, 1),
    [tied],
    lambda x: x.max(1),
    gradients=lambda x: [np.array([[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0]])],
)
sample(
    "min",
    "ties",
    lambda x: ops.min(x, 1),
    [tied],
    lambda x: x.min(1),
    gradients=lambda x: [np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1, 0]])],
)
sample(
    "max", "infinite", ops.max, [np.array([1.0, np.inf, -np.inf])], np.max, gradients=lambda x: [np.array([0.0, 1, 0])]
)
sample(
    "max",
    "all-minus-infinity",
    ops.max,
    [np.array([-np.inf, -np.inf])],
    np.max,
    gradients=lambda x: [np.array([0.5, 0.5])],
)
sample("norm", "at-0", ops.norm, [np.zeros(3)], lambda x: np.float64(0), gradients=lambda x: [np.zeros(3)])
sample(
    "norm",
    "rows-at-0",
    lambda x: ops.norm(x, 1),
    [np.array([[0.0, 0], [3, 4]])],
    lambda x: np.array([0.0, 5]),
    gradients=lambda x: [np.array([[0, 0], [0.6, 0.8]])],
)
infinite = np.array([[-np.inf, 0.0, 1.0], [2.0, -np.inf, -np.inf]])
sample(
    "logsumexp",
    "minus-infinity",
    lambda x: ops.logsumexp(x, 1),
    [infinite],
    lambda x: scipy.special.logsumexp(x, 1),
    gradients=lambda x: [scipy.special.softmax(x, 1)],
)
sample(
    "logsumexp",
    "all-minus-infinity",
    ops.logsumexp,
    [np.full(2, -np.inf)],
    lambda x: np.float64(-np.inf),
    gradients=lambda x: [np.zeros(2)],
)
sample("logsumexp", "large", ops.logsumexp, [np.array([1000.0, 1001.0, -1000.0])], scipy.special.logsumexp)
sample(
    "logsumexp",
    "over-empty",
    lambda x: ops.logsumexp(x, 1),
    [normal(2, 0)],
    lambda x: np.full(2, -np.inf),
    gradients=lambda x: [x],
)
for name, f, reference in [
    ("softmax", ops.softmax, scipy.special.softmax),
    ("log_softmax", ops.log_softmax, scipy.special.log_softmax),
]:
    for label, (axis, shape) in {
        "last": (-1, (2, 3)),
        "first": (0, (3, 2)),
        "middle": (1, (2, 3, 2)),
        "vector": (0, (4,)),
        "one": (-1, (2, 1)),
    }.items():
        sample(
            name, label, lambda x, f=f, a=axis: f(x, a), [normal(*shape)], lambda x, r=reference, a=axis: r(x, axis=a)
        )
    sample(name, "default", f, [normal(2, 3)], lambda x, r=reference: r(x, axis=-1))
    sample(name, "empty", f, [normal(0, 3)], lambda x: x)
    sample(name, "large", f, [np.array([1000.0, 999.0, 0.0])], lambda x, r=reference: r(x, axis=-1))
sample(
    "softmax",
    "minus-infinity",
    lambda x: ops.softmax(x, 1),
    [infinite],
    lambda x: scipy.special.softmax(x, axis=1),
    gradients=lambda x: [np.zeros(x.shape)],
)

# --- products

PRODUCTS = {
    "1x1": ((3,), (3,)),
    "1x2": ((3,), (3, 2)),
    "2x1": ((2, 3), (3,)),
    "2x2": ((2, 3), (3, 4)),
    "1x3": ((3,), (2, 3, 4)),
    "3x1": ((2, 4, 3), (3,)),
    "2x3": ((4, 3), (2, 3, 2)),
    "3x2": ((2, 4, 3), (3, 2)),
    "3x3": ((2, 4, 3), (2, 3, 2)),
    "broadcast": ((2, 1, 4, 3), (5, 3, 2)),
    "broadcast-one": ((1, 2, 3), (4, 3, 2)),
    "1x1x1": ((1, 1), (1, 1)),
    "no-rows": ((0, 3), (3, 2)),
    "no-inner": ((2, 0), (0, 3)),
    "no-batch": ((0, 2, 3), (3, 2)),
    "1x4": ((2,), (2, 1, 2, 3)),
}
for label, shapes in PRODUCTS.items():
    sample("matmul", label, ops.matmul, [normal(*s) for s in shapes], np.matmul)
for label, (n, inner, m) in {
    "plain": (4, 3, 2),
    "one-input": (4, 1, 2),
    "one-output": (4, 3, 1),
    "no-rows": (0, 3, 2),
}.items():
    sample(
        "linear",
        label,
        ops.linear,
        [normal(n, inner), normal(inner, m), normal(m)],
        lambda x, w, b: np.matmul(x, w) + b,
    )
sample("linear", "vector", ops.linear, [normal(3), normal(3, 2), normal(2)], lambda x, w, b: np.matmul(x, w) + b)
sample("linear", "images", ops.linear, [normal(2, 2, 3), normal(3, 2), normal(2)], lambda x, w, b: np.matmul(x, w) + b)
sample("matmul", "operator", matmul, [normal(2, 3), normal(3)], np.matmul)
sample("matmul", "square-of-itself", lambda x: x @ x, [normal(3, 3)], lambda x: x @ x)
LEFT = normal(2, 3)
sample("matmul", "array-left", lambda x: LEFT @ x, [normal(3, 2)], lambda x: LEFT @ x, float32=False)

# --- convolution: (images or N, H, W, C), (kernel), options

CONVOLUTIONS = {
    "plain": ((2, 5, 4, 2), (3, 2, 2, 3), {}),
    "stride-above-kernel": ((1, 7, 8, 1), (2, 2, 1, 2), {"stride": 3}),
    "stride-pair": ((1, 6, 6, 1), (3, 3, 1, 1), {"stride": (2, 1)}),
    "padding-as-kernel": ((1, 3, 3, 1), (2, 2, 1, 2), {"padding": 2}),
    "padding-above-kernel": ((1, 2, 2, 2), (2, 2, 2, 1), {"padding": 3, "stride": 2}),
    "asymmetric": ((1, 4, 4, 1), (3, 3, 1, 2), {"padding": ((2, 0), (0, 1))}),
    "same": ((2, 5, 6, 2), (4, 3, 2, 2), {"padding": "same", "stride": 2}),
    "same-even": ((1, 4, 4, 1), (2, 2, 1, 1), {"padding": "same"}),
    "same-stride-above-kernel": ((1, 5, 5, 1), (1, 2, 1, 1), {"padding": "same", "stride": 3}),
    "same-dilated": ((1, 6, 5, 1), (3, 2, 1, 1), {"padding": "same", "dilation": 2}),
    "valid": ((1, 4, 5, 1), (3, 3, 1, 1), {"padding": "valid", "stride": 2}),
    "1x1": ((2, 3, 2, 3), (1, 1, 3, 2), {}),
    "1x1-stride": ((1, 4, 5, 2), (1, 1, 2, 2), {"stride": 2}),
    "kernel-above-image": ((1, 2, 3, 1), (4, 5, 1, 2), {"padding": ((1, 1), (2, 1))}),
    "kernel-is-image": ((2, 3, 2, 2), (3, 2, 2, 3), {}),
    "groups": ((2, 4, 4, 4), (3, 3, 2, 6), {"groups": 2, "padding": 1}),
    "depthwise": ((1, 4, 3, 3), (2, 2, 1, 3), {"groups": 3}),
    "1x1-groups": ((2, 2, 2, 4), (1, 1, 2, 4), {"groups": 2}),
    "dilation": ((1, 7, 6, 1), (3, 2, 1, 2), {"dilation": (2, 3)}),
    "dilation-stride-padding": ((1, 7, 7, 2), (3, 3, 2, 1), {"dilation": 2, "stride": 3, "padding": 2}),
    "unread-pixels": ((1, 6, 6, 1), (2, 2, 1, 1), {"stride": 4}),
    "all-in-padding": ((1, 1, 1, 1), (1, 1, 1, 1), {"stride": 2, "padding": 1}),
    "no-images": ((0, 4, 4, 2), (3, 3, 2, 1), {"padding": 1}),
    "no-images-1x1": ((0, 4, 4, 2), (1, 1, 2, 1), {}),
    "no-images-groups": ((0, 4, 4, 2), (3, 3, 1, 2), {"groups": 2}),
    "one-image": ((1, 4, 4, 1), (3, 3, 1, 1), {}),
}
TRANSPOSED = {
    "plain": ((2, 2, 3, 3), (3, 2, 2, 3), {}),
    "stride": ((1, 3, 2, 2), (4, 4, 1, 2), {"stride": 2, "padding": 1}),
    "stride-above-kernel": ((1, 2, 2, 1), (2, 2, 2, 1), {"stride": 3}),  # pixels that nothing reaches
    "output-padding": ((1, 2, 3, 2), (3, 3, 1, 2), {"stride": 2, "padding": 1, "output_padding": 1}),
    "output-padding-pair": ((1, 2, 2, 1), (2, 2, 1, 1), {"stride": (2, 3), "output_padding": (0, 2)}),
    "padding-as-kernel": ((1, 4, 5, 1), (2, 2, 1, 1), {"padding": 2}),
    "asymmetric": ((1, 3, 3, 1), (3, 3, 2, 1), {"padding": ((2, 0), (0, 1))}),
    "same": ((2, 3, 2, 2), (4, 3, 1, 2), {"stride": 2, "padding": "same"}),
    "same-stride-above-kernel": ((1, 2, 2, 1), (2, 1, 1, 1), {"stride": 3, "padding": "same"}),
    "valid": ((1, 2, 2, 1), (3, 3, 1, 1), {"padding": "valid"}),
    "1x1": ((2, 3, 2, 3), (1, 1, 2, 3), {}),
    "groups": ((1, 3, 3, 6), (2, 2, 2, 6), {"groups": 2, "stride": 2}),
    "dilation": ((1, 3, 2, 1), (3, 2, 2, 1), {"dilation": 2, "stride": 2, "output_padding": 1}),
    "no-images": ((0, 3, 3, 2), (3, 3, 1, 2), {}),
}


def weight_of(x, y, kernel, options):
    """The internal third of the trio, called as its two sisters call it."""
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options
    return _conv2d_weight(x, y, geometry=conv_geometry(x.shape[1:3], kernel, *defaults.values()))


for label, (x, w, options) in CONVOLUTIONS.items():
    sample(
        "conv2d",
        label,
        lambda x, w, o=options: ops.conv2d(x, w, **o),
        [normal(*x), normal(*w)],
        lambda x, w, o=options: naive_conv.conv2d(x, w, **o),
    )
    y = naive_conv.conv2d(np.zeros(x), np.zeros(w), **options).shape
    sample(
        "conv2d_weight",
        label,
        lambda x, y, k=w[:2], o=options: weight_of(x, y, k, o),
        [normal(*x), normal(*y)],
        lambda x, y, k=w[:2], o=options: naive_conv.conv2d_weight(x, y, k, **o),
    )
for label, (y, w, options) in TRANSPOSED.items():
    sample(
        "conv_transpose2d",
        label,
        lambda y, w, o=options: ops.conv_transpose2d(y, w, **o),
        [normal(*y), normal(*w)],
        lambda y, w, o=options: naive_conv.conv_transpose2d(y, w, **o),
    )

# --- normalisation

NORMS = {
    "matrix": ((5, 3), 1e-5),
    "images": ((2, 3, 2, 3), 1e-5),
    "one-row": ((1, 3), 1e-2),
    "one-channel": ((4, 1), 1e-2),
    "large-eps": ((4, 3), 0.5),
    "rank-3": ((2, 3, 2), 1e-3),
}


def on_rows(axis, eps):
    return lambda x, gamma, beta: ops.reshape(
        normalized(ops.reshape(x, -1, x.shape[-1]), gamma, beta, axis, eps), x.shape
    )


def by_numpy(batch, eps):
    def reference(x, gamma, beta):
        axes = tuple(range(x.ndim - 1)) if batch else -1
        return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps) * gamma + beta

    return reference


for op, f in {"batch_norm": ops.batch_norm, "layer_norm": ops.layer_norm}.items():
    batch = op == "batch_norm"
    inputs = {
        label: ([normal(*shape), positive(shape[-1]), normal(shape[-1])], eps) for label, (shape, eps) in NORMS.items()
    }
    inputs["gamma-0"] = [normal(4, 3), np.array([1.0, 0, 0]), normal(3)], 1e-5
    inputs["variance-0"] = (
        [np.tile([[1.0, 2.0, 3.0]] if batch else [[1.0], [2.0]], (4, 1) if batch else (1, 3)), positive(3), normal(3)],
        1e-2,
    )
    inputs["far-from-0"] = [1e3 + normal(5, 3), positive(3), normal(3)], 1e-3
    if not batch:
        inputs["no-rows"] = [normal(0, 3), positive(3), normal(3)], 1e-5
    for label, (arrays, eps) in inputs.items():
        far = label == "far-from-0"
        sample(
            op,
            label,
            lambda x, gamma, beta, f=f, e=eps: f(x, gamma, beta, eps=e),
            arrays,
            by_numpy(batch, eps),
            fused_reference=on_rows(0 if batch else 1, eps),
            float32=not far,
            tolerance=1e-9 if far else 1e-11,
        )

# --- quotients that are 0 where the divisor is

for label, (a, b) in SHAPES.items():
    sample("quotient", label, quotient, [normal(*a), positive(*b)], np.divide)
sample(
    "quotient",
    "by-0",
    quotient,
    [normal(3), np.array([0.0, 2.0, -0.0])],
    lambda x, y: x * [0.0, 0.5, 0.0],
    gradients=lambda x, y: [np.array([0.0, 0.5, 0.0]), x * [0.0, -0.25, 0.0]],
)
for label, shape in {"rows": (3, 4), "images": (2, 2, 3, 1)}.items():
    rest = tuple(range(1, len(shape)))
    sample(
        "norm",
        f"of-each-of-{label}",
        lambda x, axes=rest: ops.norm(x, axes),
        [normal(*shape)],
        lambda x, axes=rest: np.sqrt((x * x).sum(axes)),
    )
sample("getitem", "second-half", lambda x: x[2:], [normal(4, 3)], lambda x: x[2:])
sample("getitem", "first-half", lambda x: x[:2,], [normal(4, 3)], lambda x: x[:2])

for label, shape in {"matrix": (3, 4), "scalar": (), "empty": (0, 3)}.items():
    sample("square_sum", label, lambda x: square_sum(x, 0.25), [normal(*shape)], lambda x: (x * x).sum() * 0.25)
sample("square_mean", "matrix", square_mean, [normal(3, 4)], lambda x: (x * x).mean())


# --- an array times a number of shape () and a constant, and squares about a number

sample(
    "scaled",
    "matrix",
    lambda x, y: _scaled(x, y, factor=0.3, center=0.5),
    [normal(3, 4), normal()],
    lambda x, y: (x - 0.5) * y * 0.3,
)
sample("square_mean", "about-1", lambda x: square_mean(x, 1.0), [normal(3, 4)], lambda x: ((x - 1) ** 2).mean())
