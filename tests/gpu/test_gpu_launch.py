"""Numbers reach a kernel in the type that it declares, whatever type Python gave them."""

import numpy as np
import pytest
from against_numpy import close, put

import minigan as mg
from minigan import backend, nn, optim

pytestmark = pytest.mark.gpu


def stepped(device, **options):
    """The weights of a layer after two steps of Adam along gradients of 1, 2, 3, ..."""
    layer = nn.Linear(4, 3, rng=mg.random.Generator(0)).to(device)
    optimizer = optim.Adam(layer.parameters(), **options)
    for _ in range(2):
        gradients = [np.arange(1, p.size + 1, dtype="float32").reshape(p.shape) for p in layer.parameters()]
        optimizer.step([backend.move(g, device) for g in gradients])
    return layer.weight.data


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 1e-2, "betas": (0, 0.99)},
        {"lr": np.float32(1e-2)},
        {"lr": np.float64(1e-2), "eps": np.float32(1e-8)},
        {"lr": 1, "betas": (np.float64(0.5), 0)},
    ],
    ids=str,
)
def test_adam_takes_numbers_of_every_type(options):
    close(stepped("cuda", **options), stepped("cpu", **options))


@pytest.mark.parametrize("weight", [1, np.float32(0.25), np.float64(0.25)], ids=repr)
def test_an_average_takes_numbers_of_every_type(weight):
    average, value = np.zeros(5, "float32"), np.arange(5, dtype="float32")
    there = put(average)
    backend.named("cuda").approach(there, put(value), weight)
    backend.named("cpu").approach(average, value, weight)
    close(there, average)


def test_an_average_that_forgets_copies():
    layer, other = [nn.Linear(4, 3, rng=mg.random.Generator(seed)).to("cuda") for seed in (0, 1)]
    ema = optim.EMA(layer, decay=0)
    ema.update(other)
    np.testing.assert_array_equal(ema.module.weight.numpy(), other.weight.numpy())


def test_a_slope_takes_numbers_of_every_type():
    x = np.linspace(-2, 2, 9, dtype="float32")
    for slope in (0, 1, np.float32(0.25)):
        close(mg.ops.leaky_relu(mg.Tensor(put(x)), slope).data, mg.ops.leaky_relu(mg.Tensor(x), slope).data)


def test_a_kernel_refuses_what_it_does_not_declare():
    from minigan.backend.cupy import launch

    x = put(np.ones(3, "float32"))
    kernel = launch.kernel("elementwise", "leaky_relu_float")
    with pytest.raises(TypeError, match=r"leaky_relu_float\(\) argument 'size' must be an integer, got 3.0"):
        launch.each(kernel, 3, x, x, 3.0, 0.2)
    with pytest.raises(TypeError, match=r"leaky_relu_float\(\) takes 4 arguments: x, out, size, slope; got 3"):
        launch.each(kernel, 3, x, x, 3)
