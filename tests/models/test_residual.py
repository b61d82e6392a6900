"""The residual networks: identity at the start, Fix-up scales, shapes, per-sample criticism, learning."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import gan, nn, optim
from minigan.gan import losses, penalties
from minigan.models import residual
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def blocks_of(module):
    return [layer for layer in module if isinstance(layer, residual.Block)]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_block_starts_as_the_identity(groups):
    x = normal((2, 5, 5, 4))
    block = residual.Block(4, 3, groups=groups, rng=Generator(0), dtype="float64")
    assert np.array_equal(block(x).numpy(), x)
    assert np.abs(block.conv2(block.act(block.conv1(x))).numpy()).max() > 0.1


def test_a_block_by_hand_and_its_gradients():
    block = residual.Block(2, 1, expansion=1, slope=0.3, rng=Generator(0), dtype="float64")
    for k, p in enumerate(block.parameters()):
        p.assign_(normal(p.shape, 10 + k) + 0.1)
    x = normal((1, 3, 3, 2), 5)

    def leaky(t):
        return np.where(t > 0, t, 0.3 * t)

    inside = leaky(x @ block.conv1.weight.data[0, 0] + block.conv1.bias.data)
    padded = np.pad(inside, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    middle = leaky(np.einsum("nhwcij,ijco->nhwo", windows, block.conv2.weight.data) + block.conv2.bias.data)
    np.testing.assert_allclose(block(x).numpy(), x + middle @ block.conv3.weight.data[0, 0], rtol=1e-12)
    mg.check.gradcheck(lambda x, *_: block(x), [x, *block.parameters()], order=2, mode="fast")


@pytest.mark.parametrize("make", [residual.generator, residual.critic])
def test_fixup_scales(make):
    """Last convolutions are 0, the others of a block have He's deviation times L^(-1/4), biases are 0."""
    network = make(image_shape=(16, 16, 3), width=32, blocks=2, groups=2, slope=0.2, rng=Generator(0))
    blocks = blocks_of(network)
    assert len(blocks) == 6
    for block in blocks:
        assert not block.conv3.weight.data.any()
        assert block.conv3.bias is None
        for conv in (block.conv1, block.conv2):
            assert not conv.bias.data.any()
            w = conv.weight.data.astype("float64")
            expected = math.sqrt(2 / (1 + 0.04) / math.prod(w.shape[:3])) * 6**-0.25
            assert abs(w.std() / expected - 1) < 4 / math.sqrt(2 * w.size)
            assert abs(w.mean()) < 4 * expected / math.sqrt(w.size)


@pytest.mark.parametrize(
    ("shape", "maps"), [((28, 28, 1), [7, 14, 28]), ((32, 32, 3), [4, 8, 16, 32]), ((12, 20, 2), [3, 6, 12])], ids=str
)
def test_shapes(shape, maps):
    generator = residual.generator(6, shape, width=2, blocks=1, rng=Generator(0))
    critic = residual.critic(shape, width=2, blocks=1, outputs=3, rng=Generator(0))
    z, sides = normal((2, 6), dtype="float32"), []
    x = z
    for layer in generator:
        x = layer(x)
        if isinstance(layer, residual.Block):
            sides.append(x.shape[1])
    assert sides == maps
    assert x.shape == (2, *shape)
    assert x.dtype == np.float32
    assert critic(x).shape == (2, 3)
    kinds = {type(m) for net in (generator, critic) for m in net.modules()}
    assert not kinds & {nn.BatchNorm, nn.LayerNorm}
    for net, kind in ((generator, nn.BilinearUp), (critic, nn.BilinearDown)):
        assert sum(isinstance(layer, kind) for layer in net) == len(maps) - 1
    assert len(blocks_of(critic)) == len(maps)
    assert generator.parameters()[0].name == "generator.dense.weight"
    assert critic.parameters()[0].name == "critic.in.weight"


def test_the_signal_neither_dies_nor_grows_at_the_start():
    for blocks in (1, 4):
        generator = residual.generator(64, (32, 32, 3), width=8, blocks=blocks, rng=Generator(0))
        x = generator(normal((32, 64), dtype="float32"))
        assert 0.3 < x.numpy().std() < 1.2
        critic = residual.critic((32, 32, 3), width=8, blocks=blocks, rng=Generator(1))
        assert 0.05 < critic(x).numpy().std() < 2


def test_the_seed_decides_the_weights_and_groups_divide_them():
    first, second = (residual.critic((8, 8, 1), 2, rng=Generator(4)).state_dict() for _ in range(2))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    grouped = residual.generator(4, (8, 8, 1), 2, groups=2, rng=Generator(0))
    plain = residual.generator(4, (8, 8, 1), 2, rng=Generator(0))
    assert blocks_of(plain)[0].conv2.weight.shape == (3, 3, 8, 8)
    assert blocks_of(grouped)[0].conv2.weight.shape == (3, 3, 4, 8)


def test_output_activations_and_refusals():
    x = residual.generator(4, (8, 8, 1), 2, output="tanh", rng=Generator(0))(50 * normal((9, 4), dtype="float32"))
    assert 0.9 < np.abs(x.numpy()).max() <= 1
    with pytest.raises(ValueError, match="blocks must be at least 1, got 0"):
        residual.generator(blocks=0)
    with pytest.raises(ValueError, match="cannot be halved"):
        residual.critic((7, 7, 1))


def test_the_critic_treats_each_sample_alone_and_takes_penalties_on_both_sides():
    critic = residual.critic((8, 8, 1), 2, rng=Generator(0), dtype="float64")
    for p in critic.parameters():
        p.assign_(p.data + 0.1 * normal(p.shape, 3))
    x = normal((3, 8, 8, 1))
    alone = np.concatenate([critic(x[k : k + 1]).numpy() for k in range(3)])
    np.testing.assert_allclose(critic(x).numpy(), alone, rtol=1e-10, atol=1e-12)
    per_sample = []
    for k in range(3):
        leaf = mg.tensor(x[k : k + 1], requires_grad=True)
        (g,) = mg.grad(critic(leaf).sum(), [leaf])
        per_sample.append((g.numpy() ** 2).sum())
    np.testing.assert_allclose(penalties.r1(critic, x).item(), 0.5 * np.mean(per_sample), rtol=1e-10)


def test_the_critic_learns_from_the_first_steps_though_its_blocks_start_as_nothing():
    critic = residual.critic((8, 8, 1), 4, rng=Generator(0))
    generator = residual.generator(4, (8, 8, 1), 4, rng=Generator(1))
    game = gan.Game(
        generator, critic, optim.Adam(generator.parameters(), 1e-3), optim.Adam(critic.parameters(), 3e-3, (0.0, 0.9)),
        losses.relativistic, penalty=lambda c, real, fake: 0.1 * (penalties.r1(c, real) + penalties.r2(c, fake)),
    )  # fmt: skip
    real = np.tile(np.linspace(-1, 1, 8, dtype="float32")[:, None], (16, 1, 8, 1)).reshape(16, 8, 8, 1)
    reports = [game.critic_step(real, normal((16, 4), k, "float32"))["critic_loss"] for k in range(30)]
    assert abs(reports[0] - math.log(2)) < 0.4
    assert reports[-1] < 0.3
    assert all(np.abs(block.conv3.weight.data).max() > 1e-3 for block in blocks_of(critic))
    before = generator.out.weight.data.copy()
    game.generator_step(normal((16, 4), 99, "float32"), real)
    assert not np.array_equal(generator.out.weight.data, before)
