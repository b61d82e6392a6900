"""The average of weights, gradient clipping, schedules."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import nn, optim
from minigan.backend.numpy import optim as numpy_optim
from minigan.random import Generator


def model(seed=0):
    rng = Generator(seed)
    return nn.Sequential(
        nn.Linear(2, 3, rng=rng, dtype="float64"), nn.BatchNorm(3, dtype="float64"), nn.Dropout(0.5, rng=rng.spawn())
    )


def fill(module, value):
    for p in module.parameters():
        p.assign_(np.full(p.shape, value))
    for _, buffer in module.named_buffers():
        buffer[...] = value


def test_ema_follows_its_recursion_for_parameters_and_buffers():
    net = model()
    fill(net, 0.0)
    ema, expected = optim.EMA(net, decay=0.6), 0.0
    for t in range(1, 15):
        fill(net, float(t))
        ema.update(net)
        decay = min(0.6, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * t
        for name, array in ema.module.state_dict().items():
            np.testing.assert_allclose(array, expected, rtol=1e-13, err_msg=name)
    assert set(ema.module.state_dict()) >= {"1.running_mean", "1.running_var"}


def test_the_half_life_is_the_number_of_updates_that_halve_the_past():
    net = model()
    ema = optim.EMA(net, half_life=3)
    assert abs(ema.decay - 0.5 ** (1 / 3)) < 1e-15
    ema.updates = 1000  # past the warm-up
    fill(ema.module, 1.0)
    fill(net, 0.0)
    for _ in range(3):
        ema.update(net)
    np.testing.assert_allclose(ema.module.state_dict()["0.weight"], 0.5, rtol=1e-12)


def test_ema_is_a_frozen_copy_in_evaluation_and_leaves_the_model_alone():
    net = model()
    before = {k: v.tobytes() for k, v in net.state_dict().items()}
    ema = optim.EMA(net, 0.9)
    assert not any(m.training for m in ema.module.modules())
    assert all(m.training for m in net.modules())
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in net.parameters())
    ema.update(net)
    assert {k: v.tobytes() for k, v in net.state_dict().items()} == before
    assert {k: v.tobytes() for k, v in ema.module.state_dict().items()} == before, "the average of equal things"


def test_ema_blocks_do_not_change_a_bit(monkeypatch):
    def average():
        net = model(0)
        ema = optim.EMA(net, 0.9)
        net.load_state_dict(model(1).state_dict())
        ema.update(net)
        return {k: v.tobytes() for k, v in ema.module.state_dict().items()}

    whole = average()
    monkeypatch.setattr(numpy_optim, "BLOCK", 2)
    assert average() == whole


def test_a_graph_through_the_average_knows_that_it_was_updated():
    net = model()
    ema = optim.EMA(net, 0.9)
    x = mg.tensor(np.ones((2, 2)), True)
    y = ema.module(x).sum()
    ema.update(net)
    with pytest.raises(RuntimeError, match="changed after this forward"):
        mg.grad(y, [x])


@pytest.mark.parametrize("arguments", [{}, {"decay": 0.9, "half_life": 3}])
def test_ema_takes_a_decay_or_a_half_life(arguments):
    with pytest.raises(ValueError, match="either decay or half_life"):
        optim.EMA(model(), **arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0"),
        ({"decay": -0.1}, "decay"),
        ({"half_life": -1}, "half_life must be at least 0"),
    ],
)
def test_ema_refuses_a_decay_that_is_none(arguments, match):
    with pytest.raises(ValueError, match=match):
        optim.EMA(model(), **arguments)


# --- clipping ----------------------------------------------------------------------------------------------


def test_clipping_scales_all_gradients_by_their_joint_norm():
    grads = [mg.tensor([[3.0, 0.0]]), None, np.array([0.0, 4.0])]
    clipped, norm = optim.clip_grad_norm(grads, 1.0)
    assert norm == 5.0
    np.testing.assert_allclose(clipped[0].numpy(), [[0.6, 0.0]], rtol=1e-15)
    assert clipped[1] is None
    np.testing.assert_allclose(clipped[2].numpy(), [0.0, 0.8], rtol=1e-15)


def test_clipping_leaves_short_gradients_as_they_are():
    grads = [np.array([3.0, 4.0])]
    clipped, norm = optim.clip_grad_norm(grads, 5.0)
    assert norm == 5.0
    assert clipped[0].numpy().tobytes() == grads[0].tobytes()
    clipped, norm = optim.clip_grad_norm([np.zeros(3)], 1.0)
    assert norm == 0.0
    assert not clipped[0].numpy().any()


def test_clipping_does_not_write_and_keeps_float32():
    grads = [np.broadcast_to(np.float32(2), (4,)), np.ones((2, 2), "float32")]
    clipped, norm = optim.clip_grad_norm(grads, 0.1)
    assert abs(norm - math.sqrt(20)) < 1e-6
    assert {g.dtype.name for g in clipped} == {"float32"}
    assert (grads[1] == 1).all()
    assert abs(math.sqrt(sum(float((g.numpy() ** 2).sum()) for g in clipped)) - 0.1) < 1e-7


# --- schedules ---------------------------------------------------------------------------------------------


def test_cosine():
    values = [optim.cosine(t, 8, 2.0, 1.0) for t in (0, 2, 4, 6, 8, 20)]
    expected = [2.0, 1.5 + math.sqrt(0.5) / 2, 1.5, 1.5 - math.sqrt(0.5) / 2, 1.0, 1.0]
    np.testing.assert_allclose(values, expected, rtol=1e-15)
    assert optim.cosine(0, 10) == 1.0
    assert abs(optim.cosine(10, 10)) < 1e-16


def test_linear():
    np.testing.assert_allclose([optim.linear(t, 8, 2.0, 1.0) for t in (0, 2, 8, 20)], [2.0, 1.75, 1.0, 1.0], rtol=1e-15)
    assert optim.linear(5, 10) == 0.5
