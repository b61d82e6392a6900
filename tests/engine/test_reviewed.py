"""Cases that a fresh pair of eyes found: each once gave a wrong number, or a confusing error, without a word."""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops


@pytest.mark.parametrize(
    "key",
    [
        ((0, 0, 1), slice(None)),
        ((0, 0, 1),),
        (range(-3, 3),),
        (slice(None), (0, 0)),
        ((0, 0), [1, 1]),
        ([True, False, True], [1, 1]),
    ],
    ids=repr,
)
def test_a_sequence_as_an_index_may_repeat_itself(key):
    x = mg.tensor(np.zeros((3, 4)), requires_grad=True)
    expected = np.zeros((3, 4))
    np.add.at(expected, key, np.ones(x[key].shape))
    assert (mg.grad(x[key].sum(), [x])[0].numpy() == expected).all()


def mixed_derivative(freeze_before, freeze_after):
    """d/dp d/dt tanh(p t), the parameter frozen before or after the forward and thawed before the second sweep."""
    p, t = mg.Parameter(np.array([1.5])), mg.tensor([0.7], requires_grad=True)
    p.requires_grad_(not freeze_before)
    y = ops.tanh(p * t)
    p.requires_grad_(not freeze_after)
    (g,) = mg.grad(y, [t], create_graph=True)
    p.requires_grad_(True)
    return mg.grad(g, [p], allow_unused=True)[0]


def test_history_is_that_of_the_forward_not_of_a_later_moment():
    s = 1 - np.tanh(1.5 * 0.7) ** 2
    truth = s - 2 * np.tanh(1.5 * 0.7) * s * 1.5 * 0.7
    assert mixed_derivative(False, False).item() == pytest.approx(truth, rel=1e-14)
    assert mixed_derivative(False, True).item() == pytest.approx(truth, rel=1e-14)
    assert mixed_derivative(True, False) is None


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copied_parameter_has_a_memory_of_its_own(duplicate):
    p, t = mg.Parameter(np.ones(2), "p"), mg.tensor([1.0, 2.0], requires_grad=True)
    twin = duplicate(p)
    twin.assign_([5.0, 5.0])
    assert (p.numpy() == 1).all()
    del twin
    y = p * t
    p.assign_([0.0, 0.0])
    with pytest.raises(RuntimeError, match=r"p .*changed after this forward"):
        mg.grad(y.sum(), [t])


def test_argnums_may_count_from_the_end():
    _, g = mg.value_and_grad(lambda a, b: (a * b).sum(), argnums=-1)(np.full(2, 3.0), np.ones(2))
    assert g.numpy().tolist() == [3, 3]


def test_layers_in_nested_lists_are_found():
    class Blocks(nn.Module):
        def __init__(self):
            self.blocks = [[nn.Linear(2, 2)], {"a": [nn.Linear(2, 2)]}]

    names = [name for name, _ in Blocks().named_parameters()]
    assert names == ["blocks.0.0.weight", "blocks.0.0.bias", "blocks.1.a.0.weight", "blocks.1.a.0.bias"]


def test_a_checkpoint_does_not_track_statistics_twice():
    x = mg.tensor(np.random.default_rng(0).normal(size=(5, 3)), requires_grad=True)
    plain, repeated = nn.BatchNorm(3, dtype="float64"), nn.BatchNorm(3, dtype="float64")
    expected = mg.grad((plain(x) ** 3).sum(), [x])[0]
    found = mg.grad((mg.checkpoint(repeated, x) ** 3).sum(), [x])[0]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert (plain.running_mean == repeated.running_mean).all()


def test_a_number_can_be_formatted():
    assert f"{mg.tensor(1 / 3):.3f}" == "0.333"
