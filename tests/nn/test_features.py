"""Layers that append features: minibatch standard deviation, Fourier features; bilinear layers."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops
from minigan.gan import penalties
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 3), (6, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("group", [None, 2, 3])
def test_minibatch_std_is_the_mean_deviation_of_the_group(shape, group):
    x, size = normal(shape), group or 6
    y = nn.MinibatchStd(group)(mg.tensor(x)).numpy()
    assert y.shape == (*shape[:-1], shape[-1] + 1)
    assert np.array_equal(y[..., :-1], x)
    for start in range(0, 6, size):
        expected = np.sqrt(x[start : start + size].var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(y[start : start + size, ..., -1], expected, rtol=1e-12)


def test_equal_samples_have_no_deviation_and_a_finite_gradient():
    x = mg.tensor(np.ones((4, 2, 2, 3)), requires_grad=True)
    y = nn.MinibatchStd()(x)
    assert np.abs(y.numpy()[..., -1] - 1e-4).max() < 1e-12  # the square root of eps
    (g,) = mg.grad((y * y).sum(), [x])
    assert np.isfinite(g.numpy()).all()


def test_minibatch_std_gradients():
    for group in (None, 2):
        mg.check.gradcheck(nn.MinibatchStd(group), [normal((4, 2, 1, 2))], order=2)


def test_minibatch_std_keeps_arrays_and_float32():
    x = normal((4, 3), dtype="float32")
    assert isinstance(nn.MinibatchStd()(x), np.ndarray)
    assert nn.MinibatchStd()(mg.tensor(x)).dtype == np.float32


@pytest.mark.parametrize(("shape", "group"), [((5, 3), 2), ((1, 3), None), ((2, 3), 4), ((4,), 2)])
def test_a_batch_that_cannot_be_grouped_is_refused(shape, group):
    with pytest.raises(ValueError, match=rf"has {shape[0]} samples, which cannot be divided into groups of"):
        nn.MinibatchStd(group)(np.ones(shape))


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match="a group needs at least 2 samples, got group=1"):
        nn.MinibatchStd(1)


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: lambda x: mg.checkpoint(f, x)], ids=["plain", "checkpoint"])
def test_a_penalty_refuses_minibatch_std(wrap):
    critic = nn.Sequential(
        std=nn.MinibatchStd(), flatten=nn.Flatten(), out=nn.Linear(12, 1, rng=Generator(0), dtype="float64")
    )
    real, fake = normal((4, 2, 2, 2)), normal((4, 2, 2, 2), 1)
    with pytest.raises(ValueError, match="couples the samples of a batch"):
        penalties.gradient_penalty(wrap(critic), real, fake, Generator(0))
    with pytest.raises(ValueError, match=r"penalty through a (minibatch_std|checkpoint) of shape"):
        penalties.r1(wrap(critic), real)


def test_fourier_features_by_hand():
    x = np.array([[0.25, -1.0], [0.5, 0.0]])
    layer = nn.FourierFeatures(2)
    y = layer(mg.tensor(x)).numpy()
    pi = np.pi
    expected = [x, np.sin(pi * x), np.sin(2 * pi * x), np.cos(pi * x), np.cos(2 * pi * x)]
    np.testing.assert_allclose(y, np.concatenate(expected, axis=1), atol=1e-15)
    assert layer.multiple == 5
    assert y.shape == (2, 2 * layer.multiple)


def test_fourier_features_of_images_and_their_gradients():
    layer = nn.FourierFeatures(3)
    assert layer(np.zeros((2, 4, 4, 3), "float32")).shape == (2, 4, 4, 21)
    assert layer(mg.tensor(np.zeros((2, 2), "float32"))).dtype == np.float32
    mg.check.gradcheck(layer, [normal((3, 2))], order=2)


def test_fourier_features_treat_each_sample_alone():
    critic = nn.Sequential(nn.FourierFeatures(2), nn.Linear(10, 1, rng=Generator(0), dtype="float64"))
    x, w = normal((4, 2)), critic[1].weight.data
    penalty = penalties.r1(critic, x)
    p = np.pi
    slopes = [np.ones_like(x)] + [f * p * g(f * p * x) for g in (np.cos, lambda t: -np.sin(t)) for f in (1, 2)]
    gradient = sum(s * w[2 * k : 2 * k + 2, 0] for k, s in enumerate(slopes))
    np.testing.assert_allclose(penalty.item(), 0.5 * (gradient**2).sum(1).mean(), rtol=1e-12)


def test_no_octave_is_refused():
    with pytest.raises(ValueError, match="octaves must be at least 1, got 0"):
        nn.FourierFeatures(0)


def test_bilinear_layers_are_the_operations():
    x = normal((2, 4, 6, 3))
    assert np.array_equal(nn.BilinearUp()(x), ops.resample.bilinear_up(x))
    assert np.array_equal(nn.BilinearDown()(x), ops.resample.bilinear_down(x))
    assert nn.Sequential(nn.BilinearUp(), nn.BilinearDown()).parameters() == []
