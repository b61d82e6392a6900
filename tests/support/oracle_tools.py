"""Derivatives of minigan functions for comparison with another engine's, and the comparison."""

import numpy as np

import minigan as mg


def constants(seed, shapes):
    """Cotangents or directions of these shapes, in float64."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 1.5, s) for s in shapes]


def value(f, arrays):
    return f(*[mg.tensor(a) for a in arrays]).numpy()


def derivatives(f, arrays, cotangent, directions):
    """Gradients of <cotangent, f>, then of <gradients, directions[0]>, ...: a list of arrays for each order."""
    tensors = [mg.tensor(a, requires_grad=True) for a in arrays]
    total, found = (f(*tensors) * cotangent).sum(), []
    for order in range(len(directions) + 1):
        gradients = mg.grad(total, tensors, create_graph=True, allow_unused=True)
        found.append([np.zeros_like(a) if g is None else g.numpy() for g, a in zip(gradients, arrays, strict=True)])
        if order < len(directions):
            total = total * 0.0
            for g, v in zip(gradients, directions[order], strict=True):
                total = total if g is None else total + (g * v).sum()
    return found


def disagreement(found, expected):
    """The largest difference, relative to the largest number (1 at least).

    Infinite where shapes or infinities differ.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected)
    difference[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0
    difference[np.isnan(difference)] = np.inf
    finite = np.abs(expected[np.isfinite(expected)])
    return difference.max(initial=0) / max(1.0, finite.max(initial=0))


def assert_close(found, expected, tolerance, what):
    error = disagreement(np.atleast_1d(found), np.atleast_1d(expected))
    assert error <= tolerance, f"{what}: {error:.2e} above {tolerance:.0e}\nfound    {found}\nexpected {expected}"


def torch_derivatives(f, arrays, cotangent, directions):
    """The same with PyTorch."""
    import torch

    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    total, found = (f(*tensors) * torch.tensor(cotangent)).sum(), []
    for order in range(len(directions) + 1):
        if total.requires_grad and tensors:
            gradients = torch.autograd.grad(total, tensors, create_graph=True, allow_unused=True)
        else:
            gradients = [None] * len(tensors)
        found.append(
            [np.zeros_like(a) if g is None else g.numpy(force=True) for g, a in zip(gradients, arrays, strict=True)]
        )
        if order < len(directions):
            total = total.detach() * 0
            for g, v in zip(gradients, directions[order], strict=True):
                total = total if g is None else total + (g * torch.tensor(v)).sum()
    return found


def compare_with_torch(ours, theirs, arrays, orders, tolerance=1e-10, what=""):
    """AssertionError unless both functions of the arrays agree in value and in their derivatives up to `orders`."""
    import torch

    expected = theirs(*[torch.tensor(a) for a in arrays]).numpy()
    assert_close(value(ours, arrays), expected, tolerance, f"{what}: value")
    (cotangent,) = constants(1, [expected.shape])
    directions = [constants(2 + k, [a.shape for a in arrays]) for k in range(orders - 1)]
    found = derivatives(ours, arrays, cotangent, directions)
    expected = torch_derivatives(theirs, arrays, cotangent, directions)
    for order, (mine, other) in enumerate(zip(found, expected, strict=True), 1):
        for k, (a, b) in enumerate(zip(mine, other, strict=True)):
            assert_close(a, b, tolerance, f"{what}: order {order}, argument {k}")
