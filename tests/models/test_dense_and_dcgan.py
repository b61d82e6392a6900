"""The models: shapes, counts, ranges, options, errors."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import models, nn
from minigan.random import Generator

# image shape: (smallest map, doublings)
SIZES = {
    (28, 28, 1): ((7, 7), 2),
    (8, 8, 3): ((4, 4), 1),
    (16, 16, 1): ((4, 4), 2),
    (32, 32, 3): ((4, 4), 3),
    (6, 6, 1): ((3, 3), 1),
    (12, 20, 2): ((3, 5), 2),
    (8, 24, 1): ((4, 12), 1),
    (64, 64, 1): ((4, 4), 4),
}


def noise(n, latent, dtype="float32"):
    return Generator(1).normal((n, latent), dtype)


def count(module):
    return sum(p.size for p in module.parameters())


# --- dcgan -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("refine", [True, False])
def test_dcgan_shapes(shape, refine):
    (height, breadth), doublings = SIZES[shape]
    generator = models.dcgan.generator(6, shape, width=2, kernel=3, refine=refine, rng=Generator(0))
    critic = models.dcgan.critic(shape, width=2, kernel=3, rng=Generator(0))
    images = generator(noise(3, 6))
    assert images.shape == (3, *shape)
    assert images.dtype == np.float32
    assert critic(images).shape == (3, 1)
    top = 2 ** (doublings - 1 + refine) * 2
    assert generator.shape.shape == (height, breadth, top)
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator) == doublings + refine
    assert sum(isinstance(layer, nn.Conv2d) for layer in critic) == doublings
    assert critic.out.weight.shape == (height * breadth * 2 ** (doublings - 1) * 2, 1)


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_dcgan_takes_any_kernel(kernel):
    generator = models.dcgan.generator(6, (8, 8, 1), width=2, kernel=kernel, rng=Generator(0))
    critic = models.dcgan.critic((8, 8, 1), width=2, kernel=kernel, rng=Generator(0))
    assert critic(generator(noise(2, 6))).shape == (2, 1)


def test_the_28x28_dcgan_is_that_of_the_tensorflow_tutorial():
    generator = models.dcgan.generator(rng=Generator(0))
    critic = models.dcgan.critic(rng=Generator(0))
    assert count(generator) == 100 * 12544 + 2 * 256 + 25 * 256 * 128 + 2 * 128 + 25 * 128 * 64 + 2 * 64 + 25 * 64 * 1
    assert count(critic) == 25 * 64 + 64 + 25 * 64 * 128 + 128 + 7 * 7 * 128 + 1
    # fmt: off
    assert [(p.name, p.shape) for p in generator.parameters()] == [
        ("generator.dense.weight", (100, 12544)),
        ("generator.norm0.gamma", (256,)), ("generator.norm0.beta", (256,)),
        ("generator.conv1.weight", (5, 5, 128, 256)),
        ("generator.norm1.gamma", (128,)), ("generator.norm1.beta", (128,)),
        ("generator.conv2.weight", (5, 5, 64, 128)),
        ("generator.norm2.gamma", (64,)), ("generator.norm2.beta", (64,)),
        ("generator.conv3.weight", (5, 5, 1, 64)),
    ]
    # fmt: on
    assert generator(noise(1, 100)).shape == (1, 28, 28, 1)


def test_dcgan_weights_start_as_radford_says_and_batch_norm_as_the_identity():
    generator = models.dcgan.generator(rng=Generator(0))
    for name, p in generator.named_parameters():
        if "norm" in name:
            assert (p.data == (1 if name.endswith("gamma") else 0)).all()
        else:
            z = (p.data.astype("float64").var() / 0.02**2 - 1) / math.sqrt(2 / p.size)
            assert abs(z) < 4, name


def test_another_initialiser_and_slope_are_passed_on():
    zeros = models.dcgan.generator(
        4, (8, 8, 1), 2, init=lambda rng, shape, i, o: np.zeros(shape), slope=0.3, rng=Generator(0)
    )
    assert not zeros.conv2.weight.data.any()
    assert zeros.act1.options["slope"] == 0.3
    assert models.dcgan.critic((8, 8, 1), 2, slope=0.1, rng=Generator(0)).act1.options["slope"] == 0.1


def test_critic_options():
    critic = models.dcgan.critic((16, 16, 1), 2, dropout=0.3, batch_norm=True, rng=Generator(0))
    kinds = {name: type(layer).__name__ for name, layer in critic.named_children()}
    assert kinds["norm2"] == "BatchNorm"
    assert "norm1" not in kinds
    assert (kinds["drop1"], kinds["drop2"]) == ("Dropout", "Dropout")
    assert critic.conv1.bias is not None
    assert critic.conv2.bias is None, "a bias before batch norm has no effect and no gradient"
    masks = critic.drop1.rng, critic.drop2.rng
    assert masks[0].state != masks[1].state
    plain = models.dcgan.critic((16, 16, 1), 2, rng=Generator(0))
    assert not any(isinstance(layer, nn.BatchNorm | nn.Dropout) for layer in plain)
    assert models.dcgan.critic((8, 8, 1), 2, outputs=4, rng=Generator(0))(np.zeros((3, 8, 8, 1), "float32")).shape == (
        3,
        4,
    )


@pytest.mark.parametrize("shape", [(7, 7, 1), (8, 7, 1), (4, 4, 1), (2, 2, 1)])
def test_sides_that_cannot_be_halved_are_refused(shape):
    for make in (models.dcgan.critic, lambda image_shape: models.dcgan.generator(4, image_shape)):
        with pytest.raises(ValueError, match=f"images of {shape[0]} x {shape[1]} cannot be halved"):
            make(image_shape=shape)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 0), (1, 28, 28, 1)])
def test_an_image_shape_has_three_positive_entries(shape):
    with pytest.raises(ValueError, match=r"image_shape must be \(H, W, C\)"):
        models.dcgan.critic(shape)


# --- dense -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (5, 3), (28, 28, 1)], ids=str)
@pytest.mark.parametrize("depth", [1, 3])
def test_dense_shapes_and_counts(shape, depth):
    size = math.prod(shape)
    generator = models.dense.generator(6, shape, width=8, depth=depth, output="linear", rng=Generator(0))
    critic = models.dense.critic(shape, width=8, depth=depth, rng=Generator(0))
    x = generator(noise(4, 6))
    assert x.shape == (4, *shape)
    assert critic(x).shape == (4, 1)
    hidden = (depth - 1) * (8 * 8 + 8)
    assert count(generator) == 6 * 8 + 8 + hidden + 8 * size + size
    assert count(critic) == size * 8 + 8 + hidden + 8 + 1
    assert generator.parameters()[0].name == "generator.dense1.weight"
    assert critic.parameters()[-1].name == "critic.out.bias"


def test_dense_by_hand():
    critic = models.dense.critic((2, 2), width=3, depth=2, slope=0.1, rng=Generator(0), dtype="float64")
    x = Generator(2).normal((5, 2, 2), "float64")
    h = x.reshape(5, 4)
    for layer in (critic.dense1, critic.dense2):
        h = h @ layer.weight.data + layer.bias.data
        h = np.where(h > 0, h, 0.1 * h)
    np.testing.assert_allclose(critic(x).numpy(), h @ critic.out.weight.data + critic.out.bias.data, rtol=1e-12)


def test_a_dense_model_needs_a_hidden_layer():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        models.dense.generator(depth=0)


# --- both --------------------------------------------------------------------------------------------------

RANGES = {"tanh": (-1, 1), "sigmoid": (0, 1)}


def generators(**options):
    yield models.dense.generator(6, (8, 8, 1), rng=Generator(0), **options)
    yield models.dcgan.generator(6, (8, 8, 1), 2, init=nn.init.he, rng=Generator(0), **options)


@pytest.mark.parametrize("output", RANGES)
def test_the_output_has_the_range_of_its_activation(output):
    low, high = RANGES[output]
    for generator in generators(output=output):
        x = generator(10 * noise(50, 6)).numpy()
        assert low <= x.min() < low + 0.3
        assert high - 0.3 < x.max() <= high


def test_a_linear_output_has_none():
    for linear, bounded in zip(generators(output="linear"), generators(), strict=True):
        x = linear(10 * noise(50, 6)).numpy()
        assert np.abs(x).max() > 1
        np.testing.assert_allclose(bounded(10 * noise(50, 6)).numpy(), np.tanh(x), rtol=1e-5, atol=1e-6)


def test_an_unknown_output_is_refused_with_what_is_known():
    for module in (models.dense, models.dcgan):
        with pytest.raises(ValueError, match="output must be one of tanh, sigmoid, linear, got 'relu'"):
            module.generator(output="relu")


def critics(**options):
    yield models.dense.critic((8, 8, 1), rng=Generator(0), **options)
    yield models.dcgan.critic((8, 8, 1), 2, rng=Generator(0), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(dtype):
    for generator, critic in zip(generators(dtype=dtype), critics(dtype=dtype), strict=True):
        arrays = [*generator.state_dict().values(), *critic.state_dict().values()]
        assert {a.dtype.name for a in arrays} == {dtype}
        x = generator(noise(2, 6, dtype))
        y = critic(x)
        assert (x.dtype, y.dtype) == (np.dtype(dtype), np.dtype(dtype))
        grads = mg.grad(y.sum(), critic.parameters() + generator.parameters())
        assert {g.dtype.name for g in grads} == {dtype}


def test_a_precision_that_does_not_fit_is_refused_not_converted():
    for critic in critics():
        with pytest.raises(TypeError, match="mixed dtypes float32, float64"):
            critic(np.zeros((2, 8, 8, 1)))


def test_the_seed_decides_the_weights():
    for make in (generators, critics):
        for first, second in zip(make(), make(), strict=True):
            a, b = first.state_dict(), second.state_dict()
            assert all(a[k].tobytes() == b[k].tobytes() for k in a)


def test_the_critic_of_the_zoo_treats_each_sample_alone():
    x = Generator(3).normal((4, 8, 8, 1))
    for critic in critics():
        alone = np.concatenate([critic(x[i : i + 1]).numpy() for i in range(4)])
        np.testing.assert_allclose(critic(x).numpy(), alone, rtol=1e-4, atol=1e-5)


# --- conditional -------------------------------------------------------------------------------------------


def test_one_hot():
    np.testing.assert_array_equal(models.conditional.one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    for labels in ([3], [-1], [[0]], [0.0]):
        with pytest.raises(ValueError, match=r"labels must be integers \(N,\) in \[0, 3\)"):
            models.conditional.one_hot(labels, 3)


def test_a_labelled_generator_sees_the_noise_then_the_label():
    body = models.dense.generator(4 + 3, (2,), width=5, rng=Generator(0))
    generator = models.conditional.LabelledGenerator(body, 3)
    z, labels = noise(2, 4), np.array([2, 0])
    expected = body(np.concatenate([z, np.eye(3, dtype="float32")[labels]], axis=1))
    assert np.array_equal(generator(mg.tensor(z), labels).numpy(), expected.numpy())
    assert generator.parameters()[0].name == "generator.body.dense1.weight"


def test_a_projection_critic_adds_the_score_of_the_class():
    scores = models.dcgan.critic((8, 8, 1), 2, outputs=1 + 3, rng=Generator(0))
    critic = models.conditional.ProjectionCritic(scores, 3)
    x, labels = mg.tensor(Generator(1).normal((4, 8, 8, 1))), np.array([0, 2, 1, 2])
    s = scores(x).numpy()
    np.testing.assert_allclose(critic(x, labels).numpy()[:, 0], s[:, 0] + s[np.arange(4), 1 + labels], rtol=1e-6)
