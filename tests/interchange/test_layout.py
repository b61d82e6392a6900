"""Weights in PyTorch's layout and back, without PyTorch."""

import numpy as np
import pytest
from players import players

import minigan as mg
from minigan import nn
from minigan.interchange import layout
from minigan.presets import PRESETS
from minigan.random import Generator


@pytest.mark.parametrize("name", PRESETS)
def test_there_and_back_is_the_same_to_the_bit(name):
    for network, shape in players(PRESETS[name].config):
        before, state = network.state_dict(), layout.state_dict(network, shape)
        assert sorted(a.size for n, a in state.items() if not n.endswith("._v")) == sorted(
            a.size for a in before.values()
        )
        for parameter in network.parameters():
            parameter.assign_(np.zeros(parameter.shape, parameter.dtype))
        layout.load_state_dict(network, state, shape)
        assert all(np.array_equal(before[key], value) for key, value in network.state_dict().items())


def test_a_dense_layer_before_an_image_has_its_rows_in_the_order_of_channels_first():
    network = mg.models.dcgan.generator(3, (8, 8, 2), 4, rng=Generator(0))
    here, there = network.dense.weight.data, layout.state_dict(network, (3,))["dense.weight"]
    height, width, channels = network.shape.shape
    assert np.array_equal(
        there.reshape(channels, height, width, 3), here.T.reshape(height, width, channels, 3).transpose(2, 0, 1, 3)
    )


def test_one_after_an_image_has_its_columns_so():
    network = mg.models.dcgan.critic((8, 12, 3), 4, rng=Generator(0))
    here, there = network.out.weight.data, layout.state_dict(network, (8, 12, 3))["out.weight"]
    assert np.array_equal(there.reshape(4, 4, 6), here.reshape(4, 6, 4).transpose(2, 0, 1))


def test_what_does_not_fit_is_named_and_changes_nothing():
    network = mg.models.dcgan.generator(3, (8, 8, 2), 4, rng=Generator(0))
    state, before = layout.state_dict(network, (3,)), network.state_dict()
    with pytest.raises(ValueError, match=r"missing \['conv1.weight'\]"):
        layout.load_state_dict(network, {k: v for k, v in state.items() if k != "conv1.weight"}, (3,))
    with pytest.raises(ValueError, match=r"unexpected \['more'\]"):
        layout.load_state_dict(network, state | {"more": np.ones(1)}, (3,))
    with pytest.raises(ValueError, match=r"dense.weight needs 128 along axis 0, got shape \(127, 3\)"):
        layout.load_state_dict(network, state | {"dense.weight": np.ones((127, 3), "float32")}, (3,))
    with pytest.raises(ValueError, match="gamma has shape"):
        layout.load_state_dict(network, state | {"norm0.weight": np.ones(3, "float32")}, (3,))
    assert all(np.array_equal(before[key], value) for key, value in network.state_dict().items())


def test_a_layer_without_a_counterpart_is_named():
    class Strange(nn.Module):
        pass

    with pytest.raises(TypeError, match="layer 'odd' \\(Strange\\) has no counterpart in PyTorch"):
        layout.state_dict(nn.Sequential(odd=Strange()), (2,))
    with pytest.raises(TypeError, match="Flatten first"):
        layout.state_dict(nn.Sequential(o=nn.Linear(3, 2)), (4, 4, 3))
