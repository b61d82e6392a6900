"""Optimizers, schedules and clipping against PyTorch's, in float64."""

import numpy as np
import pytest

import minigan as mg
from minigan import optim
from minigan.random import Generator

torch = pytest.importorskip("torch")

STEPS = 20
SHAPES = [(4, 3), (7,), (2, 2, 3, 1)]

# fmt: off
KINDS = {
    "sgd": (lambda p: optim.SGD(p, 0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": (lambda p: optim.SGD(p, 0.05, momentum=0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "adam": (lambda p: optim.Adam(p), lambda p: torch.optim.Adam(p)),
    "adam gan": (
        lambda p: optim.Adam(p, 2e-2, (0.0, 0.9), 1e-4),
        lambda p: torch.optim.Adam(p, 2e-2, (0.0, 0.9), 1e-4),
    ),
    "rmsprop": (lambda p: optim.RMSprop(p), lambda p: torch.optim.RMSprop(p)),
    "rmsprop wgan": (lambda p: optim.RMSprop(p, 5e-2, 0.9, 1e-3), lambda p: torch.optim.RMSprop(p, 5e-2, 0.9, 1e-3)),
}
# fmt: on


def values(seed):
    return [Generator(seed).spawn(k + 1)[k].normal(shape, "float64") for k, shape in enumerate(SHAPES)]


def compare(kind, gradients, learning_rate=None):
    """Both optimizers over STEPS steps from equal weights; gradients(t) may hold None."""
    ours = [mg.Parameter(a) for a in values(0)]
    theirs = [torch.tensor(a, requires_grad=True) for a in values(0)]
    make, make_torch = KINDS[kind]
    opt, opt_torch = make(ours), make_torch(theirs)
    for t in range(STEPS):
        grads = gradients(t, [p.data for p in ours])
        if learning_rate:
            opt.lr = opt_torch.param_groups[0]["lr"] = learning_rate(t)
        for p, g in zip(theirs, grads, strict=True):
            p.grad = None if g is None else torch.tensor(g)
        opt.step(grads)
        opt_torch.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-12)
    assert all(np.abs(p.data - a).max() > 1e-3 for p, a in zip(ours, values(0), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_with_random_gradients(kind):
    compare(kind, lambda t, _: values(t + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_on_a_function(kind):
    """Gradients that depend on the weights, so that an error feeds itself."""
    compare(kind, lambda t, weights: [np.sin(3 * w) + 0.1 * w for w in weights])


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_without_a_gradient_at_some_steps(kind):
    compare(kind, lambda t, _: [g if (t + k) % 3 else None for k, g in enumerate(values(t + 1))])


@pytest.mark.parametrize("kind", KINDS)
def test_a_changing_learning_rate(kind):
    compare(kind, lambda t, _: values(t + 1), lambda t: optim.cosine(t, 10, 0.05, 0.001))


def test_cosine_is_the_closed_form_of_cosine_annealing():
    p = torch.zeros(1, requires_grad=True)
    opt = torch.optim.SGD([p], 0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12, eta_min=0.02)
    for t in range(13):
        assert abs(optim.cosine(t, 12, 0.3, 0.02) - opt.param_groups[0]["lr"]) < 1e-12
        opt.step()
        schedule.step()


def test_linear_is_linear_lr():
    p = torch.zeros(1, requires_grad=True)
    opt = torch.optim.SGD([p], 2.0)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.25, total_iters=8)
    for t in range(12):
        assert abs(optim.linear(t, 8, 2.0, 0.5) - opt.param_groups[0]["lr"]) < 1e-12
        opt.step()
        schedule.step()


@pytest.mark.parametrize("limit", [0.5, 1000.0])
def test_gradient_clipping(limit):
    theirs = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
    for p, g in zip(theirs, values(3), strict=True):
        p.grad = torch.tensor(g)
    norm_torch = torch.nn.utils.clip_grad_norm_(theirs, limit).item()
    clipped, norm = optim.clip_grad_norm(values(3), limit)
    assert abs(norm - norm_torch) < 1e-12
    for g, p in zip(clipped, theirs, strict=True):  # PyTorch divides by norm + 1e-6
        np.testing.assert_allclose(g.numpy(), p.grad.numpy(), rtol=1e-6)
