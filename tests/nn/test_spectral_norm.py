"""Spectral normalisation against the singular value decomposition."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops, optim
from minigan.random import Generator

# Each kind with its input and W as Miyato et al. define it: one row (here: column) for every output channel.
KINDS = {
    "linear": (lambda r: nn.Linear(6, 4, rng=r, dtype="float64"), (3, 6), lambda w: w),
    "conv": (lambda r: nn.Conv2d(2, 5, 3, rng=r, dtype="float64"), (2, 5, 5, 2), lambda w: w.reshape(-1, w.shape[3])),
    "transposed": (
        lambda r: nn.ConvTranspose2d(3, 4, 2, 2, rng=r, dtype="float64"),
        (2, 3, 3, 3),
        lambda w: np.stack([w[:, :, o, :].reshape(-1) for o in range(w.shape[2])], axis=1),
    ),
}


@pytest.fixture(params=KINDS)
def case(request):
    make, shape, as_matrix = KINDS[request.param]
    layer = make(Generator(3))
    x = mg.tensor(Generator(4).normal(shape, "float64"))
    return nn.spectral_norm(layer, rng=Generator(5)), layer, x, as_matrix


def by_hand(layer, x, sigma):
    """The layer's output with its weight divided by sigma."""
    return layer.apply(x, mg.tensor(layer.weight.data / sigma)).numpy()


def test_sigma_converges_to_the_largest_singular_value(case):
    module, layer, x, as_matrix = case
    largest = np.linalg.svd(as_matrix(layer.weight.data), compute_uv=False)[0]
    for _ in range(300):
        y = module(x)
    np.testing.assert_allclose(y.numpy(), by_hand(layer, x, largest), rtol=1e-10, atol=1e-12)


def test_one_forward_is_one_step_of_the_power_iteration(case):
    module, layer, x, as_matrix = case
    w, u = as_matrix(layer.weight.data), module.u.copy()
    v = w @ u
    v /= np.linalg.norm(v)
    u = w.T @ v
    u /= np.linalg.norm(u)
    y = module(x)
    np.testing.assert_allclose(module.u, u, rtol=1e-9)
    np.testing.assert_allclose(y.numpy(), by_hand(layer, x, v @ w @ u), rtol=1e-9, atol=1e-12)


def test_u_is_saved_with_the_model(case, request):
    module, layer, x, as_matrix = case
    module(x)
    assert set(module.state_dict()) == {"layer.weight", "layer.bias", "u"}
    assert module.u.shape == (as_matrix(layer.weight.data).shape[1],)
    assert module.u.dtype == layer.weight.dtype
    assert abs(np.linalg.norm(module.u) - 1) < 1e-7
    make = KINDS[request.node.callspec.params["case"]][0]
    twin = nn.spectral_norm(make(Generator(8)), rng=Generator(9))
    twin.load_state_dict(module.state_dict())
    assert np.array_equal(twin(x).numpy(), module(x).numpy())


def test_evaluation_leaves_u_alone_and_repeats_itself(case):
    module, layer, x, as_matrix = case
    module(x)
    module.eval()
    before = module.u.copy()
    first, second = module(x).numpy(), module(x).numpy()
    assert np.array_equal(module.u, before)
    assert np.array_equal(first, second)
    w = as_matrix(layer.weight.data)
    np.testing.assert_allclose(first, by_hand(layer, x, np.linalg.norm(w @ before)), rtol=1e-9, atol=1e-12)


def test_training_moves_u(case):
    module, _, x, _ = case
    before = module.u.copy()
    module(x)
    assert not np.array_equal(module.u, before)


def test_the_gradient_flows_through_sigma(case):
    """d/dW of <c, W / (u^T W v)> with u, v constant is c / sigma - <c, W> / sigma^2 * v u^T."""
    module, layer, x, as_matrix = case
    module.eval()
    w, u = as_matrix(layer.weight.data), module.u
    v = w @ u / np.linalg.norm(w @ u)
    sigma = v @ w @ u

    direct = mg.Parameter(layer.weight.data / sigma)
    y = layer.apply(x, direct)
    c = Generator(6).normal(y.shape, "float64")
    (upstream,) = mg.grad((y * c).sum(), [direct])
    c_matrix = as_matrix(upstream.numpy())
    expected = c_matrix / sigma - (c_matrix * w).sum() / sigma**2 * np.outer(v, u)

    (got,) = mg.grad((module(x) * c).sum(), [layer.weight])
    np.testing.assert_allclose(as_matrix(got.numpy()), expected, rtol=1e-10, atol=1e-12)
    assert abs((got.numpy() * layer.weight.data).sum()) < 1e-10, (
        "the output does not depend on the length of the weight"
    )


def test_a_later_forward_does_not_change_the_gradient_of_an_earlier_one(case):
    module, layer, x, _ = case
    state = module.state_dict()
    (alone,) = mg.grad((module(x) ** 2).sum(), [layer.weight])
    module.load_state_dict(state)
    loss = (module(x) ** 2).sum()
    module(x)
    (later,) = mg.grad(loss, [layer.weight])
    assert np.array_equal(alone.numpy(), later.numpy())


def test_an_averaged_copy_still_divides_by_a_singular_value():
    """The average of unit vectors is not a unit vector; the layer must not be scaled up by what is missing."""
    module = nn.spectral_norm(nn.Linear(6, 4, rng=Generator(0), dtype="float64"), rng=Generator(1))
    average = optim.EMA(module, decay=0.9)
    for seed in range(20):
        u = Generator(seed).normal((4,), "float64")
        module.u[...] = u / np.linalg.norm(u)
        average.update(module)
    copy = average.module
    direction = copy.u / np.linalg.norm(copy.u)
    assert np.linalg.norm(copy.u) < 0.9
    x = mg.tensor(np.eye(6))
    normalised = copy(x).numpy()
    assert abs(np.linalg.norm(normalised @ direction) - 1) < 1e-10


def test_second_order_derivatives_flow_too():
    module = nn.spectral_norm(nn.Linear(3, 2, rng=Generator(0), dtype="float64"), rng=Generator(1)).eval()
    x = mg.tensor(Generator(2).normal((4, 3), "float64"), requires_grad=True)
    (g,) = mg.grad(ops.tanh(module(x)).sum(), [x], create_graph=True)
    (gw,) = mg.grad((g * g).sum(), [module.layer.weight])
    step, w = 1e-5, module.layer.weight.data.copy()
    for index in [(0, 0), (2, 1)]:
        values = []
        for sign in (1, -1):
            w_moved = w.copy()
            w_moved[index] += sign * step
            # u and v are constants of the derivative, so they are held at their values for w
            v = w @ module.u / np.linalg.norm(w @ module.u)
            scaled = w_moved / (v @ w_moved @ module.u)
            inside = np.tanh(x.data @ scaled)
            values.append((((1 - inside**2) @ scaled.T) ** 2).sum())
        assert abs(gw.numpy()[index] - (values[0] - values[1]) / (2 * step)) < 1e-7


def test_what_has_no_weight_is_refused():
    with pytest.raises(TypeError, match="ReLU has no weight to normalise"):
        nn.spectral_norm(nn.ReLU())
