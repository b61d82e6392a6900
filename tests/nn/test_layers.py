"""Every layer's forward against a direct formula, and what training and evaluation change."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops, optim
from minigan.random import Generator


def normal(*shape, seed=1, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def run(layer, x, **options):
    return layer(mg.tensor(x, **options)).numpy()


def jiggle(layer, seed=9):
    """Move every parameter off its initial value, so that no bias of 0 or gamma of 1 hides an error."""
    for k, p in enumerate(layer.parameters()):
        p.assign_(p.data + 0.5 * Generator(seed + k).normal(p.shape, "float64"))
    return layer


# --- linear and convolutions -------------------------------------------------------------------------------


def test_linear():
    layer = jiggle(nn.Linear(3, 2, rng=Generator(0), dtype="float64"))
    x = normal(5, 3)
    expected = np.array(
        [[sum(row[i] * layer.weight.data[i, j] for i in range(3)) + layer.bias.data[j] for j in range(2)] for row in x]
    )
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-12)


def naive_conv(x, w, stride, before, after):
    """Correlation with zero padding, one multiplication at a time."""
    n, h, wide, _ = x.shape
    kh, kw, ci, co = w.shape
    padded = np.zeros((n, before + h + after, before + wide + after, ci))
    padded[:, before : before + h, before : before + wide] = x
    oh, ow = (padded.shape[1] - kh) // stride + 1, (padded.shape[2] - kw) // stride + 1
    y = np.zeros((n, oh, ow, co))
    for i in range(oh):
        for j in range(ow):
            field = padded[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            y[:, i, j] = np.tensordot(field, w, 3)
    return y


def naive_transpose(y, w, stride, before, size):
    """Each input pixel adds its kernel to the output, from which `before` rows and columns are then cut."""
    n, h, wide, _ = y.shape
    kh, kw, co, _ = w.shape
    full = np.zeros((n, stride * h + kh, stride * wide + kw, co))
    for i in range(h):
        for j in range(wide):
            full[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += np.einsum(
                "nc,abdc->nabd", y[:, i, j], w
            )
    return full[:, before : before + size, before : before + size]


# "same" with an even input and stride 2 pads k - 2 pixels, the odd one after: 1 for k = 3, (1, 2) for k = 5.
@pytest.mark.parametrize(("kernel", "before", "after"), [(3, 0, 1), (5, 1, 2), (4, 1, 1)])
def test_conv2d_same_puts_the_odd_pixel_after(kernel, before, after):
    layer = jiggle(nn.Conv2d(2, 3, kernel, 2, "same", rng=Generator(0), dtype="float64"))
    x = normal(2, 6, 6, 2)
    expected = naive_conv(x, layer.weight.data, 2, before, after) + layer.bias.data
    assert expected.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("kernel", "before"), [(3, 0), (5, 1), (4, 1)])
def test_conv_transpose2d_same_multiplies_the_sides_by_the_stride(kernel, before):
    layer = jiggle(nn.ConvTranspose2d(3, 2, kernel, 2, "same", rng=Generator(0), dtype="float64"))
    x = normal(2, 3, 3, 3)
    expected = naive_transpose(x, layer.weight.data, 2, before, 6) + layer.bias.data
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-11, atol=1e-12)


def test_groups_are_separate_convolutions_side_by_side():
    layer = jiggle(nn.Conv2d(4, 6, 3, groups=2, rng=Generator(0), dtype="float64"))
    x, w = normal(2, 5, 5, 4), layer.weight.data
    halves = [naive_conv(x[..., 2 * k : 2 * k + 2], w[..., 3 * k : 3 * k + 3], 1, 0, 0) for k in range(2)]
    np.testing.assert_allclose(run(layer, x), np.concatenate(halves, -1) + layer.bias.data, rtol=1e-11, atol=1e-12)


# --- normalisation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 2, 3)])
def test_batch_norm_in_training(shape):
    layer = jiggle(nn.BatchNorm(3, eps=0.01, momentum=0.3, dtype="float64"))
    x = 2 + 3 * normal(*shape)
    rows = x.reshape(-1, 3)
    mean, variance = rows.mean(0), rows.var(0)
    expected = (x - mean) / np.sqrt(variance + 0.01) * layer.gamma.data + layer.beta.data
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.running_mean, 0.3 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, 0.7 + 0.3 * rows.var(0, ddof=1), rtol=1e-12)


def test_batch_norm_running_statistics_are_an_exponential_average():
    layer = nn.BatchNorm(2, momentum=0.25, dtype="float64")
    mean, variance = np.zeros(2), np.ones(2)
    for seed in range(5):
        x = seed + normal(4, 2, seed=seed)
        run(layer, x)
        mean, variance = 0.75 * mean + 0.25 * x.mean(0), 0.75 * variance + 0.25 * x.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, variance, rtol=1e-12)


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 4, 3)])
def test_batch_norm_in_evaluation_uses_and_keeps_the_running_statistics(shape):
    layer = jiggle(nn.BatchNorm(3, eps=0.01, dtype="float64"))
    run(layer, 1 + 2 * normal(8, 3, seed=4))
    layer.eval()
    state, x = layer.state_dict(), normal(*shape)
    inside = (x - state["running_mean"]) / np.sqrt(state["running_var"] + 0.01)
    np.testing.assert_allclose(run(layer, x), inside * layer.gamma.data + layer.beta.data, rtol=1e-10, atol=1e-12)
    assert all(np.array_equal(a, state[k]) for k, a in layer.state_dict().items())


def test_batch_norm_in_evaluation_has_the_gradients_of_an_affine_map():
    layer = jiggle(nn.BatchNorm(3, dtype="float64"))
    run(layer, normal(8, 3, seed=4))
    layer.eval()
    x, g = mg.tensor(normal(5, 3), True), normal(5, 3, seed=2)
    deviation = np.sqrt(layer.running_var + 1e-5)
    gx, g_gamma, g_beta = mg.grad((layer(x) * g).sum(), [x, layer.gamma, layer.beta])
    np.testing.assert_allclose(gx.numpy(), g * layer.gamma.data / deviation, rtol=1e-10)
    np.testing.assert_allclose(g_gamma.numpy(), (g * (x.data - layer.running_mean) / deviation).sum(0), rtol=1e-10)
    np.testing.assert_allclose(g_beta.numpy(), g.sum(0), rtol=1e-12)


def test_batch_norm_of_a_single_row_gives_beta_and_a_finite_running_variance():
    layer = jiggle(nn.BatchNorm(3, dtype="float64"))
    np.testing.assert_allclose(run(layer, normal(1, 3)), layer.beta.data[None], atol=1e-12)
    np.testing.assert_allclose(layer.running_var, 0.9)


def test_batch_norm_stays_in_float32():
    layer = nn.BatchNorm(3)
    assert run(layer, normal(4, 3, dtype="float32")).dtype == np.float32
    assert {a.dtype.name for a in layer.state_dict().values()} == {"float32"}
    assert run(layer.eval(), normal(4, 3, dtype="float32")).dtype == np.float32


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_refuses_a_wrong_number_of_channels(training):
    layer = nn.BatchNorm(3).train(training)
    for channels in (1, 5):
        with pytest.raises(ValueError, match="channels are the last axis"):
            run(layer, normal(4, channels, dtype="float32"))


def test_a_complex_step_passes_through_batch_norm_and_leaves_real_statistics():
    layer = nn.BatchNorm(2, dtype="float64")
    x, v = normal(5, 2), normal(5, 2, seed=2)
    derivative = run(layer, x + 1e-30j * v).imag / 1e-30
    assert layer.running_mean.dtype == np.float64
    deviation = np.sqrt(x.var(0) + 1e-5)
    normal_x = (x - x.mean(0)) / deviation
    expected = (v - v.mean(0) - normal_x * (normal_x * v).mean(0)) / deviation
    np.testing.assert_allclose(derivative, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 2, 3)])
def test_layer_norm(shape):
    layer = jiggle(nn.LayerNorm(3, eps=0.01, dtype="float64"))
    x = 1 + 2 * normal(*shape)
    inside = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.01)
    for mode in (True, False):
        np.testing.assert_allclose(
            run(layer.train(mode), x), inside * layer.gamma.data + layer.beta.data, rtol=1e-10, atol=1e-12
        )


# --- dropout -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_a_share_p_and_scales_the_rest(p):
    n = 100_000
    y = run(nn.Dropout(p, rng=Generator(5)), np.ones(n))
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - p), rtol=1e-6)
    assert abs((kept.mean() - (1 - p)) / math.sqrt(p * (1 - p) / n)) < 4
    neighbours = np.corrcoef(kept[1:], kept[:-1])[0, 1]
    assert abs(neighbours * math.sqrt(n)) < 4


def test_dropout_is_decided_by_its_generator_and_drawn_anew_each_time():
    x = np.ones(200)
    a, b = nn.Dropout(0.5, rng=Generator(5)), nn.Dropout(0.5, rng=Generator(5))
    first = run(a, x)
    assert np.array_equal(first, run(b, x))
    assert not np.array_equal(first, run(a, x))


def test_dropout_is_the_identity_in_evaluation_and_at_p_0():
    x = mg.tensor(normal(3, 4))
    layer = nn.Dropout(0.5, rng=Generator(5)).eval()
    state = layer.rng.state
    assert layer(x) is x
    assert layer.rng.state == state
    assert nn.Dropout(0.0)(x) is x


def test_the_gradient_of_dropout_is_its_mask():
    x = mg.tensor(np.ones(50), True)
    y = nn.Dropout(0.5, rng=Generator(5))(x)
    (g,) = mg.grad(y.sum(), [x])
    assert np.array_equal(g.numpy(), y.numpy())


def test_dropout_refuses_a_probability_of_1():
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\), got 1.0"):
        run(nn.Dropout(1.0), np.ones(3))


# --- embedding ---------------------------------------------------------------------------------------------


def test_embedding_looks_up_rows():
    layer = nn.Embedding(5, 3, rng=Generator(0), dtype="float64")
    index = np.array([[4, 0], [2, 4]])
    expected = layer.weight.data[index]
    for given in (index, mg.tensor(index), index.tolist(), index.astype("uint8")):
        assert np.array_equal(layer(given).numpy(), expected)
    assert layer(np.zeros(0, int)).shape == (0, 3)


def test_embedding_gradient_adds_up_over_repeated_indices():
    layer = nn.Embedding(4, 2, rng=Generator(0), dtype="float64")
    index, g = np.array([1, 3, 1, 1]), normal(4, 2)
    expected = np.zeros((4, 2))
    for row, i in zip(g, index, strict=True):
        expected[i] += row
    (got,) = mg.grad((layer(index) * g).sum(), [layer.weight])
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("index", "match"),
    [
        (np.array([0, 5]), r"integers in \[0, 5\), got int64 values from 0 to 5"),
        (np.array([-1, 2]), "from -1 to 2"),
        (np.array([0.0, 1.0]), "got float64 values"),
        (np.array([True]), "got bool values"),
    ],
)
def test_embedding_refuses_bad_indices(index, match):
    with pytest.raises(ValueError, match=match):
        nn.Embedding(5, 2, rng=Generator(0))(index)


# --- layers without parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (nn.ReLU(), lambda x: np.where(x > 0, x, 0)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.LeakyReLU(0.05), lambda x: np.where(x > 0, x, 0.05 * x)),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Flatten(), lambda x: x.reshape(2, -1)),
        (nn.Reshape(3, 16, 1), lambda x: x.reshape(2, 3, 16, 1)),
        (nn.Upsample(), lambda x: np.kron(x, np.ones((1, 2, 2, 1)))),
        (nn.Upsample(3), lambda x: np.kron(x, np.ones((1, 3, 3, 1)))),
    ],
)
def test_functions(layer, formula):
    x = normal(2, 4, 4, 3)
    np.testing.assert_allclose(run(layer, x), formula(x), rtol=1e-12, atol=1e-15)
    assert layer.parameters() == []


def test_reshape_and_flatten_pass_an_empty_batch():
    assert run(nn.Flatten(), np.zeros((0, 2, 3))).shape == (0, 6)
    assert run(nn.Reshape(3, 2), np.zeros((0, 6))).shape == (0, 3, 2)


# --- learning ----------------------------------------------------------------------------------------------


def test_a_network_of_these_layers_fits_a_function():
    rng = Generator(0)
    net = nn.Sequential(
        nn.Linear(1, 32, init=nn.init.he, rng=rng),
        nn.LeakyReLU(0.2),
        nn.Linear(32, 1, init=nn.init.xavier, rng=rng),
    )
    x = mg.tensor(np.linspace(-1, 1, 64, dtype="float32")[:, None])
    y = ops.sin(x * 3.0)
    opt = optim.Adam(net.parameters(), 1e-2)
    for _ in range(300):
        loss = ops.square(net(x) - y).mean()
        opt.step(mg.grad(loss, net.parameters()))
    assert loss.item() < 0.01
