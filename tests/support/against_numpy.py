"""The same computation on the device "cuda" and on the CPU."""

import numpy as np
import pytest
from captured_games import numbers
from samples_elsewhere import moved, results

import minigan as mg
from minigan import backend, gan, models, optim
from minigan.random import Generator
from minigan.tensor import Parameter

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}  # of the largest number in an array


def put(value):
    """`value` with arrays of the device in the place of NumPy's, also in tuples and lists."""
    if isinstance(value, tuple | list):
        return type(value)([put(v) for v in value])
    return backend.move(value, "cuda") if isinstance(value, np.ndarray) else value


def close(found, expected, tolerance=None):
    """AssertionError unless an array of the device has the numbers of the CPU's, and its dtype and shape."""
    assert backend.device_of(found) == "cuda"
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    limit = tolerance or TOLERANCE.get(expected.dtype.name, 0)
    finite = expected[np.isfinite(expected)]
    scale = float(np.abs(finite).max()) if finite.size else 0.0
    np.testing.assert_allclose(backend.move(found, "cpu"), expected, rtol=limit, atol=limit * max(scale, 1.0))


def precise():
    """Return whether a product of float32 keeps the last bits of its factors, as TF32 does not."""
    factor = np.full((2, 2), 1 + 2.0**-20, "float32")
    product = backend.named("cuda").matmul(*put([factor, np.eye(2, dtype="float32")]))
    return backend.move(product, "cpu").tobytes() == factor.tobytes()


def near(found, expected, tolerance=None):
    """AssertionError unless nested Tensors, arrays and None of the device are those of the CPU."""
    if isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            near(one, other, tolerance)
    elif isinstance(expected, mg.Tensor):
        close(found.data, expected.data, tolerance)
    elif expected is None:
        assert found is None
    else:
        close(found, expected, tolerance)


def both(make, *arrays, calls=3, tolerance=None):
    """AssertionError unless a step gives the same, call by call, captured on the GPU and as it is on the CPU.

    make(device) gives the step, a function of Tensors.  Its first call is as it is, the second is recorded, and the
    third is replayed and compared with the step as it is, to the bit.
    """
    here, there = make("cpu"), mg.capture(make("cuda"))
    for _ in range(calls):
        near(there(*_leaves(put(arrays))), here(*_leaves(arrays)), tolerance)


def _leaves(arrays):
    return [mg.Tensor(array, requires_grad=True) for array in arrays]


@np.errstate(all="ignore")  # infinities times 0 are a matter of other tests
def operation(sample, dtype, captured):
    """A sample of the check matrix: its value and two orders of derivatives, also recorded in a graph if `captured`."""
    if dtype == "float32" and not sample.float32:
        pytest.skip("a sample of float64 alone")
    inputs, constants = [x.astype(dtype) for x in sample.inputs], sample.constants(dtype)
    expected = results(sample.f, inputs, constants)
    f, there, others = moved(sample.f, put), put(inputs), put(constants)
    compute = mg.capture(lambda *inputs: results(f, inputs, others))
    largest = max([1.0, *(float(np.abs(x).max()) for x in inputs if x.size)])  # far from 0, a rounding is larger
    for _ in range(1 + captured):
        near(compute(*there), expected, TOLERANCE[dtype] * largest)


SHAPES = {"dense": (8,), "dcgan": (16, 16, 1)}


def played(name, device, dtype="float32", steps=1):
    """(reports, weights) of WGAN-GP games of dense or DCGAN networks, batch norm in the generator."""
    rng, shape = Generator(1), SHAPES[name]
    if name == "dense":
        networks = (
            models.dense.generator(3, shape, 32, 2, batch_norm=True, rng=rng),
            models.dense.critic(shape, 32, rng=rng),
        )
    else:
        networks = models.dcgan.generator(3, shape, 8, rng=rng), models.dcgan.critic(shape, 8, rng=rng)
    generator, critic = [_as(network, dtype).to(device) for network in networks]
    optimizers = [optim.Adam(network.parameters(), 1e-3, eps=1e-3) for network in (generator, critic)]
    noise = rng.on(device)

    def draw(*sizes):  # in float32, whose bits do not depend on the device
        return mg.Tensor(noise.normal(sizes).astype(dtype))

    def penalty(*seen):
        return 10 * gan.penalties.gradient_penalty(*seen, noise)

    game = gan.Game(generator, critic, *optimizers, gan.losses.wasserstein, penalty=penalty)
    reports = []
    for _ in range(steps):
        reports.append(numbers(game.critic_step(draw(8, *shape), draw(8, 3)) | game.generator_step(draw(8, 3))))
    return reports, [array for network in (generator, critic) for _, array in network._state()]


def _as(network, dtype):
    """The network in another precision."""
    for module in network.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Parameter):
                setattr(module, name, Parameter(value.data.astype(dtype)))
            elif isinstance(value, np.ndarray):
                setattr(module, name, value.astype(dtype))
    return network


def step(name, dtype):
    """A step of both players: what is reported, and every weight and buffer afterwards."""
    (reports, found), (expected_reports, expected) = played(name, "cuda", dtype), played(name, "cpu", dtype)
    limit = TOLERANCE[dtype]
    for report, other in zip(reports, expected_reports, strict=True):
        for key, number in other.items():
            assert abs(report[key] - number) <= limit * max(abs(number), 1), key
    for one, other in zip(found, expected, strict=True):
        close(one, other)
