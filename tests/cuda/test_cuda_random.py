"""Philox on the device draws the bits of `minigan.random.Generator`, and those that its authors publish."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.random import Generator

LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((40,), (1,))]
PER_BLOCK = {"uniform_float": 4, "normal_float": 4}
anywhere = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**32 - 2, 2**64 - 2]))
sizes, placed = st.integers(1, 41), st.sampled_from(LAUNCHES)


class Stream:
    """A stream on the device, at any block: as constants of a launch, or moved on by what earlier ones have used."""

    def __init__(self, emulator, seed, counter=0, launch=LAUNCHES[0], replayed=False):
        self.emulator, self.launch = emulator, launch
        self.key, self.counter, self.moved = seed, counter, np.zeros(1, np.uint64) if replayed else None

    def __call__(self, name, dtype, size, *numbers):
        out, blocks = np.zeros(size, dtype), -(-size // PER_BLOCK.get(name, 2))
        self.emulator(name, *self.launch, out, size, self.key, self.counter, self.moved, *numbers)
        if self.moved is None:
            self.counter += blocks
        else:
            self.moved += np.uint64(blocks)
        return out


def generator(seed, counter):
    rng = Generator(seed)
    rng.set_state({**rng.state, "counter": counter})
    return rng


def same(mine, theirs):
    assert mine.dtype == theirs.dtype
    assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", 0x299F31D0A4093822, "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers_of_random123(emulator, counter, key, answer):
    counters = np.array([int(word, 16) for word in counter.split()], np.uint32).reshape(1, 4).repeat(3, 0)
    out = np.zeros_like(counters)
    emulator("philox", (2,), (2,), counters, out, 3, key)
    assert {" ".join(f"{word:08x}" for word in row) for row in out} == {answer}


@settings(max_examples=20, deadline=None, derandomize=True)
@given(anywhere, anywhere, sizes, placed, st.booleans())
def test_two_draws_have_the_bits_of_the_generator(emulator, seed, counter, size, launch, replayed):
    rng, stream = generator(seed, counter), Stream(emulator, seed, counter, launch, replayed)
    for _ in range(2):  # where the second starts depends on the first
        same(stream("uniform_float", np.float32, size, 0.0, 1.0, 1 - 2.0**-24), rng.uniform(size))
        same(stream("normal_float", np.float32, size), rng.normal(size))
        mine = stream("uniform_double", np.float64, size, 0.0, 1.0, 1 - 2.0**-53)
        same(mine, rng.uniform(size, dtype=np.float64))
        same(stream("integers", np.int64, size, -5, 1000), rng.integers(-5, 995, size))


def interval(low, high):
    """The numbers that a kernel wants of [low, high), each exact in the dtype of the ends."""
    return [float(number) for number in (low, high - low, np.nextafter(high, low))]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(anywhere, sizes, placed)
def test_intervals_and_permutations(emulator, seed, size, launch):
    rng, stream = Generator(seed), Stream(emulator, seed, launch=launch)
    for name, dtype in (("uniform_float", np.float32), ("uniform_double", np.float64)):
        low, high = dtype(-0.7), dtype(1.23)  # products with a width of 2 would be exact
        same(stream(name, dtype, size, *interval(low, high)), rng.uniform(size, low, high, dtype))
    order = np.argsort(stream("words", np.uint64, size), kind="stable")
    same(order, rng.permutation(size))


def test_high_itself_is_never_drawn(emulator):
    """Where low + width * u rounds up to it, the number before it is given instead."""
    low, high = np.float32(1), np.float32(1) + np.float32(2**-22)
    mine = Stream(emulator, 1)("uniform_float", np.float32, 1000, *interval(low, high))
    assert mine.max() < high
    same(mine, Generator(1).uniform(1000, low, high))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(anywhere, anywhere, sizes, placed)
def test_normal_values_in_double_agree_to_rounding(emulator, seed, counter, size, launch):
    mine = Stream(emulator, seed, counter, launch)("normal_double", np.float64, size)
    np.testing.assert_allclose(mine, generator(seed, counter).normal(size, np.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("span", [2**40, 2**63 - 1])
def test_integers_of_a_wide_range(emulator, span):
    words, mine = (Stream(emulator, 3, 5) for _ in range(2))
    expected = [(int(word) * span >> 64) - 7 for word in words("words", np.uint64, 9)]
    assert mine("integers", np.int64, 9, -7, span).tolist() == expected


def test_many_normal_values_to_the_bit(emulator):
    seed = 2**63 + 11
    mine = Stream(emulator, seed, launch=((4,), (64,)))("normal_float", np.float32, 20001)
    same(mine, Generator(seed).normal(20001))
