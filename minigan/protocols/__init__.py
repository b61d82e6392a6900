"""Published evaluation protocols, run with the library's own parts and printed beside the published numbers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..suggest import among

if TYPE_CHECKING:
    from ..scale.protocol import Protocol

__all__ = ["NAMES", "load"]

NAMES = {
    "dirac": "which methods converge on the Dirac-GAN (Mescheder et al. 2018), with all digits",
    "ring": "mode coverage on 8 Gaussians (PacGAN)",
    "grid": "mode coverage on 25 Gaussians (PacGAN)",
    "same-harness": "nine methods on ring and grid, all else equal",
    "official-toys": "the three toys of WGAN-GP at their official settings",
    "digits": "8x8 digits, judged by a classifier and compared with unseen digits",
    "mnist": "the same for MNIST, from $MINIGAN_DATA",
    "stacked-mnist": "the 1,000 modes of stacked MNIST, from $MINIGAN_DATA",
}
_MODULES = {"ring": "mixtures", "grid": "mixtures", "same-harness": "mixtures", "official-toys": "toys"}


def load(name: str) -> tuple[Protocol, ...]:
    """Return the `Protocol`s with a name; most names stand for one, some for several.

    Args:
        name: One of `NAMES`.

    Raises:
        ValueError: If there is no such protocol; the message suggests the most similar name.
    """
    if name not in NAMES:
        raise ValueError(f"unknown protocol {name!r}{among(name, NAMES)}")
    found = getattr(import_module(f".{_MODULES.get(name, 'digits')}", __name__), name.replace("-", "_"))
    return found if isinstance(found, tuple) else (found,)
