"""Nothing outlives its use: counted with the garbage collector off, so only reference counts can free anything."""

import gc
import weakref

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.tensor import Node, Tensor


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive():
    return sum(issubclass(type(o), Node | Tensor) for o in gc.get_objects())


def parameters():
    rng = np.random.default_rng(0)
    return [mg.Parameter(rng.standard_normal(s) * 0.3) for s in [(2, 8), (8,), (8, 1), (1,)]]


def critic(x, parameters):
    w, b, v, c = parameters
    return ops.leaky_relu(x @ w + b) @ v + c


def normalising(x, parameters):
    w, b, v, c = parameters
    return ops.tanh(ops.batch_norm(x @ w, b, b)) @ v + c


def convolving(x, parameters):
    images = ops.conv2d(ops.reshape(x, 4, 1, 2, 1), ops.reshape(parameters[0], 1, 2, 1, 8), padding="same")
    return (
        ops.reshape(images, 4, -1).sum(1, keepdims=True) * parameters[3]
        + ops.concatenate([parameters[1][:1], parameters[2][0]]).max()
    )


def recomputing(x, parameters):
    return mg.checkpoint(lambda h: critic(h, parameters), x)


@pytest.mark.parametrize("model", [critic, normalising, convolving, recomputing])
@pytest.mark.parametrize("penalty", [False, True])
def test_nothing_is_alive_after_a_step(model, penalty):
    weights = parameters()
    x = np.random.default_rng(1).standard_normal((4, 2))

    def step():
        real = mg.tensor(x, requires_grad=penalty)
        out = model(real, weights)
        loss = (out * out).mean()
        if penalty:
            (g,) = mg.grad(out.sum(), [real], create_graph=True)
            loss = loss + ((ops.norm(g, 1) - 1.0) ** 2).mean()
        for w, g in zip(weights, mg.grad(loss, weights, allow_unused=True), strict=True):
            if g is not None:
                w.assign_(w.data - 0.1 * g.data)

    step()
    before = alive()
    for _ in range(3):
        step()
    assert alive() == before


def test_a_step_that_fails_leaves_nothing_either():
    weights = parameters()
    x = mg.tensor(np.ones((4, 2)))

    def step():
        loss = critic(x, weights).sum()
        weights[2].touch()
        with pytest.raises(RuntimeError):
            mg.grad(loss, weights)

    step()
    before = alive()
    step()
    assert alive() <= before


def test_the_counter_sees_a_cycle():
    """The negative control: a tensor that holds itself is found."""
    before = alive()
    t = mg.tensor([1.0], requires_grad=True)
    t.node.grad = t
    del t
    assert alive() == before + 2


def watched(tensor):
    return weakref.ref(tensor.data)


@pytest.fixture
def x():
    return mg.tensor(np.ones((3, 3)), requires_grad=True)


@pytest.mark.parametrize(
    "use",
    [
        lambda h: h + 1.0,
        lambda h: h * 2.0,
        lambda h: -h,
        lambda h: h / 3.0,
        lambda h: h.sum(),
        lambda h: h.mean(0),
        lambda h: ops.exp(h),
        lambda h: ops.tanh(h),
        lambda h: ops.leaky_relu(h),
        lambda h: ops.sigmoid(h),
        lambda h: ops.softmax(h),
        lambda h: h @ np.ones((3, 2)),
        lambda h: h @ mg.Parameter(np.ones((3, 2))).requires_grad_(False),
        lambda h: ops.conv2d(ops.pad(h[None, :, :, None], 1), np.ones((1, 1, 3, 2))),
        lambda h: ops.concatenate([h, h]),
        lambda h: ops.where(np.ones((3, 3), bool), h, 0.0),
        lambda h: ops.maximum(h, 0.0),
        lambda h: h.max(1),
        lambda h: ops.clip(h, 0, 1),
    ],
)
def test_an_activation_that_no_derivative_needs_is_freed_at_once(x, use):
    h = x + 1.0
    ref = watched(h)
    y = use(h)
    del h
    assert ref() is None
    assert y.requires_grad


@pytest.mark.parametrize(
    "use",
    [
        lambda h: h * h,
        lambda h: ops.square(h),
        lambda h: ops.log(h),
        lambda h: ops.softplus(h),
        lambda h: h @ mg.Parameter(np.ones((3, 2))),
        lambda h: ops.batch_norm(h, np.ones(3), np.ones(3)),
        lambda h: mg.checkpoint(lambda a: ops.exp(a), h),
    ],
)
def test_an_activation_that_a_derivative_needs_is_kept_until_the_sweep_has_passed(x, use):
    h = x + 1.0
    ref = watched(h)
    y = use(h)
    del h
    assert ref() is not None
    z = y.sum()
    mg.grad(z, [x])
    assert ref() is None
    assert z.requires_grad


def test_freezing_a_critic_drops_the_activations_of_its_weight_gradients(x):
    w, v = mg.Parameter(np.ones((3, 3))), mg.Parameter(np.ones((3, 3)))

    def retained():
        first = x @ w
        second = first @ v
        refs = watched(first), watched(second)
        del first
        return second.sum(), [r() is not None for r in refs[:1]]

    thawed, kept = retained()
    assert kept == [True]
    w.requires_grad_(False)
    v.requires_grad_(False)
    frozen, kept = retained()
    assert kept == [False]
    assert np.array_equal(mg.grad(thawed, [x])[0].data, mg.grad(frozen, [x])[0].data)


def test_arrays_are_released_as_the_sweep_passes_them(x):
    seen = []

    def look(g):
        seen.append([r() is not None for r in refs])
        return g

    bottom = mg.op(lambda x: x + 0.0, x=look)
    a = bottom(x)
    b = ops.exp(a)
    c = ops.exp(b)
    refs = watched(b), watched(c)
    z = c.sum()
    del a, b, c
    assert all(r() is not None for r in refs)
    mg.grad(z, [x])
    assert seen == [[False, False]]


def test_create_graph_keeps_what_the_next_order_needs_and_no_longer(x):
    h = ops.exp(x)
    ref = watched(h)
    (g,) = mg.grad(h.sum(), [x], create_graph=True)
    del h
    assert ref() is not None
    mg.grad(g.sum(), [x])
    del g
    assert ref() is None


def test_the_graph_does_not_keep_tensors_alive(x):
    h = x * 2.0
    ref = weakref.ref(h)
    y = h + 1.0
    del h
    assert ref() is None
    assert y.requires_grad
