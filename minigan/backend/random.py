"""Philox4x32-10: random numbers that are a function of (key, counter), and so the same on every device.

A counter-based generator has no hidden state: block number b of the stream is philox(b), on any device and in any
order of computation. So a checkpoint needs two numbers for an exact resume, independent keys give independent
streams, and a CUDA thread computes its four numbers without communication.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

The exact mapping of bits to values
-----------------------------------
Every implementation, on any device, must follow these rules to the bit.

* **Key.** Seed s gives the key (s mod 2^32, s div 2^32).
* **Blocks.** Block b is the four 32-bit lanes x0 x1 x2 x3 = philox4x32((b mod 2^32, b div 2^32, 0, 0), key).
  A generator starts at block 0. A draw of n elements at block b uses the blocks b, b + 1, ... in order and
  leaves the generator at b + ceil(n / k), where k is the number of elements made from one block; lanes left
  over in the last block are discarded, so that where a draw starts depends only on the sizes of the draws
  before it. Elements are counted in C order: element i is number i mod k of block b + i div k. Block numbers
  wrap at 2^64.
* **Words.** The 64-bit words of a block are w0 = x0 + 2^32 x1 and w1 = x2 + 2^32 x3.
* **Uniform, float32** (k = 4): u_j = (x_j >> 8) * 2^-24. **Float64** (k = 2): u_j = (w_j >> 11) * 2^-53.
  On [low, high) the value is min(low + (high - low) * u, the number before high), with low, high, and the
  result of every single operation rounded to the dtype; on [0, 1) it is u itself.
* **Normal, float32** (k = 4), by Box and Muller (1958): lane pair (x0, x1) gives elements 0 and 1 as r cos(2
  pi t), r sin(2 pi t), and (x2, x3) gives elements 2 and 3. The first lane of a pair makes r, the second t:
  r = sqrt(-2 ln u) with u = float32(x) * 2^-32 + 2^-33 in (0, 1], hence r <= 6.77; t = float32(int32(x)) *
  2^-32, and the sine is the cosine of int32(x - 2^30), a quarter of a turn earlier. Logarithm and cosine are
  the series of `random_values`, evaluated in float32 in the order written there, one IEEE rounding
  per operation and no fused multiply-add: additions, products, a division and a square root are the same on
  every machine, which no library's `log` and `cos` are.
* **Normal, float64** (k = 2): r = sqrt(-2 ln(1 - u_0)), t = u_1, elements r cos(2 pi t), r sin(2 pi t), by
  the platform's own functions. These values agree between platforms to rounding, not to the bit.
* **Integers** (k = 2): low + floor(w_j * (high - low) / 2^64), in exact arithmetic.
* **Permutation** of n: the stable order of n words, drawn as above (k = 2).
* **Spawned** child number j (counted over the parent's life) has the key (x0, x1) of philox4x32((j, 0, 0, 1),
  key): the 1 keeps these blocks apart from all that are drawn, so spawning does not disturb the parent's
  stream.
"""

from __future__ import annotations

import copy
import math
import operator
import os
from functools import partial, wraps
from typing import TYPE_CHECKING, overload

import numpy as np

from . import named, random_values
from .philox import SPAWN, lanes, philox4x32, round_keys, scramble
from .recording import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, SupportsIndex, TypeVar

    from numpy.typing import DTypeLike, NDArray

    Method = TypeVar("Method", bound=Callable[..., Any])
    Size = SupportsIndex | Sequence[SupportsIndex]

__all__ = ["Generator", "as_generator", "philox4x32"]

# Blocks per pass: 3 scratch arrays of 2 x 8192 x 8 bytes stay in a core's second-level cache, and a pass is
# long enough that NumPy's cost per call (about 0.5 us) disappears.
_PASS = 8192


def _drawing(method: Method) -> Method:
    """Make a method draw on the generator's device, and draw again whenever a tape replays its step."""

    @wraps(method)
    def draw(self, *args, **options):
        if self.device != "cpu":
            device: Any = named(self.device)  # every backend except NumPy's has `draw`
            return device.draw(method, self, *args, **options)
        if ACTIVE.tape is None:
            return method(self, *args, **options)
        return ACTIVE.tape.draw(partial(method, self, *args, **options))

    return draw  # type: ignore[return-value]


class _Stream:
    """Key and position of a generator, which its views on other devices share."""

    __slots__ = ("counter", "key", "round_keys", "spawned")

    key: tuple[int, int]

    def place(self, key: tuple[int, int], counter: int, spawned: int) -> None:
        self.key, self.counter, self.spawned = key, counter, spawned
        self.round_keys = round_keys(key)

    def advance(self, blocks):
        """Reserve `blocks` blocks for a draw and return the number of the first one."""
        first = self.counter
        self.counter = (first + blocks) % 2**64
        return first


