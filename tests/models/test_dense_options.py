"""Options of the dense networks for points in the plane: ReLU, batch norm, Fourier features."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import penalties
from minigan.models import dense
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def names(module):
    return [name for name, _ in module.named_children()]


def test_points_in_the_plane_have_rank_2():
    generator = dense.generator(4, (2,), 8, 3, slope=0, output="linear", rng=Generator(0))
    critic = dense.critic((2,), 8, 3, octaves=2, rng=Generator(0))
    x = generator(normal((5, 4), dtype="float32"))
    assert x.shape == (5, 2)
    assert critic(x).shape == (5, 1)


def test_slope_0_is_relu():
    for module in (dense.generator(slope=0, rng=Generator(0)), dense.critic(slope=0, rng=Generator(0))):
        assert type(module.act1) is type(module.act2) is nn.ReLU
    assert type(dense.generator(rng=Generator(0)).act1) is nn.LeakyReLU


def test_batch_norm_stands_before_each_activation_and_takes_the_place_of_the_bias():
    for make, inputs in ((dense.generator, (6, 4)), (dense.critic, (6, 3))):
        options = {"image_shape": (3,), "width": 5, "batch_norm": True, "rng": Generator(0), "dtype": "float64"}
        module = make(**options, **({"latent": 4, "output": "linear"} if make is dense.generator else {}))
        hidden = [n for n in names(module) if n not in ("flatten", "shape", "out")]
        assert hidden == ["dense1", "norm1", "act1", "dense2", "norm2", "act2"]
        assert module.dense1.bias is None
        assert module.out.bias is not None
        h = normal(inputs)
        for k in (1, 2):
            h = h @ getattr(module, f"dense{k}").weight.data
            h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
            h = np.where(h > 0, h, 0.2 * h)
        expected = h @ module.out.weight.data
        np.testing.assert_allclose(module(normal(inputs)).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_fourier_features_come_first_and_count_as_inputs():
    critic = dense.critic((2,), 5, octaves=2, rng=Generator(0), dtype="float64")
    assert names(critic)[:3] == ["flatten", "fourier", "dense1"]
    assert critic.dense1.weight.shape == (10, 5)
    deviation = critic.dense1.weight.data.std()
    assert 0.25 < deviation < 0.65, "He's deviation for 10 inputs is 0.447"
    x = normal((4, 2))
    parts = [x, *[g(f * np.pi * x) for g in (np.sin, np.cos) for f in (1, 2)]]
    plain = dense.critic((10,), 5, rng=Generator(0), dtype="float64")
    np.testing.assert_allclose(critic(x).numpy(), plain(np.concatenate(parts, axis=1)).numpy(), rtol=1e-10)
    assert "fourier" not in names(dense.critic((2,), rng=Generator(0)))
    mg.check.gradcheck(lambda x, *_: critic(x), [x, *critic.parameters()], order=2, mode="fast")


def test_a_penalty_takes_fourier_features_and_refuses_batch_norm():
    x = normal((6, 2))
    assert penalties.r1(dense.critic((2,), 5, octaves=2, rng=Generator(0), dtype="float64"), x).item() > 0
    with pytest.raises(ValueError, match=r"layer 'critic\.norm[12]' \(batch_norm\)"):
        penalties.r1(dense.critic((2,), 5, batch_norm=True, rng=Generator(0), dtype="float64"), x)


def test_the_options_leave_the_plain_networks_as_they_were():
    """Names, order and draws: a checkpoint of before fits."""
    state = dense.critic((2, 2), 3, rng=Generator(0)).state_dict()
    assert list(state) == ["dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias", "out.weight", "out.bias"]
    rng = Generator(0)
    first, second = nn.init.he(rng, (4, 3), 4, 3), nn.init.he(rng, (3, 3), 3, 3)
    assert np.array_equal(state["dense1.weight"], first.astype("float32"))
    assert np.array_equal(state["dense2.weight"], second.astype("float32"))
