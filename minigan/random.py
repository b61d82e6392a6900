"""Explicit, reproducible randomness. How bits become values is specified in `minigan.backend.random`."""

from .backend.random import Generator, as_generator, philox4x32

__all__ = ["Generator", "as_generator", "philox4x32"]
