"""The generator of a run, as another library is to have it."""

from dataclasses import replace

from ..random import Generator
from ..trainers import load_data, networks, vae
from ..trainers.base import part_of
from ..trainers.translation import TranslationTrainer


def generator(run):
    """(network, shape of one sample that it takes) from the newest checkpoint of `run`, in evaluation mode.

    It is the network that `minigan sample` draws from: the averaged generator if there is one; of a VAE the decoder
    with its last activation; of a translation the U-Net, from images to images.
    """
    _, config = run.read_config()
    arrays, state = run.load_checkpoint()
    if config.model == "unet":
        trainer = TranslationTrainer(replace(config, device="cpu"), load_data(config))
        trainer.generator.load_state_dict(part_of(arrays, "generator"))
        return trainer.generator.body.eval(), trainer.held_out[0].shape[1:]
    shape = tuple(state["shape"])
    if config.model == "vae":
        network, part = vae.build(config, shape, Generator(0)), "vae"
    else:
        network, _ = networks.build(config, shape, state["classes"], Generator(0))
        part = "ema.module" if config.ema else "generator"
    network.load_state_dict(part_of(arrays, part))
    return network.eval(), (config.latent,)
