"""The number of threads that compute on the CPU."""

from __future__ import annotations

from contextlib import contextmanager
from operator import index
from typing import TYPE_CHECKING

from .backend.numpy import threads as kernels
from .optional import require

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["get_num_threads", "set_num_threads", "threads"]


def get_num_threads() -> int:
    """Return the number of threads that share a large operation on the CPU.

    Unless `set_num_threads` or `threads` changed it, it is the number of threads of NumPy's BLAS: all cores, or what
    the environment variable OPENBLAS_NUM_THREADS says.
    """
    return kernels.count()


def set_num_threads(number: int | None) -> None:
    """Set the number of threads that share a large operation on the CPU, for the whole process.

    Small operations stay in the calling thread. NumPy's own products, outside of minigan's operations, keep the number
    of threads that NumPy has.

    Args:
        number: The number of threads, at least 1, or None for as many as NumPy's BLAS has.

    Raises:
        TypeError: If `number` is not an integer.
        ValueError: If it is less than 1.
        ImportError: If it is more than 1 and threadpoolctl is not installed.

    Example:
        mg.set_num_threads(1)
    """
    kernels.chosen = _checked(number, "set_num_threads")


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Open a context with another number of threads; see `set_num_threads`.

    Args:
        number: The number of threads, at least 1, or None for the number outside of the context.

    Raises:
        TypeError: If `number` is not an integer.
        ValueError: If it is less than 1.
        ImportError: If it is more than 1 and threadpoolctl is not installed.

    Example:
        with mg.threads(1):
            loss, grads = gradients(real)
    """
    before = kernels.chosen
    kernels.chosen = _checked(number, "threads") or before
    try:
        yield
    finally:
        kernels.chosen = before


def _checked(number, name):
    if number is None:
        return None
    try:
        number = index(number)
    except TypeError as error:
        raise TypeError(f"{name}: the number of threads must be an integer, got {number!r}") from error
    if number < 1:
        raise ValueError(f"{name}: the number of threads must be at least 1, or None, got {number}")
    if number > 1 and not kernels.is_divisible():
        require("threadpoolctl", f"{name}({number})")
    return number
