"""Parameters that are frozen, copied or nested in lists: each case once gave a wrong number without an error."""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops


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


def test_layers_in_nested_lists_are_found():
    class Blocks(nn.Module):
        def __init__(self):
            self.blocks = [[nn.Linear(2, 2)], {"a": [nn.Linear(2, 2)]}]

    names = [name for name, _ in Blocks().named_parameters()]
    assert names == ["blocks.0.0.weight", "blocks.0.0.bias", "blocks.1.a.0.weight", "blocks.1.a.0.bias"]
