"""Validate the inputs of metrics. An error is one sentence with the argument, the given and the expected value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tensor import Tensor

if TYPE_CHECKING:
    from ..types import Array, ArrayLike

__all__ = ["FEWEST", "array", "feature_sets", "frequencies", "labels", "probabilities"]

FEWEST: int = 4  # samples: each half has two, the fewest with a standard deviation


def feature_sets(fewest: int = FEWEST, **named: Tensor | ArrayLike) -> list[Array]:
    """Return the named sets as float arrays (N, d) with one d; images (N, H, W, C) are flattened.

    Args:
        fewest: The smallest number of samples to accept.
        **named: The sets by the names that errors use, arrays or Tensors.

    Raises:
        ValueError: If a set has too few samples, no features, NaN or infinity, or another d than the first, or if one
            set has integers and another floats, so that probably only one was scaled.
        TypeError: If a set does not hold real numbers.
    """
    arrays = {name: array(x) for name, x in named.items()}
    rows = {name: _rows(name, x, fewest) for name, x in arrays.items()}
    (first, reference), *others = arrays.items()
    for name, x in others:
        if (x.dtype.kind == "f") != (reference.dtype.kind == "f"):
            raise ValueError(
                f"{name} holds {x.dtype} but {first} holds {reference.dtype}: scale both alike, "
                "as minigan.data.scale does with pixels"
            )
        if rows[name].shape[1] != rows[first].shape[1]:
            raise ValueError(
                f"{name} has shape {x.shape}, {rows[name].shape[1]} features, "
                f"but {first} has shape {reference.shape}, {rows[first].shape[1]} features: expected the same number"
            )
    return list(rows.values())


def probabilities(name: str, x: Tensor | ArrayLike, fewest: int = FEWEST) -> Array:
    """Return class probabilities (N, K) as float64.

    Raises:
        ValueError: If a row has negative numbers or does not sum to 1, or the shape is not (N, K) with K >= 2.
    """
    x = array(x)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"{name} must have shape (N, classes), at least 2 classes, got {x.shape}")
    x = _rows(name, x, fewest).astype(np.float64)
    wrong = (x < 0).any(axis=1) | (abs(x.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{name} must be non-negative and sum to 1 in each row, but row {row} runs from {x[row].min():.4g} to "
            f"{x[row].max():.4g} and sums to {x[row].sum():.4g}: are these logits?"
        )
    return x


def frequencies(name: str, p: ArrayLike, count: int) -> Array:
    """Return a distribution over `count` classes as float64 (count,); counts are divided by their sum.

    Raises:
        ValueError: If there are not `count` numbers, or some are negative or not finite, or all are zero.
    """
    p = np.asarray(p, np.float64)
    if p.shape != (count,) or not np.isfinite(p).all() or (p < 0).any() or not p.sum() > 0:
        raise ValueError(
            f"{name} must be {count} non-negative numbers, not all zero, got shape {p.shape}"
            + (f" from {p.min():.4g} to {p.max():.4g}" if p.size else "")
        )
    return p / p.sum()


def labels(name: str, x: Tensor | ArrayLike, count: int, fewest: int = FEWEST) -> Array:
    """Return labels (N,) as an array.

    Raises:
        ValueError: If the labels are not integers from 0 to count - 1, or there are fewer than `fewest`.
    """
    x = array(x)
    if x.ndim != 1 or x.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers of shape (N,), got {x.dtype} of shape {x.shape}")
    _enough(name, x, fewest)
    if x.min() < 0 or x.max() >= count:
        raise ValueError(f"{name} must lie in [0, {count}), got values from {x.min()} to {x.max()}")
    return x


def array(x: Tensor | ArrayLike) -> Array:
    """Return an array or a Tensor as a NumPy array, from any device."""
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _rows(name: str, x: Array, fewest: int) -> Array:
    if x.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {x.dtype}")
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise ValueError(f"{name} must have shape (N, features) or (N, H, W, C), got {x.shape}")
    _enough(name, x, fewest)
    x = x.reshape(len(x), -1)
    if x.dtype.kind != "f":
        return x.astype(np.float64)
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} must be finite, but {int(bad.sum()):,} of its {len(x):,} rows hold NaN or infinity, "
            f"row {int(bad.argmax())} first: has the generator diverged?"
        )
    return x


def _enough(name: str, x: Array, fewest: int) -> None:
    if len(x) < fewest:
        raise ValueError(f"{name} holds {len(x)} samples, expected at least {fewest}")
