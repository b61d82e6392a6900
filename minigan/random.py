"""Explicit, reproducible randomness. How bits become values is specified in `minigan.backend.random`."""

from .backend.random import Generator, philox4x32

__all__ = ["Generator", "philox4x32"]
