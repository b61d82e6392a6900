"""Generators and critics, one short file for each family."""

from . import conditional, dcgan, dense, residual, translation, vae

__all__ = ["conditional", "dcgan", "dense", "residual", "translation", "vae"]


def __dir__() -> list[str]:
    return sorted(__all__)
