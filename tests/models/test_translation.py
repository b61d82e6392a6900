"""U-Net and patch critic: shapes, skipped connections, receptive fields measured by touching one pixel."""

import numpy as np
import pytest

import minigan as mg
from minigan import gan, nn, optim
from minigan.gan import losses, penalties
from minigan.models import translation
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def make_positive(network):
    """Weights of one sign and active units, so that no influence is cancelled or cut."""
    for p in network.parameters():
        p.assign_(np.abs(p.data) + 0.01)
    return network


def measured(network, side, channels, positions):
    """The largest extent of input pixels that reach one output pixel, found from outside: touch a pixel, look."""
    flat = np.ones((1, side, side, channels))
    before = network(flat).numpy()
    reached = np.zeros((side, len(positions)), bool)
    for row in range(side):
        touched = flat.copy()
        touched[0, row, side // 2] += 1.0
        changed = (network(touched).numpy() != before).any(axis=(0, 2, 3))
        reached[row] = changed[positions]
    return max(np.ptp(np.nonzero(column)[0]) + 1 for column in reached.T)


@pytest.mark.parametrize(("depth", "published"), [(1, 16), (2, 34), (3, 70), (5, 286)])
def test_patches_have_the_published_sizes(depth, published):
    critic = translation.patch_critic(2, width=1, depth=depth, rng=Generator(0))
    assert translation.receptive_field(critic) == (published, published)


@pytest.mark.parametrize(("depth", "side"), [(1, 40), (2, 72)])
def test_the_patch_is_what_touching_pixels_shows(depth, side):
    critic = make_positive(translation.patch_critic(2, width=1, depth=depth, rng=Generator(0), dtype="float64"))
    size = translation.receptive_field(critic)[0]
    outputs = critic(np.ones((1, side, side, 2))).shape[1]
    assert measured(critic, side, 2, [outputs // 2]) == size


@pytest.mark.parametrize(("depth", "side"), [(1, 16), (2, 40), (3, 64)])
def test_what_a_pixel_of_the_unet_sees_is_what_touching_pixels_shows(depth, side):
    net = translation.unet(
        (side, side, 1), 1, width=1, depth=depth, batch_norm=False, output="linear", rng=Generator(0), dtype="float64"
    )
    middle = side // 2
    assert (
        measured(make_positive(net), side, 1, list(range(middle - 4, middle + 4)))
        == (translation.receptive_field(net)[0])
    )


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": (5, 3), "stride": (3, 1), "padding": "valid"},
        {"kernel_size": 3, "stride": 2, "padding": ((2, 0), (0, 1)), "dilation": 2},
        {"kernel_size": (4, 5), "stride": (4, 2), "padding": "same"},
    ],
    ids=["rectangle", "dilated", "same"],
)
def test_receptive_fields_of_other_convolutions(options, transposed):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    first = kind(1, 1, rng=Generator(0), dtype="float64", **options)
    second = nn.Conv2d(1, 1, 2, 1, "valid", rng=Generator(1), dtype="float64")
    compare_on_both_axes(nn.Sequential(first, second))


@pytest.mark.parametrize(("kernel", "padding"), [(3, ((1, 0), (0, 1))), (5, "same"), (5, "valid")], ids=str)
def test_padding_decides_which_phases_of_a_transposed_convolution_are_seen(kernel, padding):
    up = nn.ConvTranspose2d(1, 1, 3, 2, output_padding=1, rng=Generator(0), dtype="float64")
    down = nn.Conv2d(1, 1, kernel, 2, padding, rng=Generator(1), dtype="float64")
    compare_on_both_axes(nn.Sequential(up, down))


def compare_on_both_axes(net):
    make_positive(net)
    side = 48
    outputs = net(np.ones((1, side, side, 1))).shape[1:3]
    rows = measured(net, side, 1, list(range(outputs[0] // 2 - 3, outputs[0] // 2 + 4)))
    columns = measured(lambda x: turned(net(turned(x))), side, 1, list(range(outputs[1] // 2 - 3, outputs[1] // 2 + 4)))
    assert (rows, columns) == translation.receptive_field(net)


def turned(x):
    return mg.ops.transpose(mg.Tensor(x) if isinstance(x, np.ndarray) else x, 0, 2, 1, 3)


def test_a_network_without_convolutions_has_no_receptive_field():
    with pytest.raises(ValueError, match="the network has no convolution"):
        translation.receptive_field(nn.Linear(2, 2))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (16, 24, 2), (8, 8, 1)], ids=str)
def test_shapes(shape):
    net = translation.unet(shape, 5, width=2, rng=Generator(0))
    y = net(normal((2, *shape), dtype="float32"))
    assert y.shape == (2, *shape[:2], 5)
    assert y.dtype == np.float32
    assert np.abs(y.numpy()).max() <= 1
    assert net.parameters()[0].name == "generator.down.0.conv.weight"
    pairs = translation.pair(normal((2, *shape), dtype="float32"), y)
    assert pairs.shape == (2, *shape[:2], shape[2] + 5)
    logits = translation.patch_critic(shape[2] + 5, width=2, rng=Generator(0))(pairs)
    assert logits.shape == (2, shape[0] // 2 - 2, shape[1] // 2 - 2, 1)


def test_the_way_up_sees_each_map_of_the_way_down():
    net = translation.unet((16, 16, 1), 1, width=2, depth=3, batch_norm=False, output="linear", rng=Generator(0))
    assert [layer.conv.weight.shape for layer in net.up] == [(4, 4, 4, 8), (4, 4, 2, 8)]
    assert net.out.conv.weight.shape == (4, 4, 1, 4)
    x = normal((1, 16, 16, 1), dtype="float32")
    down = [net.down[0](x)]
    down += [net.down[1](down[0])]
    down += [net.down[2](down[1])]
    first = net.up[0](down[2])
    second = net.up[1](np.concatenate([first.numpy(), down[1].numpy()], axis=3))
    expected = net.out(np.concatenate([second.numpy(), down[0].numpy()], axis=3))
    assert np.array_equal(net(x).numpy(), expected.numpy())


def test_options_of_the_unet():
    layers = translation.unet((16, 16, 1), 3, width=2, depth=2, dropout=0.5, output="sigmoid", rng=Generator(0))
    kinds = [type(m).__name__ for m in layers.modules()]
    assert kinds.count("BatchNorm") == 2, "after every convolution but the first and the last"
    assert kinds.count("Dropout") == 1
    assert layers.down[0].conv.bias is not None
    assert layers.down[1].conv.bias is None
    x = normal((2, 16, 16, 1), dtype="float32")
    assert not np.array_equal(layers(x).numpy(), layers(x).numpy()), "dropout is the noise"
    layers.eval()
    y = layers(x).numpy()
    assert np.array_equal(layers(x).numpy(), y)
    assert 0 <= y.min() < 0.5 < y.max() <= 1


def test_gradients_of_both_networks():
    net = translation.unet((4, 4, 1), 1, width=1, depth=2, rng=Generator(0), dtype="float64")
    mg.check.gradcheck(lambda x, *_: net(x), [normal((2, 4, 4, 1)), *net.parameters()], order=2, mode="fast")
    critic = translation.patch_critic(1, width=1, rng=Generator(0), dtype="float64")
    mg.check.gradcheck(lambda x, *_: critic(x), [normal((1, 6, 6, 1)), *critic.parameters()], order=2, mode="fast")


def test_refusals():
    with pytest.raises(ValueError, match=r"images of \(12, 12, 1\) cannot be halved 3 times"):
        translation.unet((12, 12, 1), depth=3)
    with pytest.raises(ValueError, match="cannot be halved 0 times; depth must be at least 1"):
        translation.unet(depth=0)
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        translation.patch_critic(depth=0)
    critic = translation.patch_critic(2, width=1, depth=1, batch_norm=True, rng=Generator(0), dtype="float64")
    with pytest.raises(ValueError, match=r"layer 'critic\.norm2' \(batch_norm\)"):
        penalties.r1(critic, normal((2, 20, 20, 2)))


def test_a_game_of_pairs_plays():
    """The critic sees (x, y) and (x, G(x)): the ordinary game, with an ordinary penalty."""
    generator = translation.PairedGenerator(translation.unet((8, 8, 1), 2, width=2, rng=Generator(0)))
    critic = translation.patch_critic(3, width=2, rng=Generator(1))
    game = gan.Game(
        generator, critic, optim.SGD(generator.parameters(), 0.1), optim.SGD(critic.parameters(), 0.1),
        losses.non_saturating, penalty=lambda c, real, fake: penalties.r1(c, real),
    )  # fmt: skip
    x, y = normal((4, 8, 8, 1), dtype="float32"), normal((4, 8, 8, 2), 1, "float32")
    pairs = translation.pair(x, y)
    assert isinstance(pairs, np.ndarray)
    fake = generator(mg.tensor(x))
    assert np.array_equal(fake.numpy()[..., :1], x)
    np.testing.assert_allclose(fake.numpy()[..., 1:], generator.body(x).numpy(), rtol=1e-6)
    assert game.critic_step(pairs, x)["penalty"] > 0
    before = generator.body.out.conv.weight.data.copy()
    game.generator_step(x)
    assert not np.array_equal(generator.body.out.conv.weight.data, before)
