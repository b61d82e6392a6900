"""Errors of operations for bad arguments: one sentence with names and numbers."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.random import Generator

X = mg.tensor(np.zeros((2, 3)))
PICTURES = mg.tensor(np.zeros((1, 4, 5, 2)))

WRONG = {
    "matmul": (lambda: X @ X, ValueError, ["matmul", "(2, 3)", "inner lengths differ", "3", "2"]),
    "matmul-number": (lambda: X @ 2.0, ValueError, ["matmul", "at least one axis"]),
    "add": (lambda: X + np.zeros(2), ValueError, ["add", "(2, 3)", "(2,)"]),
    "reshape": (lambda: X.reshape(4, 2), ValueError, ["reshape", "(2, 3)", "(4, 2)"]),
    "sum-axis": (lambda: X.sum(2), ValueError, ["axis=2", "(2, 3)"]),
    "sum-axis-twice": (lambda: X.sum((0, -2)), ValueError, ["axis=(0, -2)", "distinct"]),
    "max-of-nothing": (lambda: ops.max(np.zeros((0, 3)), 0), ValueError, ["max", "(0, 3)", "axis 0"]),
    "min-of-nothing": (lambda: ops.min(np.zeros(0)), ValueError, ["min", "(0,)"]),
    "transpose": (lambda: X.transpose(0, 5), ValueError, ["axis 5", "dimension 2"]),
    "transpose-twice": (lambda: X.transpose(0, 0), ValueError, ["repeated axis"]),
    "swapaxes": (lambda: X.swapaxes(0, 2), ValueError, ["axis 2", "dimension 2"]),
    "flip": (lambda: ops.flip(X, 7), ValueError, ["axis 7", "dimension 2"]),
    "squeeze": (lambda: X.squeeze(0), ValueError, ["size not equal to one"]),
    "concatenate-axis": (lambda: ops.concatenate([X, X], 5), ValueError, ["axis 5", "dimension 2"]),
    "concatenate-nothing": (lambda: ops.concatenate([]), ValueError, ["concatenate", "at least one"]),
    "concatenate-shapes": (
        lambda: ops.concatenate([X, np.zeros((2, 4))]),
        ValueError,
        ["concatenate", "(2, 3)", "(2, 4)", "axis 0"],
    ),
    "stack-shapes": (lambda: ops.stack([X, np.zeros((2, 4))]), ValueError, ["stack", "(2, 3)", "(2, 4)"]),
    "pad": (lambda: ops.pad(X, -1), ValueError, ["pad", ">= 0", "-1"]),
    "upsample-rank": (lambda: ops.upsample(X), ValueError, ["upsample", "(N, H, W, C)", "(2, 3)"]),
    "upsample-scale": (lambda: ops.upsample(PICTURES, 0), ValueError, ["scale 0"]),
    "upsample-float": (lambda: ops.upsample(PICTURES, 1.5), TypeError, ["float"]),
    "block_sum": (lambda: ops.block_sum(PICTURES, 2), ValueError, ["block_sum", "divisible by 2", "(1, 4, 5, 2)"]),
    "block_sum-scale": (lambda: ops.block_sum(PICTURES, 0), ValueError, ["block_sum", "0"]),
    "clip": (lambda: ops.clip(X, 1, 0), ValueError, ["clip", "low=1", "high=0"]),
    "leaky_relu": (lambda: ops.leaky_relu(X, -0.1), ValueError, ["slope", "[0, 1]", "-0.1"]),
    "dropout": (lambda: ops.dropout(X, 1.0, Generator(0)), ValueError, ["dropout", "[0, 1)", "1.0"]),
    "bce-shapes": (
        lambda: ops.binary_cross_entropy_with_logits(X, np.zeros((2, 1))),
        ValueError,
        ["(2, 3)", "(2, 1)", "broadcast"],
    ),
    "bce-reduction": (lambda: ops.binary_cross_entropy_with_logits(X, X, "avg"), ValueError, ["'avg'", "'mean'"]),
    "batch_norm-shapes": (
        lambda: ops.batch_norm(X, np.ones(2), np.ones(3)),
        ValueError,
        ["batch_norm", "(2, 3)", "(3,)", "(2,)"],
    ),
    "batch_norm-rank": (
        lambda: ops.batch_norm(np.zeros(3), np.ones(3), np.ones(3)),
        ValueError,
        ["batch_norm", "(3,)"],
    ),
    "batch_norm-empty": (
        lambda: ops.batch_norm(np.zeros((0, 3)), np.ones(3), np.ones(3)),
        ValueError,
        ["empty", "(0, 3)"],
    ),
    "layer_norm-shapes": (lambda: ops.layer_norm(X, np.ones(3), np.ones(2)), ValueError, ["layer_norm", "(2,)"]),
    "index": (lambda: X[2], IndexError, ["getitem", "(2, 3)", "index 2"]),
    "mask": (lambda: X[np.ones(3, bool)], IndexError, ["getitem", "boolean"]),
    "ufunc": (lambda: np.exp(X), TypeError, ["__array_ufunc__"]),
    "mixed": (lambda: X + mg.tensor([1.0], dtype="float32"), TypeError, ["add", "float32", "float64", "astype"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_explained(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
