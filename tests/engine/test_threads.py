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

import minigan as mg
from minigan import optim
from minigan.backend import numpy as backend
from minigan.backend.numpy import conv as numpy_conv
from minigan.backend.numpy import matmul, threads
from minigan.ops.conv import conv_geometry


def limits():
    return [get() for get, _ in threads._blas()]


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

    with threads.one_thread:
        indices, idents, during = zip(*threads.side_by_side(meet, range(6)), strict=True)
    assert indices == tuple(range(6))
    assert len(set(idents)) == 2
    assert all(set(found) == {1} for found in during)
    assert set(limits()) == {2}


@pytest.mark.usefixtures("_two")
def test_a_call_inside_of_a_thread_stays_in_it():
    inner = lambda i: threads.side_by_side(lambda _: threading.get_ident(), range(4)) + [threading.get_ident()]
    assert all(len(set(idents)) == 1 for idents in threads.side_by_side(inner, range(6)))
    outer = threads.side_by_side(lambda i: i, range(3))
    assert outer == [0, 1, 2]
    assert not threads._state.working


@pytest.mark.usefixtures("_two")
def test_errors_of_numbers_are_treated_as_the_caller_asked():
    both = threading.Barrier(2, timeout=30)

    def treatment(_):
        both.wait()
        return np.geterr()["over"]

    with np.errstate(over="raise"):
        assert threads.side_by_side(treatment, range(2)) == ["raise", "raise"]


@pytest.mark.usefixtures("_two")
def test_blas_has_its_threads_again_after_the_last_of_several_users():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with threads.one_thread:
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with threads.one_thread:
        thread.start()
        assert entered.wait(30)
        assert threads.count() == 2
    assert set(limits()) == {1}
    leave.set()
    thread.join()
    assert set(limits()) == {2}


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize("name", ["matmul", "sum_leading", "square_sum", "conv2d", "conv_transpose2d", "conv2d_weight"])
def test_kernels_that_multiply_keep_blas_to_one_thread(name):
    seen = []

    class Spy:
        def __getattr__(self, _):
            seen.extend(limits())
            raise KeyError

        def __len__(self):
            return self.anything

    spy = Spy()
    arguments = {"sum_leading": (spy, 1), "square_sum": ([spy],), "matmul": (spy, spy)}
    with pytest.raises((KeyError, TypeError)):  # NumPy may explain the error in its own way
        getattr(backend, name)(*arguments.get(name, (spy, spy, spy)))
    assert set(seen) == {1}
    assert set(limits()) == {2}


@pytest.mark.usefixtures("_two")
def test_the_number_of_threads_can_be_chosen():
    assert mg.get_num_threads() == 2
    with mg.threads(3):
        assert mg.get_num_threads() == 3
        with mg.threads(None):
            assert mg.get_num_threads() == 3
        with mg.threads(1):
            assert len({*threads.side_by_side(lambda _: threading.get_ident(), range(4))}) == 1
        assert mg.get_num_threads() == 3
        assert set(limits()) == {2}  # NumPy keeps its own
    try:
        mg.set_num_threads(1)
        assert mg.get_num_threads() == 1
    finally:
        mg.set_num_threads(None)
    assert mg.get_num_threads() == 2


