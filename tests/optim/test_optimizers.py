"""Optimizers against the formulas of their papers, one element at a time in Python's numbers."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import optim
from minigan.backend.numpy import optim as numpy_optim
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def sgd(g, lr=0.1):
    return [-lr * x for x in g]


def momentum(g, lr=0.1, mu=0.9):
    changes, b = [], 0.0
    for x in g:
        b = mu * b + x
        changes.append(-lr * b)
    return changes


def adam(g, lr=0.02, b1=0.5, b2=0.9, eps=1e-3):
    changes, m, v = [], 0.0, 0.0
    for t, x in enumerate(g, 1):
        m, v = b1 * m + (1 - b1) * x, b2 * v + (1 - b2) * x * x
        changes.append(-lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps))
    return changes


def rmsprop(g, lr=0.02, alpha=0.9, eps=1e-3):
    changes, v = [], 0.0
    for x in g:
        v = alpha * v + (1 - alpha) * x * x
        changes.append(-lr * x / (math.sqrt(v) + eps))
    return changes


KINDS = {
    "sgd": (lambda p: optim.SGD(p, 0.1), sgd),
    "momentum": (lambda p: optim.SGD(p, 0.1, momentum=0.9), momentum),
    "adam": (lambda p: optim.Adam(p, 0.02, (0.5, 0.9), 1e-3), adam),
    "rmsprop": (lambda p: optim.RMSprop(p, 0.02, 0.9, 1e-3), rmsprop),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
SHAPES = [(3, 2), (), (5,), (2, 1, 2)]


def parameters(dtype="float64", seed=0):
    return [mg.Parameter(normal(shape, seed + k, dtype), f"p{k}") for k, shape in enumerate(SHAPES)]


def gradients(step, dtype="float64"):
    return [normal(shape, 100 * step + k + 7, dtype) for k, shape in enumerate(SHAPES)]


def bits(ps):
    return [p.data.tobytes() for p in ps]


@every_kind
def test_twenty_steps_follow_the_formula(kind):
    make, formula = KINDS[kind]
    ps = parameters()
    start = [p.data.copy() for p in ps]
    opt = make(ps)
    for t in range(20):
        opt.step(gradients(t))
    for k, p in enumerate(ps):
        for index in np.ndindex(p.shape):
            expected = start[k][index] + sum(formula([float(gradients(t)[k][index]) for t in range(20)]))
            assert abs(p.data[index] - expected) < 1e-12


def test_adam_moves_by_lr_at_the_first_step_whatever_the_gradient():
    p = mg.Parameter(np.zeros(4))
    optim.Adam([p], 0.01).step([np.array([1e-3, -5.0, 2e4, -1e-2])])
    np.testing.assert_allclose(p.data, [-0.01, 0.01, -0.01, 0.01], rtol=1e-4)


def test_defaults_are_those_of_the_papers():
    p = mg.Parameter(np.zeros(1))
    adam = optim.Adam([p])
    assert (adam.lr, adam.betas, adam.eps) == (1e-3, (0.9, 0.999), 1e-8)
    rms = optim.RMSprop([p])
    assert (rms.lr, rms.alpha, rms.eps) == (1e-2, 0.99, 1e-8)


@every_kind
def test_the_learning_rate_may_change_between_steps(kind):
    make, _ = KINDS[kind]
    p, q = mg.Parameter(np.ones(3)), mg.Parameter(np.ones(3))
    whole, half = make([p]), make([q])
    half.lr = whole.lr / 2
    whole.step([np.arange(1.0, 4.0)])
    half.step([np.arange(1.0, 4.0)])
    np.testing.assert_allclose(p.data - 1, 2 * (q.data - 1), rtol=1e-12)


# --- memory ------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("block", [1, 7, 64, 100])
def test_blocks_do_not_change_a_bit(kind, block, monkeypatch):
    """100 elements in blocks that divide them or not."""

    def train():
        ps = [mg.Parameter(normal((10, 10), 1, "float32")), mg.Parameter(normal((3,), 2, "float32"))]
        opt = KINDS[kind][0](ps)
        for t in range(4):
            opt.step([normal((10, 10), 10 + t, "float32"), normal((3,), 20 + t, "float32")])
        return bits(ps), {k: v.tobytes() for k, v in opt.state_dict().items()}

    whole = train()
    monkeypatch.setattr(numpy_optim, "BLOCK", block)
    assert train() == whole


@every_kind
def test_a_parameter_larger_than_a_block_is_updated_to_its_end(kind):
    n = 2 * numpy_optim.BLOCK + 5
    p = mg.Parameter(np.zeros(n))
    KINDS[kind][0]([p]).step([np.ones(n)])
    assert p.data[0] != 0
    assert (p.data == p.data[0]).all()


@every_kind
def test_neither_layout_nor_stride_matters(kind):
    """A parameter in Fortran order, a parameter that is a strided view, gradients transposed or broadcast."""
    make, _ = KINDS[kind]
    value, big = normal((4, 6)), normal((8, 12))
    layouts = [value.copy(), np.asfortranarray(value), big[::2, ::2]]
    layouts[2][...] = value
    ps = [mg.Parameter(a) for a in layouts]
    opt = make(ps)
    for t in range(3):
        g = normal((4, 6), t + 3)
        opt.step([g, np.asfortranarray(g), g[::-1][::-1]])
    assert not np.array_equal(ps[0].data, value)
    assert np.array_equal(ps[0].data, ps[1].data)
    assert np.array_equal(ps[0].data, ps[2].data)
    p, q = mg.Parameter(np.ones((2, 3))), mg.Parameter(np.ones((2, 3)))
    make([p]).step([np.full((2, 3), 2.0)])
    make([q]).step(
        [np.broadcast_to(2.0, (2, 3))]
    )  # what the gradient of a sum looks like: read-only, no memory of its own
    assert np.array_equal(p.data, q.data)


@every_kind
def test_gradients_are_only_read(kind):
    ps, g = parameters(), gradients(0)
    before = [a.copy() for a in g]
    KINDS[kind][0](ps).step(g)
    assert all(np.array_equal(a, b) for a, b in zip(g, before, strict=True))


@every_kind
def test_parameters_are_updated_in_place_and_keep_their_dtype(kind):
    ps = parameters("float32")
    arrays, versions = [p.data for p in ps], [p.version for p in ps]
    opt = KINDS[kind][0](ps)
    opt.lr = np.float64(0.1)  # as a schedule written with NumPy returns it
    opt.step(gradients(0, "float32"))
    assert all(p.data is a and p.dtype == np.float32 for p, a in zip(ps, arrays, strict=True))
    assert all(p.version > v for p, v in zip(ps, versions, strict=True))
    assert all(s.dtype == np.float32 for slots in opt.state for s in slots)


# --- gradients that are None, and .grad --------------------------------------------------------------------


@every_kind
def test_a_none_gradient_leaves_parameter_moments_and_version_alone(kind):
    ps = parameters()
    opt = KINDS[kind][0](ps)
    opt.step(gradients(0))
    kept, version, state = ps[1].data.tobytes(), ps[1].version, {k: v.tobytes() for k, v in opt.state_dict().items()}
    g = gradients(1)
    g[1] = None
    opt.step(g)
    assert ps[1].data.tobytes() == kept
    assert ps[1].version == version
    after = {k: v.tobytes() for k, v in opt.state_dict().items()}
    assert {k for k in after if after[k] == state[k] and k.startswith("1.")} == {k for k in after if k.startswith("1.")}
    assert all(after[k] != state[k] for k in after if k.startswith("0."))


@every_kind
def test_a_none_gradient_is_no_step_of_its_parameter(kind):
    """Later steps are as if the others had never happened; for Adam this is a matter of the bias correction."""
    alone, p, q = (mg.Parameter(np.ones(3)) for _ in range(3))
    one, two = KINDS[kind][0]([alone]), KINDS[kind][0]([p, q])
    for t in range(6):
        g = normal((3,), t)
        one.step([g]) if t % 2 else None
        two.step([g, g if t % 2 else None])
    assert q.data.tobytes() == alone.data.tobytes()


def test_step_without_arguments_uses_what_backward_left():
    p, q = mg.Parameter(np.array([1.0, 2.0])), mg.Parameter(np.array([3.0]))
    opt = optim.SGD([p, q], 0.5)
    (p * p).sum().backward()
    opt.step()
    np.testing.assert_array_equal(p.data, [0.0, 0.0])
    np.testing.assert_array_equal(q.data, [3.0])


def test_gradients_accumulate_until_zero_grad():
    p = mg.Parameter(np.array([1.0]))
    opt = optim.SGD([p], 0.25)
    for _ in range(2):
        (p * 2.0).sum().backward()
    opt.step()
    assert p.data[0] == 0.0
    opt.zero_grad()
    assert p.grad is None
    with pytest.raises(ValueError, match=r"no gradient at all; call backward\(\) first"):
        opt.step()


def test_zero_grad_reaches_frozen_parameters():
    p = mg.Parameter(np.array([1.0]))
    opt = optim.SGD([p], 0.25)
    (p * 2.0).sum().backward()
    p.requires_grad_(False)
    opt.zero_grad()
    assert p.requires_grad_().grad is None


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grads", "match"),
    [
        (lambda g: g[:-1], "3 gradients for 4 parameters"),
        (lambda g: [*g, g[0]], "5 gradients for 4 parameters"),
        (lambda g: [g[0], g[1], g[2].reshape(1, 5), g[3]], r"p2 \(5,\) float64\) got a gradient of shape \(1, 5\)"),
        (lambda g: [g[0], g[1], g[2], g[3].astype("float32")], r"p3 .* got a gradient of shape .* and dtype float32"),
        (lambda g: [None] * 4, "no gradient at all"),
    ],
)
def test_gradients_that_do_not_fit_are_refused_and_nothing_moves(grads, match):
    ps = parameters()
    opt = optim.Adam(ps)
    opt.step(gradients(0))
    before, state = bits(ps), {k: v.tobytes() for k, v in opt.state_dict().items()}
    with pytest.raises(ValueError, match=match):
        opt.step(grads(gradients(1)))
    assert bits(ps) == before
    assert {k: v.tobytes() for k, v in opt.state_dict().items()} == state


def test_parameters_that_make_no_sense_are_refused():
    p = mg.Parameter(np.ones(2))
    with pytest.raises(TypeError, match="needs Parameters, got none at all"):
        optim.SGD([], 0.1)
    with pytest.raises(TypeError, match=r"got \['Tensor'\]; pass module.parameters\(\)"):
        optim.SGD([p, mg.tensor(np.ones(2), True)], 0.1)
    with pytest.raises(ValueError, match="the same Parameter twice"):
        optim.SGD([p, mg.Parameter(np.ones(2)), p], 0.1)
    for lr in (0, -1e-3, float("nan")):
        with pytest.raises(ValueError, match="lr must be positive"):
            optim.Adam([p], lr)
    for betas in ((1.0, 0.9), (0.5, -0.1)):
        with pytest.raises(ValueError, match=r"betas must lie in \[0, 1\)"):
            optim.Adam([p], betas=betas)


# --- saving ------------------------------------------------------------------------------------------------


@every_kind
def test_a_restored_optimizer_continues_bit_for_bit(kind):
    make, _ = KINDS[kind]
    ps = parameters("float32")
    opt = make(ps)
    for t in range(3):
        opt.step(gradients(t, "float32"))
    qs = [mg.Parameter(p.data.copy()) for p in ps]
    twin = make(qs)
    twin.load_state_dict(opt.state_dict())
    for t in range(3, 6):
        opt.step(gradients(t, "float32"))
        twin.step(gradients(t, "float32"))
    assert bits(ps) == bits(qs)


def test_a_fresh_optimizer_would_not_continue():
    ps, qs = parameters(), parameters()
    opt = optim.Adam(ps)
    opt.step(gradients(0))
    optim.Adam(qs).step(gradients(0))
    opt.step(gradients(1))
    optim.Adam(qs).step(gradients(1))
    assert bits(ps) != bits(qs)


def test_a_saved_state_is_a_copy_in_plain_arrays():
    ps = parameters()
    opt = optim.Adam(ps)
    opt.step(gradients(0))
    state = opt.state_dict()
    assert set(state) == {"steps", *(f"{i}.{k}" for i in range(4) for k in range(2))}
    assert all(type(a) is np.ndarray for a in state.values())
    before = state["0.0"].copy()
    opt.step(gradients(1))
    assert np.array_equal(state["0.0"], before)


def test_a_state_of_other_parameters_or_another_optimizer_is_refused_and_changes_nothing():
    opt = optim.Adam(parameters())
    opt.step(gradients(0))
    before = {k: v.tobytes() for k, v in opt.state_dict().items()}
    others = [optim.Adam(parameters()[:2]), optim.RMSprop(parameters()), optim.Adam(parameters()[::-1])]
    for other in others:
        with pytest.raises(ValueError, match="belongs to other parameters or another optimizer"):
            opt.load_state_dict(other.state_dict())
    assert {k: v.tobytes() for k, v in opt.state_dict().items()} == before


def test_a_condition_that_nothing_would_look_at_is_refused():
    """Only a kernel of a GPU can look at it; nothing has changed or been counted."""
    (p,) = parameters()[:1]
    optimizer, before = optim.Adam([p]), p.data.copy()
    with pytest.raises(ValueError, match="finite: it can decide on an update only on a GPU"):
        optimizer.step([np.ones_like(p.data)], finite=np.ones((), "int32"))
    layer = mg.nn.Linear(2, 1, rng=0)
    ema = optim.EMA(layer, 0.9)
    with pytest.raises(ValueError, match="finite: it can decide on an update only on a GPU"):
        ema.update(layer, finite=np.ones((), "int32"))
    np.testing.assert_array_equal(p.data, before)
    assert (optimizer.steps, ema.updates) == ([0], 0)
