"""Threads that work on slices of a batch side by side, as many as BLAS may use.

NumPy copies on one core while BLAS multiplies on all of them, so a kernel that does both in turn leaves cores idle.
Here each thread copies and multiplies its own slice, with BLAS kept to one thread. A limit on the threads of BLAS, by
OPENBLAS_NUM_THREADS or threadpoolctl, also limits these threads.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")

LARGE = 8 << 20  # multiplications: a tenth of a millisecond, twice the time that it takes to wake a thread


def count() -> int:
    """Return the number of threads that work on one kernel."""
    return _blas().num_threads


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return [function(item) for item in items], computed in several threads; `function` must not call this again."""
    workers = min(count(), len(items))
    if workers < 2:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    left = iter(range(len(items)))

    def work() -> None:
        for i in left:
            results[i] = function(items[i])

    with _blas().in_one_thread():
        others = [_pool().submit(work) for _ in range(workers - 1)]
        try:
            work()  # this thread works too: one thread fewer has to be woken
        finally:
            wait(others)
    for other in others:
        other.result()
    return results


def slices(n: int, most: int, work: int) -> list[slice]:
    """Return slices of range(n) of length 1 to `most`; one empty slice if n is 0.

    If the `work` of all of them, counted in multiplications, is worth waking threads, every thread gets equally many.
    """
    workers = count() if work >= LARGE else 1
    rounds = max(math.ceil(n / (max(most, 1) * workers)), 1)
    step = max(math.ceil(n / (rounds * workers)), 1)
    return [slice(i, min(i + step, n)) for i in range(0, max(n, 1), step)]


def in_use() -> bool:
    """Return whether BLAS is kept to one thread, so that a large product should be divided among minigan's threads."""
    return _blas().users > 0


class Repeated:
    """A context around a step that is repeated: a step that used minigan's threads once will use them again.

    From then on BLAS is kept to one thread for the whole step. Otherwise OpenBLAS's own threads would go on spinning
    for some 20 ms after each product, and minigan's threads beside them would get half a core each.
    """

    def __init__(self) -> None:
        self._needed = False
        self._open = ExitStack()

    def __enter__(self) -> None:
        self._entries = _blas().entries
        if self._needed:
            self._open.enter_context(_blas().in_one_thread())

    def __exit__(self, *_: object) -> None:
        self._needed = _blas().entries > self._entries + self._needed
        self._open.close()


class _Blas:
    """The threads of all BLAS libraries of this process."""

    def __init__(self, libraries: Sequence[Any]) -> None:
        self._libraries = libraries
        self._lock = Lock()
        self._before: list[int] = []
        self.users = self.entries = 0

    @property
    def num_threads(self) -> int:
        numbers = self._before if self.users else self._numbers()
        return max(numbers, default=1)

    @contextmanager
    def in_one_thread(self) -> Iterator[None]:
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
def _blas() -> _Blas:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # it is optional: without it a kernel is not divided among threads
        return _Blas([])
    return _Blas(ThreadpoolController().select(user_api="blas").lib_controllers)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="minigan")


if hasattr(os, "register_at_fork"):  # absent on systems that cannot fork, such as Windows and WebAssembly
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the threads do not exist in a forked child
