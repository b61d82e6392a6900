"""Initialisers: their distribution by z-score at fixed seeds, fans, and reproducibility."""

import math

import numpy as np
import pytest

from minigan import nn
from minigan.random import Generator

N = 40_000
FAN_IN, FAN_OUT = 50, 200

# name: (variance, fourth central moment over variance squared)
NORMAL, UNIFORM = 3.0, 1.8
EXPECTED = {
    "dcgan": (0.02**2, NORMAL),
    "he": (2 / FAN_IN, NORMAL),
    "xavier": (6 / (FAN_IN + FAN_OUT) / 3, UNIFORM),
    "lecun_uniform": (1 / FAN_IN / 3, UNIFORM),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_mean_and_variance(name, seed):
    variance, kurtosis = EXPECTED[name]
    sample = getattr(nn.init, name)(Generator(seed), (N,), FAN_IN, FAN_OUT).astype("float64")
    assert abs(sample.mean() / math.sqrt(variance / N)) < 4
    assert abs((sample.var() / variance - 1) / math.sqrt((kurtosis - 1) / N)) < 4
    fourth = ((sample - sample.mean()) ** 4).mean() / sample.var() ** 2
    assert abs(fourth - kurtosis) < 0.15, "the wrong kind of distribution"


@pytest.mark.parametrize("name", ["xavier", "lecun_uniform"])
def test_a_uniform_initialiser_stays_within_its_bound_and_reaches_it(name):
    bound = math.sqrt(3 * EXPECTED[name][0])
    sample = getattr(nn.init, name)(Generator(0), (N,), FAN_IN, FAN_OUT)
    assert np.abs(sample).max() <= bound * (1 + 1e-6)
    assert np.abs(sample).max() > bound * 0.999


def recorded_fans(make):
    seen = []

    def spy(rng, shape, fan_in, fan_out):
        seen.append((shape, fan_in, fan_out))
        return np.zeros(shape)

    make(spy)
    return seen


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda i: nn.Linear(3, 5, init=i, rng=Generator(0)), ((3, 5), 3, 5)),
        (lambda i: nn.Conv2d(4, 6, (3, 5), init=i, rng=Generator(0)), ((3, 5, 4, 6), 60, 90)),
        (lambda i: nn.Conv2d(4, 6, 3, groups=2, init=i, rng=Generator(0)), ((3, 3, 2, 6), 18, 27)),
        (lambda i: nn.ConvTranspose2d(4, 6, 3, init=i, rng=Generator(0)), ((3, 3, 6, 4), 36, 54)),
        (lambda i: nn.ConvTranspose2d(4, 6, 3, groups=2, init=i, rng=Generator(0)), ((3, 3, 3, 4), 18, 27)),
    ],
)
def test_the_fans_that_each_layer_reports(make, expected):
    assert recorded_fans(make) == [expected]


def layers(rng):
    return nn.Sequential(
        nn.Linear(5, 4, rng=rng),
        nn.Conv2d(2, 3, 3, rng=rng),
        nn.ConvTranspose2d(2, 3, 3, rng=rng),
        nn.Embedding(4, 3, rng=rng),
        nn.spectral_norm(nn.Linear(3, 3, init=nn.init.he, rng=rng), rng=rng),
    )


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others():
    first, second, other = (layers(Generator(seed)).state_dict() for seed in (7, 7, 8))
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)
    assert not any(np.array_equal(first[k], other[k]) for k in first if not k.endswith("bias"))


def test_without_a_generator_two_layers_differ():
    assert not np.array_equal(nn.Linear(4, 4).weight.data, nn.Linear(4, 4).weight.data)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_dtype_asked_for(dtype):
    rng = Generator(0)
    made = [
        nn.Linear(2, 2, rng=rng, dtype=dtype),
        nn.Conv2d(2, 2, 1, rng=rng, dtype=dtype),
        nn.ConvTranspose2d(2, 2, 1, rng=rng, dtype=dtype),
        nn.BatchNorm(2, dtype=dtype),
        nn.LayerNorm(2, dtype=dtype),
        nn.Embedding(2, 2, rng=rng, dtype=dtype),
    ]
    assert all(a.dtype == dtype for layer in made for a in layer.state_dict().values())
    assert np.dtype(nn.Linear(2, 2, rng=rng).weight.dtype) == np.float32


def test_biases_start_at_zero_and_can_be_left_out():
    rng = Generator(0)
    for layer in (nn.Linear(2, 3, rng=rng), nn.Conv2d(2, 3, 1, rng=rng), nn.ConvTranspose2d(2, 3, 1, rng=rng)):
        assert layer.bias.shape == (3,)
        assert not layer.bias.data.any()
    for layer in (nn.Linear(2, 3, False, rng=rng), nn.Conv2d(2, 3, 1, bias=False, rng=rng)):
        assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_a_layer_needs_an_input_and_an_output():
    for make in (lambda: nn.Linear(0, 3), lambda: nn.Linear(3, 0), lambda: nn.Conv2d(0, 2, 3)):
        with pytest.raises(ValueError, match="at least one input and one output"):
            make()


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
def test_groups_must_divide_both_channel_counts(layer):
    with pytest.raises(ValueError, match="groups=2 must divide in_channels=4 and out_channels=3"):
        layer(4, 3, 3, groups=2)
