"""onnxruntime computes from the graph what we compute from the network, for the generator of every preset."""

import numpy as np
import pytest
from players import CLASSES, players

import minigan as mg
from minigan import nn, ops
from minigan.presets import PRESETS
from minigan.random import Generator

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install minigan[onnx]")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
from minigan.interchange import onnx as interchange  # noqa: E402  (it imports onnx)


def drawn(model, **given):
    """Return the output that onnxruntime computes."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


def disagreement(network, shape, conditional=False):
    z = Generator(1).normal((5, *shape))
    labels = [Generator(2).integers(0, CLASSES, (5,))] if conditional else []
    with mg.no_grad():
        network.train()(mg.Tensor(z), *labels)  # moves the running statistics
        expected = network.eval()(mg.Tensor(z), *labels).numpy()
    found = drawn(interchange.model(network, shape), z=z, **dict(zip(["labels"], labels, strict=False)))
    assert found.shape == expected.shape
    return abs(found - expected).max() / max(abs(expected).max(), 1)


@pytest.mark.parametrize("name", PRESETS)
def test_both_compute_the_same_for_the_generator_of_a_preset(name):
    config = PRESETS[name].config
    network, shape = players(config)[0]
    if config.model == "unet":
        network = network.body
    assert disagreement(network, shape, config.conditional) < 1e-5


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (lambda rng: nn.Sequential(u=nn.Upsample(3), n=nn.LayerNorm(4), f=nn.Flatten()), (4, 5, 4)),
        (lambda rng: nn.Sequential(r=nn.Conv2d(4, 6, (3, 2), (2, 1), ((1, 0), (0, 2)), groups=2, rng=rng)), (4, 5, 4)),
        (lambda rng: nn.Sequential(t=nn.ConvTranspose2d(4, 6, 5, 2, 1, 1, groups=2, rng=rng)), (3, 5, 4)),
        (lambda rng: mg.models.dcgan.critic((8, 12, 3), 4, rng=rng), (8, 12, 3)),
        (lambda rng: mg.models.dense.critic((2,), 8, octaves=3, spectral=True, rng=rng), (2,)),
    ],
)  # fmt: skip
def test_so_do_the_rarer_operations(network, shape):
    assert disagreement(network(Generator(0)), shape) < 1e-5


def test_the_batch_may_have_any_size():
    model = interchange.model(mg.models.dcgan.generator(3, (28, 28, 1), 4, rng=Generator(0)), (3,))
    assert [drawn(model, z=np.ones((n, 3), "float32")).shape[0] for n in (1, 2, 7)] == [1, 2, 7]


class Written(nn.Module):
    """A layer that a user wrote."""

    def __init__(self, function):
        self.layer, self.function = nn.Linear(3, 3, rng=Generator(0)), function

    def forward(self, x):
        return self.function(self.layer(x))


def test_a_layer_that_somebody_wrote_needs_no_rule():
    assert disagreement(Written(lambda x: x * ops.sigmoid(x) + 1.0), (3,)) < 1e-5


def test_what_cannot_be_traced_is_refused_and_named():
    for function, words in (
        (lambda x: ops.max(x, axis=1), "the operation 'pick' has no counterpart here"),
        (lambda x: x * np.tanh(x.data), "mul computes with an array that changes with the input"),
        (lambda x: mg.Tensor(x.data * 2), "does not come from its input by operations alone"),
        (lambda x: ops.exp(x) if len(x) == 2 else ops.tanh(x), "computes exp for one batch and tanh for another"),
    ):
        with pytest.raises(ValueError, match=words):
            interchange.model(Written(function), (3,))
