"""Conversion of Philox words to numbers, by the rules that `backend.random` specifies to the bit.

Each writer turns the lanes of some blocks, uint64 (2, blocks), into the rows of `out`, and overwrites the lanes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .philox import HALF, interleave

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..types import Array
    from .philox import Words


def write_uniform32(even: Words, odd: Words, out: Array) -> None:
    """Write uniform float32 numbers in [0, 1), four from each block."""
    bits = np.empty(out.shape, dtype=np.uint32)
    interleave(even, odd, bits)
    bits >>= np.uint32(8)
    # 24 bits leave the sign bit clear, and the conversion from signed integers is faster.
    np.multiply(bits.view(np.int32), np.float32(2.0**-24), out=out, dtype=np.float32, casting="unsafe")


def write_words(even: Words, odd: Words, out: Array) -> None:
    """Write the 64-bit words, two from each block."""
    odd <<= HALF
    odd |= even
    out[:, 0], out[:, 1] = odd


def write_uniform64(even: Words, odd: Words, out: Array) -> None:
    """Write uniform float64 numbers in [0, 1), two from each block."""
    odd <<= HALF
    odd |= even
    odd >>= np.uint64(11)
    for column, word in enumerate(odd.view(np.int64)):
        np.multiply(word, 2.0**-53, out=out[:, column])


def write_normal32(even: Words, odd: Words, out: Array) -> None:
    """Write standard normal float32 numbers, four from each block."""
    radius = _radius(even)
    turns = odd.astype(np.uint32)
    cosine = _cos_turns(turns)
    turns -= np.uint32(1 << 30)  # wraps, as angles do
    sine = _cos_turns(turns)
    for pair in range(2):
        np.multiply(radius[pair], cosine[pair], out=out[:, 2 * pair])
        np.multiply(radius[pair], sine[pair], out=out[:, 2 * pair + 1])


def _radius(words):
    """Return sqrt(-2 ln u) for u = (word + 1/2) / 2^32, float32.

    No logarithm of 0 and no root of a negative number can occur.
    """
    u = words.view(np.int64).astype(np.float32)
    u *= np.float32(2.0**-32)
    u += np.float32(2.0**-33)
    square = _log(u)
    square *= np.float32(-2)
    return np.sqrt(square, out=square)


def _log(u):
    """Return the natural logarithm of positive, normal float32 `u`, to a relative error of 2e-7; `u` is overwritten.

    u = 2^e m with sqrt(1/2) <= m < sqrt(2), and ln m = 2 artanh(s) = 2 (s + s^3/3 + ... + s^9/9) at
    s = (m - 1) / (m + 1), where |s| < 0.172 leaves a relative truncation error of 2e-9.
    """
    bits = u.view(np.int32)
    exponent = bits - np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
    exponent >>= 23
    bits -= exponent << 23
    s = u - np.float32(1)
    u += np.float32(1)
    s /= u
    result = _polynomial(s * s, (2 / 9, 2 / 7, 2 / 5, 2 / 3, 2))
    result *= s
    result += exponent.astype(np.float32) * np.float32(math.log(2))
    return result


def _cos_turns(turns):
    """Return cos(2 pi t) for t = int32(turns) / 2^32, float32, to 2e-7.

    cos(2 pi t) = sin(2 pi (1/4 - |t|)), and the argument of this sine is at most a quarter of a turn for every t: in
    this range the Taylor series to the 13th power is exact to 1e-9.
    """
    angle = turns.view(np.int32).astype(np.float32)
    np.abs(angle, out=angle)
    angle *= np.float32(-(2.0**-32))
    angle += np.float32(0.25)
    angle *= np.float32(2 * math.pi)
    result = _polynomial(angle * angle, [(-1) ** (k // 2) / math.factorial(k) for k in range(13, 0, -2)])
    result *= angle
    return result


def _polynomial(x, coefficients):
    """Evaluate a polynomial by Horner's rule in float32, highest power first, rounding each product and sum."""
    first, *rest = (np.float32(c) for c in coefficients)
    result = np.full_like(x, first)
    for c in rest:
        result *= x
        result += c
    return result


def write_normal64(even: Words, odd: Words, out: Array) -> None:
    """Write standard normal float64 numbers, two from each block."""
    write_uniform64(even, odd, out)
    radius = np.sqrt(-2 * np.log(1 - out[:, 0]))
    angle = out[:, 1] * (2 * math.pi)
    np.multiply(radius, np.cos(angle), out=out[:, 0])
    np.multiply(radius, np.sin(angle), out=out[:, 1])


def write_integers(low: int, span: int, even: Words, odd: Words, out: Array) -> None:
    """Write floor(word * span / 2^64) + low, computed from the two halves of each word.

    With span <= 2^32 no product exceeds 64 bits.
    """
    even *= np.uint64(span)
    even >>= HALF
    odd *= np.uint64(span)
    odd += even
    odd >>= HALF
    for column, value in enumerate(odd.view(np.int64)):
        np.add(value, np.int64(low), out=out[:, column])


UNIFORM: dict[np.dtype[Any], tuple[int, Callable[..., None]]] = {
    np.dtype(np.float32): (4, write_uniform32),
    np.dtype(np.float64): (2, write_uniform64),
}
NORMAL: dict[np.dtype[Any], tuple[int, Callable[..., None]]] = {
    np.dtype(np.float32): (4, write_normal32),
    np.dtype(np.float64): (2, write_normal64),
}
