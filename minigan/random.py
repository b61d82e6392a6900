"""Explicit, reproducible random numbers. The mapping of bits to values is specified in `minigan.backend.random`."""

from .backend.random import Generator, as_generator, philox4x32

__all__ = ["Generator", "as_generator", "philox4x32"]


def __dir__() -> list[str]:
    return __all__
