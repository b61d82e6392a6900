"""Threads that work on slices of an array side by side.

NumPy computes on one core while BLAS multiplies on all of them, and BLAS's waiting threads keep a core busy for some
20 ms after each product. So BLAS is kept to one thread inside of every kernel of this package, and a large kernel is
divided here: each thread copies, multiplies and adds on its own slice. After the kernel BLAS has its threads again, for
products that others compute. The number of threads is that of `minigan.threads`, or else that of BLAS, which
OPENBLAS_NUM_THREADS and threadpoolctl limit.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ContextDecorator
from contextvars import copy_context
from functools import cache, wraps
from threading import Lock, local
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from ...types import Array

    Item = TypeVar("Item")
    Result = TypeVar("Result")

LARGE = 8 << 20  # multiplications: a tenth of a millisecond, twice the time that it takes to wake a thread
MANY = 1 << 18  # elements: two or three passes over them take about as long

chosen: int | None = None  # the number of threads that the user asked for


def count() -> int:
    """Return the number of threads that work on one kernel."""
    numbers = [number for _, number in one_thread.before] if one_thread.users else [get() for get, _ in _blas()]
    return chosen or max(numbers, default=1)


def is_divisible() -> bool:
    """Return whether BLAS can be kept to one thread, without which two threads of minigan would not be faster."""
    return bool(_blas())


class _State(local):
    working = False  # whether this thread works beside others


_state = _State()


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return [function(item) for item in items], computed in several threads; calls inside of `function` in one."""
    workers = min(count(), len(items)) if len(items) > 1 and not _state.working else 1
    if workers < 2:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    left = iter(range(len(items)))

    def work() -> None:
        _state.working = True
        try:
            for i in left:
                results[i] = function(items[i])
        finally:
            _state.working = False

    others = [_pool(workers).submit(copy_context().run, work) for _ in range(workers - 1)]  # with `np.errstate`
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


def divided(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """Let threads compute slices of a large result; `kernel(x, *others, out=None)` computes each row of x for itself.

    Arrays among `others` that have as many rows as x are sliced too; all others are given to every thread.
    """

    @wraps(kernel)
    def run(x: Any, *others: Any, out: Any = None) -> Array:
        if x.__class__ is not np.ndarray or x.size < MANY or not _fit(x, others) or count() < 2:
            return kernel(x, *others, out=out)
        target = np.empty_like(x) if out is None else out

        def work(some: slice) -> None:
            kernel(x[some], *[a[some] if _has_rows(a, x) else a for a in others], out=target[some])

        side_by_side(work, slices(len(x), len(x), LARGE))
        return target

    return run


def _fit(x, others):
    """Return whether the result has the dtype of x."""
    return x.dtype.kind == "f" and all(a.dtype in (x.dtype, bool) for a in others if isinstance(a, np.ndarray))


def _has_rows(a, x):
    return isinstance(a, np.ndarray) and a.ndim == x.ndim and len(a) == len(x)


class _OneThread(ContextDecorator):
    """A context, or a decorator, in which BLAS computes in the thread that calls it, until the last user exits."""

    def __init__(self) -> None:
        self.users = 0
        self.before: list[tuple[Callable[[int], Any], int]] = []  # what sets a number of threads back, and the number
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.users += 1
            if self.users == 1:
                self.before = [(put, number) for get, put in _blas() if (number := get()) > 1]
                for put, _ in self.before:
                    put(1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.users -= 1
            if not self.users:
                for put, number in self.before:
                    put(number)


one_thread = _OneThread()


@cache
def _blas() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    """Return two functions for each BLAS library of this process, which read and set its number of threads."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # it is optional: without it a kernel is not divided among threads
        return []
    return [_get_and_set(library) for library in ThreadpoolController().select(user_api="blas").lib_controllers]


def _get_and_set(library):
    """Return a library's own functions if they are known: threadpoolctl's take three times as long."""
    names = [f"{prefix}openblas_%s_num_threads{suffix}" for prefix in ("", "scipy_") for suffix in ("", "64_", "_64")]
    for name in names if library.info().get("threading_layer") == "pthreads" else []:
        get, put = (getattr(library.dynlib, name % verb, None) for verb in ("get", "set"))
        if get and put:
            return get, put
    return library.get_num_threads, library.set_num_threads


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers - 1, "minigan")


if hasattr(os, "register_at_fork"):  # absent on systems that cannot fork, such as Windows and WebAssembly
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the threads do not exist in a forked child
