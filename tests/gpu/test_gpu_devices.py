"""Tensors, modules and random streams that move between the CPU and a GPU; devices that meet are refused by name."""

import copy

import numpy as np
import pytest
from against_numpy import both, close, put
from op_samples import SAMPLES
from samples_elsewhere import NUMPY_OPERANDS

import minigan as mg
from minigan import backend, data, models, nn, ops, optim
from minigan.random import Generator

pytestmark = pytest.mark.gpu

ROWS = (6, 5)


def normal(*shape, seed=1):
    return Generator(seed).normal(shape)


# --- moving


def test_tensors_move():
    assert backend.works("cuda")
    assert mg.device_count() >= 1
    x = mg.tensor([1.0, 2.0], device="cuda")
    assert x.device == "cuda"
    assert x.to("cuda") is x
    assert x.to("cpu").data.tolist() == [1, 2]
    assert mg.tensor(x).device == mg.tensor(x.data).device == "cuda"
    assert mg.tensor(x, device="cpu").device == "cpu"
    assert x.numpy().tolist() == [1, 2]
    assert "1., 2." in repr(x)
    with pytest.raises(TypeError, match=r"nothing is copied from 'cuda' silently: use \.numpy\(\)"):
        np.asarray(x)
    with pytest.raises(ValueError, match="unknown device 'gpu': this installation has cpu, cuda"):
        x.to("gpu")


def test_a_module_moves_in_place_and_back():
    net = models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(0))
    before, parameters = net.state_dict(), net.parameters()
    loss = net(mg.Tensor(normal(*ROWS))).sum()
    assert net.to("cuda") is net
    assert all(p is q and p.device == "cuda" for p, q in zip(net.parameters(), parameters, strict=True))
    assert {backend.device_of(array) for _, array in net.named_buffers()} == {"cuda"}
    assert {g.device for g in mg.grad(loss, parameters)} == {"cpu"}, "the graph has kept what it was built on"
    net.to("cpu")
    after = net.state_dict()
    assert all(before[k].tobytes() == after[k].tobytes() or "running" in k for k in before)
    optim.SGD(net.parameters(), 0.1).step(mg.grad(net(mg.Tensor(normal(*ROWS))).sum(), net.parameters()))


def test_a_loader_wants_its_arrays_on_one_device():
    images = np.zeros((4, 2), np.uint8)
    with pytest.raises(ValueError, match="arrays must be on one device, got some on each of cpu, cuda"):
        data.Loader((images, put(images)), 2, Generator(0))


# --- meeting


MIXED = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: y * x,
    "matmul": lambda x, y: x @ y.T,
    "concatenate": lambda x, y: ops.concatenate([x, y]),
    "where": lambda x, y: ops.where(y.data > 0, x, 0.0),
    "maximum": lambda x, y: ops.maximum(x, y),
    "minimum": lambda x, y: ops.minimum(x, y),
    "linear": lambda x, y: nn.Linear(3, 2)(x),
    "conv2d": lambda x, y: nn.Conv2d(1, 2, 3)(x.reshape(1, 3, 3, 1)),
    "batch_norm": lambda x, y: nn.BatchNorm(3)(x),
    "gt": lambda x, y: x > y,
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("swapped", [False, True])
def test_mixed_devices_are_refused_in_one_sentence(name, swapped):
    x, y = mg.tensor(normal(3, 3), device="cuda"), mg.tensor(normal(3, 3))
    if swapped and name in ("linear", "conv2d", "batch_norm"):
        pytest.skip("the other way round nothing is mixed")
    said = rf"{name}[(:].*on '(cpu|cuda)'.* on '(cpu|cuda)'.*nothing is copied.*\.to\('cuda'\)"
    with pytest.raises(TypeError, match=f"(?s){said}"):
        MIXED[name](*((y, x) if swapped else (x, y)))


@pytest.mark.parametrize("label", ["where-same", "add-constant-array", "matmul-array-left"])
def test_constants_on_another_device_are_refused_by_name(label):
    (sample,) = [s for s in SAMPLES if s.label == label]
    said = r"\): .* is on '(cpu|cuda)', .* is on '(cpu|cuda)'; nothing is copied .*: move it with \.to\('cuda'\)"
    with pytest.raises(TypeError, match=f"(?s){sample.op}.*{said}"):
        sample.f(*map(mg.Tensor, put(sample.inputs)))


def test_the_samples_for_numpy_alone_exist():
    assert {s.label for s in SAMPLES} >= NUMPY_OPERANDS


def test_mixed_devices_beside_operations():
    net = nn.Linear(3, 1, rng=Generator(0))
    optimizer = optim.Adam(net.parameters())
    gradients = [mg.Tensor(normal(*p.shape)) for p in net.parameters()]
    net.to("cuda")
    with pytest.raises(ValueError, match=r"is on 'cuda', its gradient on 'cpu'"):
        optimizer.step(gradients)
    with pytest.raises(ValueError, match=r"keeps for it on .cpu.; make the optimizer after"):
        optimizer.step([g.to("cuda") for g in gradients])
    x = mg.tensor([1.0], requires_grad=True, device="cuda")
    with pytest.raises(TypeError, match=r"grad_outputs\[0\] is on 'cpu' but outputs\[0\] is on 'cuda'"):
        mg.grad(x * 2.0, [x], np.ones(1))


# --- derivatives by name, and random numbers


def test_every_face_of_autodiff():
    f = lambda x: ops.exp(x * x).sum()

    def step(x, v):
        x, v = x.data, v.data
        leaf = mg.Tensor(x, requires_grad=True)
        _, pull = mg.vjp(ops.tanh, x)
        return [
            mg.jvp(ops.tanh, x, v), mg.hvp(f, x, v), mg.jacobian(ops.tanh, x), mg.hessian(f, x),
            mg.value_and_grad(f)(x), pull(mg.Tensor(v)), mg.grad(f(leaf), [leaf], 2.0),
        ]  # fmt: skip

    both(lambda device: step, normal(3), normal(3, seed=2))


def test_a_checkpoint():
    def gradients(device):
        net = models.dense.critic((5,), 8, 1, rng=Generator(0)).to(device)
        x = mg.Tensor(backend.move(normal(*ROWS), device))
        return mg.grad(ops.square(mg.checkpoint(net, x)).sum(), net.parameters())

    for found, expected in zip(gradients("cuda"), gradients("cpu"), strict=True):
        close(found.data, expected.data)


def test_one_stream_of_random_numbers_for_all_devices():
    alone, shared = Generator(7), Generator(7)
    elsewhere = shared.on("cuda")
    assert shared.on("cpu") is shared
    for k in range(3):
        rng = elsewhere if k % 2 else shared
        for draw in (
            lambda rng: rng.normal((3,)),
            lambda rng: rng.uniform((2, 2), -1.0, 1.0, dtype="float64"),
            lambda rng: rng.integers(0, 9, 5),
            lambda rng: rng.permutation(4),
        ):
            found, expected = draw(rng), draw(alone)
            assert backend.device_of(found) == rng.device
            np.testing.assert_array_equal(backend.move(found, "cpu"), expected)
    assert elsewhere.state == shared.state == alone.state
    copy.copy(elsewhere).normal(3)
    assert elsewhere.state == alone.state, "a copy goes its own way"
    assert elsewhere.spawn().device == "cuda"
