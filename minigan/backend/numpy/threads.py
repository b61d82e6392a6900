"""Threads that work on slices of a batch side by side, as many as BLAS may use.

NumPy copies on one core where BLAS multiplies on all, so a kernel that does both in turn leaves cores idle.  Here each
thread copies and multiplies its own slice, by a BLAS of one thread.  Whoever limits BLAS, by OPENBLAS_NUM_THREADS or
threadpoolctl, limits this too.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock

LARGE = 8 << 20  # multiplications: a tenth of a millisecond, twice what it takes to wake a thread


def count():
    """Return the number of threads that work on one kernel."""
    return _blas().num_threads


def side_by_side(function, items):
    """Return [function(item) for item in items], computed in several threads; `function` must not call this again."""
    workers = min(count(), len(items))
    if workers < 2:
        return [function(item) for item in items]
    results, left = [None] * len(items), iter(range(len(items)))

    def work():
        for i in left:
            results[i] = function(items[i])

    with _blas().in_one_thread():
        others = [_pool().submit(work) for _ in range(workers - 1)]
        try:
            work()  # here too: it is one thread less to wake, and one core less to find
        finally:
            wait(others)
    for other in others:
        other.result()
    return results


def slices(n, most, work):
    """Return range(n) in slices of at most `most` and at least 1; one slice if n is 0.

    As many for each thread, if all together are enough `work`, in multiplications, to wake one for.
    """
    workers = count() if work >= LARGE else 1
    rounds = max(math.ceil(n / (max(most, 1) * workers)), 1)
    step = max(math.ceil(n / (rounds * workers)), 1)
    return [slice(i, min(i + step, n)) for i in range(0, max(n, 1), step)]


def in_use():
    """Return whether BLAS is kept to one thread, so that a large product should be divided among our threads."""
    return _blas().users > 0


class Repeated:
    """A context around a step that is repeated: if it used our threads once, it will do so again.

    From then on BLAS keeps to one thread for the whole step, as after a product OpenBLAS's own threads go on spinning
    for some 20 ms, and ours beside them would get half a core.
    """

    def __init__(self):
        self._needed = False
        self._open = ExitStack()

    def __enter__(self):
        self._entries = _blas().entries
        if self._needed:
            self._open.enter_context(_blas().in_one_thread())

    def __exit__(self, *_):
        self._needed = _blas().entries > self._entries + self._needed
        self._open.close()


class _Blas:
    """The threads of all BLAS libraries of this process."""

    def __init__(self, libraries):
        self._libraries = libraries
        self._lock = Lock()
        self._before = []
        self.users = self.entries = 0

    @property
    def num_threads(self):
        numbers = self._before if self.users else self._numbers()
        return max(numbers, default=1)

    @contextmanager
    def in_one_thread(self):
        """Keep BLAS to one thread from the first user's entry to the last user's exit."""
        with self._lock:
            if not self.users:
                self._before = self._numbers()
                self._set([1] * len(self._before))
            self.users += 1
            self.entries += 1
        try:
            yield
        finally:
            with self._lock:
                self.users -= 1
                if not self.users:
                    self._set(self._before)

    def _numbers(self):
        return [library.get_num_threads() for library in self._libraries]

    def _set(self, numbers):
        for library, number in zip(self._libraries, numbers, strict=True):
            library.set_num_threads(number)


@cache
def _blas():
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # NumPy alone is enough, on one core
        return _Blas([])
    return _Blas(ThreadpoolController().select(user_api="blas").lib_controllers)


@cache
def _pool():
    return ThreadPoolExecutor(thread_name_prefix="minigan")


if hasattr(os, "register_at_fork"):  # systems that cannot fork, such as Windows and WebAssembly, lack it
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child has none of its threads
