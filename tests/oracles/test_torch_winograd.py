"""A network whose convolutions all go by Winograd's algorithm, in float32, against PyTorch in float64.

Smooth activations: a leaky ReLU's kink would turn a rounding error into another gradient.
"""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.backend.numpy import winograd as numpy_winograd

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install minigan[peers]")
F = torch.nn.functional

SHAPES = {"up": (5, 5, 64, 128), "down": (5, 5, 64, 128), "refine": (3, 3, 128, 128)}  # kH, kW, image side, other side


def arrays():
    rng = np.random.default_rng(0)
    w = {name: rng.normal(0, np.prod(shape[:3]) ** -0.5, shape) for name, shape in SHAPES.items()}
    return rng.normal(size=(16, 7, 7, 128)), *w.values()


def ours(z, up, down, refine):
    """A generator's layer of stride 2, then a critic's two; and a gradient penalty on what lies between."""
    image = ops.tanh(ops.conv_transpose2d(z, up, stride=2, padding="same"))
    features = ops.tanh(ops.conv2d(image, down, stride=2, padding="same"))
    score = ops.sin(ops.conv2d(features, refine, padding="same")).sum((1, 2, 3))
    (slope,) = mg.grad(score.sum(), [image], create_graph=True)
    return score.mean() + ((slope * slope).sum((1, 2, 3)) - 1).mean()


def theirs(z, up, down, refine):
    z = z.permute(0, 3, 1, 2)
    up, down, refine = (w.permute(3, 2, 0, 1) for w in (up, down, refine))
    image = torch.tanh(F.conv_transpose2d(z, up, stride=2, padding=1)[:, :, :14, :14])
    features = torch.tanh(F.conv2d(F.pad(image, (1, 2, 1, 2)), down, stride=2))
    score = torch.sin(F.conv2d(features, refine, padding=1)).sum((1, 2, 3))
    (slope,) = torch.autograd.grad(score.sum(), [image], create_graph=True)
    return score.mean() + ((slope * slope).sum((1, 2, 3)) - 1).mean()


def test_gradients_with_a_penalty_agree_to_float32(monkeypatch):
    used, suits = [], numpy_winograd.suits
    monkeypatch.setattr(numpy_winograd, "suits", lambda *a: used.append(suits(*a)) or used[-1])
    tensors = [mg.tensor(a.astype(np.float32), requires_grad=True) for a in arrays()]
    loss = ours(*tensors)
    gradients = mg.grad(loss, tensors)
    assert used.count(False) == 0
    assert len(used) >= 12

    expected = [torch.tensor(t.numpy(), dtype=torch.float64, requires_grad=True) for t in tensors]
    value = theirs(*expected)
    assert loss.item() == pytest.approx(value.item(), rel=1e-5)
    for found, right in zip(gradients, torch.autograd.grad(value, expected), strict=True):
        error = np.abs(found.numpy() - right.numpy()).max() / np.abs(right.numpy()).max()
        assert 1e-9 < error <= 1e-4  # it is float32
