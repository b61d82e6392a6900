"""The networks of the benchmark equal those of `models`, and their products are counted correctly."""

import dataclasses

import numpy as np
import pytest

from benchmarks import arithmetic, networks, peers, scaling, workloads
from minigan import models, nn
from minigan.random import Generator

MODELS = {
    "dcgan-critic": (models.dcgan.generator, models.dcgan.critic, {}),
    "dense-128": (models.dense.generator, models.dense.critic, {"width": 128}),
    "dense-1024": (models.dense.generator, models.dense.critic, {"width": 1024}),
}
POINTS = {"image_shape": (2,), "width": 128, "depth": 3, "slope": 0}


def skeleton(network):
    """Return the layers of a network with the shapes of their weights and their strides, which decide its cost."""
    layers = [layer for layer in network.children() if not isinstance(layer, nn.Flatten | nn.Reshape)]
    return [
        (type(layer).__name__, [p.shape for p in layer.parameters()], getattr(layer, "options", {}).get("stride"))
        for layer in layers
    ]


@pytest.mark.parametrize("name", MODELS)
def test_the_networks_are_those_of_the_models(name):
    generator, critic, options = MODELS[name]
    built = peers.load(peers.OURS).build(workloads.ALL[name]).networks
    assert skeleton(built["generator"]) == skeleton(generator(rng=Generator(0), **options))
    assert skeleton(built["critic"]) == skeleton(critic(rng=Generator(0), **options))


def test_the_toys_are_those_of_the_models():
    built = peers.load(peers.OURS).build(workloads.ALL["toy-critic"]).networks
    expected = models.dense.generator(2, output="linear", rng=Generator(0), **POINTS)
    assert skeleton(built["generator"]) == skeleton(expected)
    assert skeleton(built["critic"]) == skeleton(models.dense.critic(rng=Generator(0), **POINTS))


def test_the_data_are_the_same_every_time():
    first, second = (workloads.ALL["dcgan-critic"].data() for _ in range(2))
    assert np.array_equal(first.real, second.real)
    assert np.array_equal(first.weights["critic"][0]["weight"], second.weights["critic"][0]["weight"])
    assert (first.real.dtype, first.real.shape, first.z.shape) == (np.float32, (64, 28, 28, 1), (64, 100))


class Whole:
    """Stand-in for PyTorch's tracker of modules, which fails at an inner `torch.autograd.grad`."""

    parents = ("Global",)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


GAN_STEPS = [name for name, w in workloads.ALL.items() if isinstance(w, workloads.GanStep)]


@pytest.mark.parametrize("name", GAN_STEPS)
def test_the_products_are_those_that_pytorch_counts(name):
    """With a penalty PyTorch computes more than it needs: it propagates the second derivative of a ReLU, a tensor of
    zeros, through the critic, and for R1 + R2 it evaluates the critic again at the samples of the loss."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    workload = workloads.tiny(workloads.ALL[name])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run = peers.load("torch_eager").build(workload)
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Whole()
    with counter:
        run.step()
    torch.set_num_threads(threads)
    expected, samples = arithmetic.flops(workload), {None: 0, "gradient_penalty": 1, "r1_r2": 2}[workload.penalty]
    layers = [layer.gemm(samples * workload.batch).flops for layer in workload.critic if hasattr(layer, "gemm")]
    expected += 2 * sum(layers[:-1]) + (workload.penalty == "r1_r2") * sum(layers)
    # Its second derivative of a convolution computes 6x6 elements of a 5x5 weight's gradient, of which it drops some.
    tolerance = 0.03 if workload.penalty and isinstance(workload.critic[0], networks.Conv) else 0
    assert counter.get_total_flops() == pytest.approx(expected, rel=tolerance)


def test_a_convolution_is_counted_as_its_im2col_product():
    conv = networks.Conv((28, 28, 1), 64)
    assert conv.gemm(64) == networks.Gemm(64 * 14 * 14, 25, 64)
    assert networks.ConvTranspose((14, 14, 64), 1).gemm(64) == networks.Gemm(64 * 14 * 14, 64, 25)
    assert networks.Dense((7, 7, 128), (1,)).gemm(64).flops == 2 * 64 * 6272


def test_a_chain_multiplies_no_matrices():
    assert arithmetic.flops(workloads.ALL["chain-second"]) == 0


def test_products_grow_linearly_in_batch_and_pixels():
    for found in scaling.series().values():
        flops = {size: arithmetic.flops(workload) for size, workload in found.items()}
        assert scaling.exponent(flops) == pytest.approx(1, abs=1e-3)
    assert scaling.exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2)


def test_a_doubled_batch_is_twice_the_products():
    workload = workloads.ALL["toy-rpgan"]
    assert arithmetic.flops(dataclasses.replace(workload, batch=512)) == 2 * arithmetic.flops(workload)
