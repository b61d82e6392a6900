"""The generator of a run, ready to be exported to another library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..random import Generator
from ..trainers import load_data, networks, vae
from ..trainers.base import part_of
from ..trainers.translation import TranslationTrainer

if TYPE_CHECKING:
    from .. import nn
    from ..nn import Module
    from ..runs import Run
    from ..types import Shape

__all__ = ["generator"]


def __dir__() -> list[str]:
    return sorted(__all__)


def generator(run: Run) -> tuple[Module, Shape]:
    """Return the generator of a run's newest checkpoint, in evaluation mode, and the shape of one sample it takes.

    It is the network from which `minigan sample` draws: the averaged generator if the run has one, the decoder of a
    VAE with its last activation, or the U-Net of a translation, which takes images.

    Raises:
        RunError: If the run has no checkpoint that can be read.
    """
    _, config = run.read_config()
    arrays, state = run.load_checkpoint()
    if config.model == "unet":
        trainer = TranslationTrainer(replace(config, device="cpu"), load_data(config))
        trainer.generator.load_state_dict(part_of(arrays, "generator"))
        return trainer.generator.body.eval(), trainer.held_out[0].shape[1:]
    shape = tuple(state["shape"])
    network: nn.Module
    if config.model == "vae":
        network, part = vae.build(config, shape, Generator(0)), "vae"
    else:
        network, _ = networks.build(config, shape, state["classes"], Generator(0))
        part = "ema.module" if config.ema else "generator"
    network.load_state_dict(part_of(arrays, part))
    return network.eval(), (config.latent,)
