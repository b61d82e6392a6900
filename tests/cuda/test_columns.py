"""Division by a multiplication, and the chunks of a batch."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigan.backend.cuda.columns import DIVIDER, chunks, divider

MOST = 2**31 - 1
numbers = st.one_of(st.integers(1, 100), st.integers(1, MOST), st.integers(0, 30).map(lambda k: 1 << k))


def quotients(n, divisor):
    """Return the quotient as the kernels compute it, in Python's integers or NumPy's."""
    _, multiplier, shift = divider(divisor)
    return n * multiplier >> shift


def test_every_small_number_by_every_small_divisor():
    n = np.arange(1 << 16, dtype=np.uint64)
    for divisor in range(1, 1 << 10):
        np.testing.assert_array_equal(quotients(n, divisor), n // np.uint64(divisor))


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(numbers, st.integers(0, MOST))
@example(MOST, MOST)
@example(1, MOST)
def test_every_number_of_31_bits(divisor, n):
    """Above all the numbers beside a multiple of the divisor, where a wrong factor shows first."""
    _, multiplier, shift = divider(divisor)
    assert multiplier < 2**32
    assert 31 <= shift < 64
    last = MOST // divisor * divisor
    for k in (n, n // divisor * divisor, n // divisor * divisor - 1, last, last - 1, MOST):
        assert quotients(max(k, 0), divisor) == max(k, 0) // divisor


@settings(max_examples=50, deadline=None, derandomize=True)
@given(numbers, st.lists(st.integers(0, MOST), min_size=1, max_size=30))
def test_a_kernel_divides(emulator, divisor, values):
    n = np.array([*values, 0, divisor - 1, divisor, MOST], np.int32)
    found, rest = np.zeros_like(n), np.zeros_like(n)
    emulator("divided", (2,), (8,), n, found, rest, n.size, np.array(divider(divisor), DIVIDER)[()])
    np.testing.assert_array_equal(found, n // divisor)
    np.testing.assert_array_equal(rest, n % divisor)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 300), st.integers(0, 2000), st.integers(1, 5000))
def test_chunks_are_few_and_equal(images, bytes_each, limit):
    found = chunks(images, bytes_each, limit)
    sizes = [part.stop - part.start for part in found]
    assert [i for part in found for i in range(images)[part]] == [*range(images)]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(size == 1 or size * bytes_each <= limit for size in sizes)
    fewer = len(sizes) - 1
    assert fewer < 1 or -(-images // fewer) * bytes_each > limit


@pytest.mark.parametrize(
    ("images", "each", "limit", "expected"), [(64, 627_200, 32, [32, 32]), (10, 11 << 20, 50, [3, 3, 4])]
)
def test_a_batch_is_divided_equally(images, each, limit, expected):
    """64 images of DCGAN's first transposed convolution were 53 and 11 before, in 32 MiB."""
    assert [part.stop - part.start for part in chunks(images, each, limit << 20)] == expected
