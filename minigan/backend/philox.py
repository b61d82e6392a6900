"""Philox4x32-10 on NumPy arrays: blocks of four 32-bit words, each scrambled under one key.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from ..types import ArrayLike, NDArray

    Words: TypeAlias = NDArray[np.uint64]

MASK = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
# Row 0 multiplies lane x0, row 1 multiplies lane x2.
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

DRAW, SPAWN = 0, 1  # the last word of the counter: whether a block gives numbers or the key of a child


def philox4x32(counter: ArrayLike, key: ArrayLike) -> NDArray[np.uint32]:
    """Scramble blocks of four 32-bit words under a 64-bit key: the Philox4x32-10 bijection.

    Source: Salmon et al. 2011, section 3.2; known answers in `kat_vectors` of the Random123 distribution.

    Args:
        counter: Integers below 2^32, shape (..., 4).
        key: Two integers below 2^32.

    Returns:
        The scrambled words, uint32, shape (..., 4).

    Raises:
        ValueError: If a shape is wrong or a word does not fit into 32 bits.
    """
    blocks, pair = _words("counter", counter, 4), _words("key", key, 2)
    if pair.ndim != 1:
        raise ValueError(f"philox4x32: the key must have shape (2,), got {pair.shape}")
    words = np.ascontiguousarray(blocks.reshape(-1, 4).T)
    even, odd = words[0::2].copy(), words[1::2].copy()
    scramble(even, odd, round_keys(pair.tolist()))
    out = np.empty((words.shape[1], 4), dtype=np.uint32)
    interleave(even, odd, out)
    return out.reshape(blocks.shape)


def _words(name: str, values: ArrayLike, width: int) -> Words:
    """Return `values` as uint64 after checking that it holds 32-bit words along a last axis of length `width`."""
    words = np.asarray(values)
    if words.ndim == 0 or words.shape[-1] != width:
        raise ValueError(f"philox4x32: the {name} must have shape (..., {width}), got {words.shape}")
    if words.dtype.kind not in "iu" or (words.size and (words.min() < 0 or words.max() > 0xFFFFFFFF)):
        raise ValueError(f"philox4x32: the {name} must hold integers from 0 to 2**32 - 1")
    return words.astype(np.uint64)


def round_keys(key: Sequence[int]) -> Words:
    """Return the keys of all rounds, shape (rounds, 2, 1): for round r, the key plus r Weyl steps, modulo 2^32."""
    steps = range(_ROUNDS)
    rows = [[[(word + r * step) & 0xFFFFFFFF] for word, step in zip(key, _KEY_STEPS, strict=True)] for r in steps]
    return np.array(rows, dtype=np.uint64)


def scramble(even: Words, odd: Words, round_keys: Words) -> None:
    """Apply ten rounds in place to lanes (x0, x2) = `even` and (x1, x3) = `odd`: uint64, shape (2, blocks).

    One 64-bit product per lane holds both halves that a round needs. The two rows change places in every round,
    for which a reversed view is enough.
    """
    product = np.empty_like(even)
    crossed = product[::-1]
    for key in round_keys:
        np.multiply(even, _MULTIPLIERS, out=product)
        np.right_shift(crossed, HALF, out=even)
        even ^= odd
        even ^= key
        np.bitwise_and(crossed, MASK, out=odd)


def interleave(even: Words, odd: Words, out: NDArray[np.uint32]) -> None:
    """Write lanes x0 x1 x2 x3 of every block as the rows of `out`, shape (blocks, 4)."""
    # One column at a time: in a transposed assignment NumPy's inner loop would run over the axis of length 2.
    for column, lane in enumerate((even[0], odd[0], even[1], odd[1])):
        out[:, column] = lane


def lanes(first: int, count: int) -> tuple[Words, Words]:
    """Return the counters of `count` blocks from number `first`, as even and odd lanes of shape (2, count)."""
    number = np.arange(count, dtype=np.uint64)
    number += np.uint64(first % 2**64)
    even, odd = np.zeros((2, 2, count), dtype=np.uint64)
    np.bitwise_and(number, MASK, out=even[0])
    np.right_shift(number, HALF, out=odd[0])
    odd[1] = DRAW
    return even, odd
