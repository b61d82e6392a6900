"""Generators and critics, one short file for each family."""

from . import conditional, dcgan, dense, residual, translation, vae