@pytest.mark.parametrize(("number", "error"), [(0, ValueError), (-2, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_wrong_number_of_threads_is_refused(number, error):
    with pytest.raises(error, match=f"^set_num_threads: .* got {number!r}"):
        mg.set_num_threads(number)
    with pytest.raises(error, match=f"^threads: .* got {number!r}"), mg.threads(number):
        pass


def test_without_threadpoolctl_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(threads, "_blas", list)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert mg.get_num_threads() == 1
    with pytest.raises(ImportError, match=r"set_num_threads\(2\) needs threadpoolctl: pip install threadpoolctl"):
        mg.set_num_threads(2)
    with mg.threads(1):
        assert mg.get_num_threads() == 1


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize("rows", [2, 5])
def test_divided_kernels_give_the_same_bits(monkeypatch, rows):
    """Every row is computed for itself, so slices change nothing."""
    rng = np.random.default_rng(0)
    x, g, gamma, beta = rng.normal(size=(rows, 7)), rng.normal(size=(rows, 7)), rng.normal(size=7), rng.normal(size=7)
    mean, variance = x.mean(0, keepdims=True), x.var(0, keepdims=True)
    each = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    kernels = [
        lambda: backend.leaky_relu(x, 0.2),
        lambda: backend.leaky_relu(x, 0.0),
        lambda: backend.gate(x, g > 0, 0.2),
        lambda: backend.gate(x, g > 0, 0.0),
        lambda: backend.normalize(x, gamma, beta, mean, variance, 1e-5),
        lambda: backend.normalize(x, gamma, beta, *each, 1e-5),
        lambda: backend.normalize_gradients(g, x, gamma, mean, variance, 1e-5, 0)[0],
        lambda: backend.normalize_gradients(g, x, gamma, *each, 1e-5, 1)[0],
        lambda: backend.moments(x, 0)[1],
    ]
    whole = [kernel() for kernel in kernels]
    monkeypatch.setattr(threads, "MANY", 1)
    shared, items = threads.side_by_side, []
    monkeypatch.setattr(threads, "side_by_side", lambda f, some: items.append(len(some)) or shared(f, some))
    for kernel, expected in zip(kernels, whole, strict=True):
        np.testing.assert_array_equal(kernel(), expected)
        assert items, "no thread was asked"
        assert set(items) == {2}
        items.clear()


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    ("x", "others"),
    [
        (np.ones((4, 3), np.float32), [np.ones(3)]),
        (np.ones((4, 3)) + 1j, [np.ones(3)]),
        (np.ones((4, 3), int), [np.ones(3, int)]),
    ],
    ids=["mixed", "complex", "integer"],
)
def test_a_kernel_whose_result_has_another_dtype_is_not_divided(monkeypatch, x, others):
    monkeypatch.setattr(threads, "MANY", 1)
    monkeypatch.setattr(threads, "side_by_side", None)
    kernel = threads.divided(lambda x, y, out=None: np.multiply(x, y, out=out))
    np.testing.assert_array_equal(kernel(x, *others), x * others[0])


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    "make", [lambda p: optim.Adam(p, 0.1), lambda p: optim.SGD(p, 0.1, 0.9), lambda p: optim.RMSprop(p, 0.1)]
)
def test_optimizers_give_the_same_bits_in_threads(monkeypatch, make):
    def trained(many):
        monkeypatch.setattr(threads, "MANY", many)
        rng = np.random.default_rng(0)
        parameters = [mg.Parameter(rng.normal(size=shape)) for shape in ((300, 700), (5,), ())]
        optimizer = make(parameters)
        for _ in range(3):
            optimizer.step([rng.normal(size=p.shape) for p in parameters])
        return [p.numpy() for p in parameters] + [s for state in optimizer.state for s in state]

    for shared, alone in zip(trained(1), trained(1 << 40), strict=True):
        np.testing.assert_array_equal(shared, alone)


def test_the_update_of_a_users_optimizer_stays_in_the_calling_thread(monkeypatch):
    monkeypatch.setattr(threads, "MANY", 1)
    seen = set()

    class Own(optim.Optimizer):
        def update(self, t, p, g, *state):
            seen.add(threading.get_ident())
            p -= self.lr * g

    parameter = mg.Parameter(np.ones((300, 700)))
    Own([parameter], 0.5).step([np.ones((300, 700))])
    assert seen == {threading.get_ident()}
    assert (parameter.numpy() == 0.5).all()


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
    found = matmul(a, b)
    np.testing.assert_array_equal(matmul(a, b, out=np.empty_like(found)), found)
    np.testing.assert_allclose(found, np.einsum("ij,jk", a, b), rtol=1e-12)
    assert [len(items) for items in calls] == [2, 2]


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