class Generator:
    """A stream of random numbers fixed by its seed, the same on every machine, and resumable to the bit.

    There is no global generator and no default seed: the arguments of a function show whether it is random. The
    bits of every value are specified in `minigan.backend.random`; only normal values in float64 depend on the
    platform, in their last digit.

    Args:
        seed: An integer from 0 to 2**64 - 1.
        device: The device on which the arrays are made, "cpu" (NumPy arrays) or "cuda"; see `on`.

    Raises:
        TypeError: If the seed is not an integer.
        ValueError: If the seed is out of range or the device is unknown.

    Example:
        rng = mg.random.Generator(0)
        z = rng.normal((64, 100))
    """

    __slots__ = ("_stream", "device", "divide")

    device: str
    divide: Callable[..., Any] | None

    def __init__(self, seed: SupportsIndex, device: str = "cpu") -> None:
        try:
            named(device)
        except ValueError as error:
            raise ValueError(f"Generator: {error}") from None
        seed = _integer("seed", seed)
        if not 0 <= seed < 2**64:
            raise ValueError(f"Generator: seed must be from 0 to 2**64 - 1, got {seed}")
        self.device, self._stream, self.divide = device, _Stream(), None
        self._stream.place((seed & 0xFFFFFFFF, seed >> 32), counter=0, spawned=0)

    def __repr__(self) -> str:
        key = self._stream.key
        return f"Generator(seed={key[0] | key[1] << 32}, counter={self._stream.counter})"

    def __copy__(self) -> Generator:
        return _drawn_on(copy.copy(self._stream), self.device)

    def on(self, device: str) -> Generator:
        """Return a generator of the same stream whose arrays are made on `device`.

        The two share their position: each continues where the other stopped. So a function can draw on the
        device of its data, on whichever device the generator was made.
        """
        return self if device == self.device else _drawn_on(self._stream, device)

    @_drawing
    def normal(self, shape: Size, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return standard normal values, never infinite or NaN.

        No magnitude exceeds 6.77 in float32 and 8.58 in float64; the tails that are cut off have the probabilities
        1e-11 and 1e-17.
        Source: G. Box, M. Muller, "A note on the generation of random normal deviates", 1958.

        Args:
            shape: The shape of the array, an int or a tuple of ints.
            dtype: float32 or float64.
        """
        dtype, per_block, write = _choose("normal", random_values.NORMAL, dtype)
        return self._draw(shape, dtype, per_block, write)

    @_drawing
    def uniform(self, shape: Size, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return uniform values in [low, high); `high` itself is never returned.

        Args:
            shape: The shape of the array, an int or a tuple of ints.
            low: The lower end, finite.
            high: The upper end, finite and above `low`; high - low must be finite in `dtype` as well.
            dtype: float32 or float64.

        Raises:
            ValueError: If the ends are not as required.
        """
        dtype, per_block, write = _choose("uniform", random_values.UNIFORM, dtype)
        low, high, width = _interval(low, high, dtype)
        out = self._draw(shape, dtype, per_block, write)
        if (low, high) != (0, 1):
            out *= float(width)  # Python's numbers, which are exact here, mix with arrays of any device
            out += float(low)
            np.minimum(out, float(np.nextafter(high, low)), out=out)  # low + width * u may round up to high
        return out

    @_drawing
    def integers(self, low: SupportsIndex, high: SupportsIndex, shape: Size) -> NDArray[np.int64]:
        """Return int64 integers in [low, high), at most 2**32 different values: high - low <= 2**32.

        The probabilities of two values differ by at most one part in 2**32, which only some 2**64 draws could
        reveal.

        Raises:
            TypeError: If a bound is not an integer.
            ValueError: If the bounds are out of order or too far apart.
        """
        low, high = _integer("low", low), _integer("high", high)
        if not (-(2**63) <= low < high <= 2**63 and high - low <= 2**32):
            expected = "low < high within int64 and at most 2**32 apart"
            raise ValueError(f"Generator.integers: expected {expected}, got [{low}, {high})")
        return self._draw(shape, np.int64, 2, partial(random_values.write_integers, low, high - low))

    @_drawing
    def permutation(self, n: SupportsIndex) -> NDArray[np.int64]:
        """Return the integers 0 to n - 1 in random order, int64, of shape (n,)."""
        words = self._draw(_integer("n", n), np.uint64, 2, random_values.write_words)
        return np.argsort(words, kind="stable").astype(np.int64, copy=False)

    @overload
    def spawn(self, n: None = None) -> Generator: ...
    @overload
    def spawn(self, n: SupportsIndex) -> list[Generator]: ...
    def spawn(self, n=None):
        """Return a list of `n` generators whose streams are independent of this one and of each other.

        Without `n`, return a single generator. Spawning leaves this generator's own stream unchanged. Among m
        streams, the probability that any two coincide is m**2 / 2**65.
        """
        if n is None:
            return self._child()
        count = _integer("n", n)
        if count < 0:
            raise ValueError(f"Generator.spawn: n must not be negative, got {count}")
        return [self._child() for _ in range(count)]

    @property
    def state(self) -> dict[str, Any]:
        """Complete state of the generator, as a dict of plain integers that JSON can hold."""
        stream = self._stream
        return {"key": list(stream.key), "counter": stream.counter, "spawned": stream.spawned}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue exactly at the position of the generator that had this `state`.

        Raises:
            ValueError: If `state` is not one that `Generator.state` returns.
        """
        try:
            (low, high), counter, spawned = state["key"], state["counter"], state["spawned"]
            words = [operator.index(word) for word in (low, high, counter, spawned)]
        except (TypeError, KeyError, ValueError) as error:
            expected = "{'key': [int, int], 'counter': int, 'spawned': int}"
            raise ValueError(f"Generator.set_state: expected {expected}, got {state!r}") from error
        for word, bits in zip(words, (32, 32, 64, 32), strict=True):
            if not 0 <= word < 2**bits:
                raise ValueError(f"Generator.set_state: {word} in {state!r} is not from 0 to 2**{bits} - 1")
        self._stream.place((words[0], words[1]), words[2], words[3])

    def _child(self):
        x0, x1 = map(int, philox4x32((self._stream.spawned, 0, 0, SPAWN), self._stream.key)[:2])
        self._stream.spawned += 1
        return Generator(x0 | x1 << 32, self.device)

    def _draw(self, shape: Any, dtype: Any, per_block: int, write: Callable[..., None]) -> Any:
        """Return an array of `shape` that `write` fills from the next blocks, `per_block` elements from each.

        Where a batch is divided among processes, `divide` draws that of all of them and returns the rows of this one.
        """
        draw = partial(self._draw_whole, dtype, per_block, write)
        return draw(_shape(shape)) if self.divide is None else self.divide(draw, _shape(shape))

    def _draw_whole(self, dtype: Any, per_block: int, write: Callable[..., None], shape: tuple[int, ...]) -> Any:
        stream = self._stream
        size = math.prod(shape)
        blocks = -(-size // per_block)
        first, out = stream.advance(blocks), np.empty((blocks, per_block), dtype=dtype)
        for start in range(0, blocks, _PASS):
            rows = out[start : start + _PASS]
            even, odd = lanes(first + start, len(rows))
            scramble(even, odd, stream.round_keys)
            write(even, odd, rows)
        return out.reshape(-1)[:size].reshape(shape)


def as_generator(rng: Generator | int | None) -> Generator:
    """Return the generator that an argument called `rng` stands for.

    Args:
        rng: A `Generator`, returned as it is; an integer, the seed of a new one; or None for a new generator with a
            seed from the operating system, so that every run draws other numbers.

    Raises:
        TypeError: For anything else, such as a generator of NumPy or PyTorch.
    """
    if isinstance(rng, Generator):
        return rng
    if rng is None:
        return Generator(int.from_bytes(os.urandom(8), "little"))
    if hasattr(rng, "__index__"):
        return Generator(rng)
    kind, library = type(rng).__name__, type(rng).__module__.partition(".")[0]
    given = f"{library}'s {kind}" if kind in ("Generator", "RandomState") else f"a {kind}"
    raise TypeError(
        f"rng must be a minigan.random.Generator, an integer seed or None, got {given}; "
        "write rng=mg.random.Generator(0)"
    )


def _drawn_on(stream, device):
    generator = Generator(0, device)
    generator._stream = stream
    return generator


def _integer(name: str, value: Any) -> int:
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"Generator: {name} must be an integer, got the bool {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"Generator: {name} must be an integer, got {value!r}") from None


def _shape(shape: Any) -> tuple[int, ...]:
    """Return `shape` as a tuple of non-negative ints; a bare int stands for one axis."""
    axes = shape if isinstance(shape, (tuple, list)) else (shape,)
    axes = tuple(_integer("shape", axis) for axis in axes)
    if min(axes, default=0) < 0:
        raise ValueError(f"Generator: shape must not have a negative axis, got {axes}")
    return axes


def _choose(method: str, table: Mapping[Any, Any], dtype: DTypeLike) -> tuple[Any, Any, Any]:
    dtype = np.dtype(dtype)
    if dtype not in table:
        raise TypeError(f"Generator.{method}: dtype must be float32 or float64, got {dtype}")
    return dtype, *table[dtype]


def _interval(low: float, high: float, dtype: Any) -> tuple[Any, Any, Any]:
    """Return low, high and high - low, rounded to `dtype`."""
    with np.errstate(over="ignore", invalid="ignore"):
        ends = np.array([low, high], dtype=dtype)
        width = ends[1] - ends[0]
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"Generator.uniform: expected finite low < high in {dtype}, got [{low}, {high})")
    return ends[0], ends[1], width
