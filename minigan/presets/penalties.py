"""Penalties under the names that `--penalty` takes."""

from __future__ import annotations

from collections.abc import Callable

from ..gan import penalties
from ..tensor import Tensor

__all__ = ["PENALTIES"]

PENALTIES: dict[str, Callable[..., Tensor]] = {
    "gradient_penalty": penalties.gradient_penalty,
    "zero_centered": penalties.zero_centered,
    "r1": lambda critic, real, fake, rng: penalties.r1(critic, real),
    "r1_r2": lambda critic, real, fake, rng: penalties.r1_r2(critic, real, fake),
    "dragan": lambda critic, real, fake, rng: penalties.dragan(critic, real, rng),
}
"""Each is called as penalty(critic, real, fake, rng); rng draws the points at which some penalties are computed."""
