"""Kernels in several threads: the same numbers, and BLAS left as it was."""

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minigan.backend.numpy import conv as numpy_conv
from minigan.backend.numpy import matmul, threads
from minigan.ops.conv import conv_geometry

LIBRARIES = threads._blas()._libraries


def limits():
    return [library.get_num_threads() for library in LIBRARIES]


@pytest.fixture
def _two():
    with threadpool_limits(2, "blas"):
        assert threads.count() == 2, "is BLAS built without threads?"
        yield


@given(n=st.integers(0, 100), most=st.integers(0, 120), workers=st.integers(1, 5))
def test_slices_cover_the_range_once_and_are_small_enough(n, most, workers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "count", lambda: workers)
        slices = threads.slices(n, most, threads.LARGE)
        small = threads.slices(n, most, threads.LARGE - 1)
    assert [i for s in slices for i in range(s.start, s.stop)] == list(range(n))
    assert all(s.stop - s.start <= max(most, 1) for s in slices)
    assert max(s.stop - s.start for s in slices) <= max(-(-n // workers), 1)  # no thread gets more than its share
    assert len(small) == max(-(-n // max(most, 1)), 1)  # it is not worth a thread


@pytest.mark.usefixtures("_two")
def test_results_come_in_order_from_several_threads():
    both = threading.Barrier(2, timeout=30)  # is passed only if two are there at a time

    def meet(i):
        both.wait()
        return i, threading.get_ident(), limits()

    indices, idents, during = zip(*threads.side_by_side(meet, range(6)), strict=True)
    assert indices == tuple(range(6))
    assert len(set(idents)) == 2
    assert all(set(found) == {1} for found in during)
    assert set(limits()) == {2}


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize("wrong", [0, 1, 7])
def test_an_exception_reaches_the_caller_and_blas_is_set_back(wrong):
    def work(i):
        if i == wrong:
            raise ZeroDivisionError(i)
        return i

    with pytest.raises(ZeroDivisionError, match=str(wrong)):
        threads.side_by_side(work, range(8))
    assert set(limits()) == {2}
    assert threads.side_by_side(work, [10, 11, 12]) == [10, 11, 12]


def test_one_thread_stays_one():
    with threadpool_limits(1, "blas"):
        assert set(threads.side_by_side(lambda _: threading.get_ident(), range(4))) == {threading.get_ident()}


@pytest.mark.usefixtures("_two")
def test_a_repeated_step_keeps_blas_to_one_thread_once_it_needed_that():
    step = threads.Repeated()
    for needed, expected in ((False, 2), (True, 2), (True, 1), (False, 1), (False, 2), (True, 2), (True, 1)):
        with step:
            assert set(limits()) == {expected}
            assert threads.count() == 2
            assert threads.in_use() == (expected == 1)
            if needed:
                threads.side_by_side(abs, [1, 2])
        assert set(limits()) == {2}
        assert not threads.in_use()


@pytest.mark.usefixtures("_two")
def test_a_repeated_step_sets_blas_back_after_an_error():
    step = threads.Repeated()

    def fail():
        with step:
            threads.side_by_side(abs, [1, 2])
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    assert set(limits()) == {2}


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize("shape", [(70, 30, 50), (50, 30, 71), (3, 5, 1), (1, 5, 3)])
@pytest.mark.parametrize("transposed", [False, True])
def test_divided_products_are_right(monkeypatch, shape, transposed):
    monkeypatch.setattr(threads, "LARGE", 1)
    rng, (m, k, n) = np.random.default_rng(0), shape
    a, b = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    if transposed:
        a, b = np.ascontiguousarray(a.T).T, np.ascontiguousarray(b.T).T
    calls = []
    monkeypatch.setattr(threads, "side_by_side", lambda f, items: calls.append(items) or [f(i) for i in items])
    with threads._blas().in_one_thread():
        found = matmul(a, b)
    np.testing.assert_allclose(found, np.einsum("ij,jk", a, b), rtol=1e-12)
    assert [len(items) for items in calls] == [2]


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_are_the_same_in_one_thread_and_in_two(monkeypatch, groups):
    monkeypatch.setattr(threads, "LARGE", 1)
    geometry = conv_geometry((9, 8), (3, 2), 2, "same", 1, groups)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 9, 8, 4)), rng.normal(size=(3, 2, 4 // groups, 6))
    y = rng.normal(size=(5, *geometry.output, 6))
    trio = (numpy_conv.conv2d, (x, w)), (numpy_conv.conv_transpose2d, (y, w)), (numpy_conv.conv2d_weight, (x, y))
    two = [kernel(*arrays, geometry) for kernel, arrays in trio]
    with threadpool_limits(1, "blas"):
        one = [kernel(*arrays, geometry) for kernel, arrays in trio]
    for a, b in zip(two, one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


FORKING = """
import multiprocessing
from minigan.backend.numpy import threads

def work(queue):
    queue.put(threads.side_by_side(abs, [-1, -2, -3]))

threads.side_by_side(abs, [1, 2])
context = multiprocessing.get_context("fork")
queue = context.Queue()
context.Process(target=work, args=(queue,)).start()
print(queue.get(timeout=30))
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
def test_a_forked_child_has_threads_of_its_own():
    two = os.environ | {"OPENBLAS_NUM_THREADS": "2"}  # in a process of its own: other libraries forbid to fork this one
    done = subprocess.run([sys.executable, "-c", FORKING], env=two, capture_output=True, text=True, check=False)
    assert done.stdout == "[1, 2, 3]\n", done.stderr


def test_minigan_can_be_imported_where_there_is_no_fork():
    code = (
        "import os; del os.register_at_fork; import minigan as mg; x = mg.tensor([3.0], requires_grad=True); "
        "print(mg.grad((x * x).sum(), [x])[0].item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "6.0\n", done.stderr
