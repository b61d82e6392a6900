"""The emulator runs what is right and notices what is not: each kernel of `faulty.cu` has one fault."""

import numpy as np
import pytest

X = np.arange(1, 9, dtype=np.float32)


def launched(emulator, name, grid=(1,), block=(8,)):
    out = np.full(8, -1, np.float32)
    emulator(name, grid, block, X, out, 8)
    return out


def test_shared_memory_and_barriers(emulator):
    np.testing.assert_array_equal(launched(emulator, "reverse"), X[::-1])


def test_shuffles_within_each_warp(emulator):
    x, out = np.arange(96, dtype=np.float32), np.zeros(3, np.float32)
    emulator("warp_sums", (1,), (96,), x, out, 96)
    np.testing.assert_array_equal(out, x.reshape(3, 32).sum(1))


def test_a_shuffle_gets_nothing_from_threads_that_are_not_there(emulator):
    assert np.isnan(launched(emulator, "warp_sums")[0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reverse_without_a_barrier", "depends on the order"),
        ("refills_its_tile_too_soon", "depends on the order"),
        ("all_write_one_place", "depends on the order"),
        ("a_barrier_for_some", "is not reached by all"),
        ("two_barriers_at_once", "is not reached by all"),
        ("writes_before_the_start", "before the start"),
        ("shares_too_little", "undefined behaviour"),
        ("overflows_an_int", "undefined behaviour"),
    ],
)
def test_a_fault_is_reported(name, message, emulator):
    with pytest.raises(AssertionError, match=message):
        launched(emulator, name)


def test_blocks_come_in_any_order(emulator):
    with pytest.raises(AssertionError, match="depends on the order"):
        launched(emulator, "next_block_reads", grid=(8,), block=(1,))


def test_what_was_never_written_is_seen(emulator):
    with pytest.raises(AssertionError, match=r"depends on .* what lies outside its arrays"):
        launched(emulator, "reads_behind_the_end")
    assert np.isnan(launched(emulator, "reads_shared_memory_unwritten")).all()


@pytest.mark.parametrize("arguments", [(X, X), (X, X, 8.0), (X, 8, X), (X, X, 8, 8)])
def test_arguments_of_another_type_are_refused(arguments, emulator):
    with pytest.raises(AssertionError, match="reverse was given"):
        emulator("reverse", (1,), (8,), *arguments)


def test_a_kernel_that_is_not_there(emulator):
    with pytest.raises(AssertionError, match="no such kernel"):
        emulator("revers", (1,), (8,), X, X, 8)


def test_views_point_into_their_arrays(emulator):
    both = np.zeros((8, 2), np.float32)
    with pytest.raises(AssertionError, match="behind the end"):
        emulator("reverse", (1,), (8,), X, both[4:, 1:], 8)


def test_a_block_of_too_many_threads_is_refused(emulator):
    with pytest.raises(AssertionError, match="more than 256"):
        launched(emulator, "reverse", block=(8, 64))
