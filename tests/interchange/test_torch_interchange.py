"""PyTorch's own layers with our weights compute our outputs, for the networks of every preset."""

from collections import OrderedDict

import numpy as np
import pytest
from players import CLASSES, players

import minigan as mg
from minigan import nn
from minigan.interchange import layout
from minigan.presets import PRESETS
from minigan.random import Generator
from minigan.trainers import networks

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
from minigan.interchange import torch as interchange  # noqa: E402  (it imports PyTorch)


def in_float64(network):
    """Convert the parameters and buffers of a network to float64."""
    for module in network.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, mg.Parameter):
                setattr(module, name, mg.Parameter(value.data.astype(np.float64)))
            elif name in module.buffer_names:
                setattr(module, name, value.astype(np.float64))
    return network


def ours(network, x, labels):
    with mg.no_grad():
        return network(mg.Tensor(x), *labels).numpy()


def theirs(module, x, labels):
    x = np.moveaxis(x, -1, 1) if x.ndim == 4 else x
    with torch.no_grad():
        y = module(torch.tensor(x), *map(torch.tensor, labels)).numpy()
    return np.moveaxis(y, 1, -1) if y.ndim == 4 else y


def disagreement(network, shape, conditional=False, dtype="float32"):
    """Return the largest difference of both outputs relative to max(1, largest output), after a forward in training."""
    x = Generator(1).normal((4, *shape), dtype)
    labels = [Generator(2).integers(0, CLASSES, (4,))] if conditional else []
    ours(network.train(), x, labels)
    expected = ours(network.eval(), x, labels)
    return abs(theirs(interchange.module(network, shape), x, labels) - expected).max() / max(abs(expected).max(), 1)


@pytest.mark.parametrize("name", PRESETS)
def test_both_libraries_compute_the_same_for_the_networks_of_a_preset(name):
    config = PRESETS[name].config
    for network, shape in players(config):
        assert disagreement(network, shape, config.conditional) < 1e-5


@pytest.mark.parametrize("name", ["digits", "dcgan-bn", "sngan-conditional", "dense-conditional", "r3gan-small", "vae"])
def test_in_float64_they_agree_to_its_precision(name):
    config = PRESETS[name].config
    for network, shape in players(config):
        assert disagreement(in_float64(network), shape, config.conditional, "float64") < 1e-10


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (lambda rng: mg.models.dense.generator(7, (6, 4, 3), 16, batch_norm=True, rng=rng), (7,)),
        (lambda rng: mg.models.dense.discriminator((6, 4, 3), 16, octaves=2, rng=rng), (6, 4, 3)),
        (lambda rng: mg.models.dense.discriminator((6, 4, 3), 16, spectral=True, rng=rng), (6, 4, 3)),
        (lambda rng: mg.models.dcgan.generator(7, (24, 12, 3), 4, kernel=3, rng=rng), (7,)),
        (lambda rng: mg.models.dcgan.discriminator((24, 12, 3), 4, minibatch_std=True, rng=rng), (24, 12, 3)),
        (lambda rng: mg.gan.PackedCritic(mg.models.dcgan.discriminator((8, 12, 6), 4, rng=rng), 2), (8, 12, 3)),
        (lambda rng: networks.Through(mg.gan.Augment(rng=rng), mg.models.dense.discriminator((4, 4, 1), 8, rng=rng)),
         (4, 4, 1)),
        (lambda rng: nn.Sequential(c=nn.Conv2d(3, 4, 3, 2, ((0, 1), (2, 1)), 2, rng=rng), f=nn.Flatten(),
                                   n=nn.LayerNorm(36), o=nn.Linear(36, 2, rng=rng)), (9, 7, 3)),
        (lambda rng: nn.Sequential(u=nn.Upsample(2), n=nn.LayerNorm(4),
                                   t=nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), ((1, 0), (0, 0)), 1, groups=2, rng=rng)),
         (3, 5, 4)),
        (lambda rng: nn.Sequential(t=nn.ConvTranspose2d(4, 6, 5, 2, ((0, 2), (1, 3)), rng=rng)), (3, 5, 4)),
        (lambda rng: nn.Sequential(t=nn.ConvTranspose2d(4, 6, 1, 2, "same", rng=rng)), (3, 5, 4)),
    ],
)  # fmt: skip
def test_so_do_images_of_three_channels_odd_paddings_and_the_rarer_layers(network, shape):
    assert disagreement(network(Generator(0)), shape) < 1e-5


def test_a_file_goes_by_way_of_safetensors(tmp_path):
    from safetensors.torch import load_file

    generator = mg.models.dcgan.generator(8, (28, 28, 1), 4, rng=Generator(0))
    layout.save(tmp_path / "g.safetensors", generator, (8,))
    module = interchange.module(mg.models.dcgan.generator(8, (28, 28, 1), 4, rng=Generator(1)), (8,))
    module.load_state_dict(load_file(tmp_path / "g.safetensors"))
    again = mg.models.dcgan.generator(8, (28, 28, 1), 4, rng=Generator(2))
    layout.load(tmp_path / "g.safetensors", again, (8,))
    z = Generator(3).normal((2, 8))
    expected = ours(generator.eval(), z, [])
    assert np.array_equal(ours(again.eval(), z, []), expected)
    assert abs(theirs(module.eval(), z, []) - expected).max() < 1e-5


def test_weights_fit_a_network_that_somebody_wrote_in_pytorch():
    t = torch.nn
    written = t.Sequential(
        OrderedDict(
            dense=t.Linear(64, 7 * 7 * 32, bias=False),
            shape=t.Unflatten(1, (32, 7, 7)),
            norm0=t.BatchNorm2d(32),
            act0=t.LeakyReLU(0.2),
            conv1=t.ConvTranspose2d(32, 16, 4, 2, padding=1, bias=False),
            norm1=t.BatchNorm2d(16),
            act1=t.LeakyReLU(0.2),
            conv2=t.ConvTranspose2d(16, 1, 4, 2, padding=1, bias=False),
            tanh=t.Tanh(),
        )
    )  # as docs/interchange.md shows it
    generator = mg.models.dcgan.generator(64, (28, 28, 1), width=16, kernel=4, refine=False, rng=Generator(0)).eval()
    state = {name: torch.from_numpy(array) for name, array in layout.state_dict(generator, (64,)).items()}
    written.load_state_dict(state)
    z = Generator(1).normal((3, 64))
    assert abs(theirs(written.eval(), z, []) - ours(generator, z, [])).max() < 1e-5


def test_the_module_has_the_mode_of_the_network_and_leaves_pytorch_s_random_numbers_alone():
    network, before = mg.models.dense.generator(3, (2,), 4, rng=Generator(0)), torch.random.get_rng_state()
    assert interchange.module(network, (3,)).training
    assert not interchange.module(network.eval(), (3,)).training
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_way_back_from_a_module_is_the_same_to_the_bit():
    network = mg.models.dcgan.discriminator((28, 28, 1), 4, spectral=True, rng=Generator(0))
    module, other = (
        interchange.module(network, (28, 28, 1)),
        mg.models.dcgan.discriminator((28, 28, 1), 4, spectral=True),
    )
    interchange.load(other, module, (28, 28, 1))
    assert all(
        np.array_equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
