"""Layers, losses, penalties, optimizers, averages and whole steps on the strict device: NumPy's numbers, to the bit.

What a CUDA graph is to replay runs under the rules of capture.
"""

import copy
from contextlib import nullcontext
from dataclasses import asdict

import numpy as np
import pytest
from strict_device import StrictArray, SyncError, capturing, on_device, same_bits

import minigan as mg
from minigan import gan, models, nn, ops, optim
from minigan.gan import losses, penalties
from minigan.gan.augmentation import TRANSFORMATIONS, Augment
from minigan.gan.probe import measure, weight_norms
from minigan.gan.tricks import InstanceNoise, PackedCritic, smooth_labels
from minigan.random import Generator

DEVICES = ("cpu", "strict")


def normal(*shape, seed=1):
    return Generator(seed).normal(shape)


def here(array, device):
    return on_device(array) if device == "strict" else array


def captured_on(device):
    return capturing() if device == "strict" else nullcontext()


def same(found, expected):
    """AssertionError unless nested results of the strict device are those of the CPU."""
    if isinstance(expected, dict):
        expected, found = list(expected.values()), list(found.values())
    if isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, mg.Tensor):
        same_bits(found.data, expected.data)
    else:
        same_bits(found, expected) if isinstance(expected, np.ndarray) else None
        assert isinstance(expected, np.ndarray) or found == expected


def on_both(compute):
    """compute(device), once on each device, with the same results."""
    expected, found = map(compute, DEVICES)
    same(found, expected)
    return expected


# --- layers


IMAGES, ROWS = (4, 6, 6, 2), (6, 5)
LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3, rng=Generator(0)), ROWS),
    "Linear without bias": (lambda: nn.Linear(5, 3, bias=False, rng=Generator(0)), ROWS),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3, 2, "same", rng=Generator(0)), IMAGES),
    "Conv2d in groups": (lambda: nn.Conv2d(2, 4, 3, padding=1, groups=2, rng=Generator(0)), IMAGES),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 5, 2, "same", rng=Generator(0)), IMAGES),
    "BatchNorm": (lambda: nn.BatchNorm(2), IMAGES),
    "BatchNorm in evaluation": (lambda: nn.BatchNorm(2).eval(), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm(5), ROWS),
    "Dropout": (lambda: nn.Dropout(0.3, rng=Generator(3)), ROWS),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.2), ROWS),
    "ReLU": (nn.ReLU, ROWS),
    "Tanh": (nn.Tanh, ROWS),
    "Sigmoid": (nn.Sigmoid, ROWS),
    "Flatten": (nn.Flatten, IMAGES),
    "Reshape": (lambda: nn.Reshape(9, 8), IMAGES),
    "Upsample": (nn.Upsample, IMAGES),
    "BilinearUp": (nn.BilinearUp, IMAGES),
    "BilinearDown": (nn.BilinearDown, IMAGES),
    "MinibatchStd": (lambda: nn.MinibatchStd(2), IMAGES),
    "FourierFeatures": (lambda: nn.FourierFeatures(2), ROWS),
    "spectral_norm": (lambda: nn.spectral_norm(nn.Linear(5, 3, rng=Generator(0)), rng=Generator(1)), ROWS),
    "spectral_norm of a convolution": (
        lambda: nn.spectral_norm(nn.ConvTranspose2d(2, 3, 3, rng=Generator(0)), rng=Generator(1)), IMAGES,
    ),
    "InstanceNoise": (lambda: InstanceNoise(0.2, rng=Generator(3)), ROWS),
    **{f"Augment {name}": (lambda name=name: Augment(name, rng=Generator(3)), IMAGES) for name in TRANSFORMATIONS},
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    """Its output, the gradients of a gradient's norm, and what it tracks; two forwards, captured."""

    def compute(device):
        make, shape = LAYERS[name]
        layer, x = make().to(device), mg.Tensor(here(normal(*shape), device), requires_grad=True)
        with captured_on(device):
            layer(x)
            y = layer(x)
            (g,) = mg.grad(ops.square(y).sum(), [x], create_graph=True)
            second = mg.grad(ops.square(g).sum(), [x, *layer.parameters()], allow_unused=True)
        return [y, g, [h for h in second if h is not None], [array for _, array in layer.named_buffers()]]

    on_both(compute)


def test_no_layer_is_left_out():
    tried = {name.split()[0] for name in LAYERS} | {"Embedding", "Module", "Sequential", "Summary"}
    assert {name for name, value in vars(nn).items() if isinstance(value, type)} <= tried


def test_embedding():
    index = np.array([[0, 2], [2, 1]])

    def compute(device):
        layer = nn.Embedding(3, 4, rng=Generator(0)).to(device)
        y = layer(index)
        with captured_on(device):
            y = layer(on_device(index) if device == "strict" else index)
            (g,) = mg.grad(ops.square(y).sum(), layer.parameters())
        return [y, g]

    on_both(compute)
    with pytest.raises(ValueError, match="needs integers in"):
        nn.Embedding(3, 4).to("strict")(np.array([3]))


# --- objectives


@pytest.mark.parametrize("name", losses.ALL)
def test_loss(name):
    def compute(device):
        loss = losses.ALL[name]
        real, fake = [mg.Tensor(here(normal(6, 1, seed=s), device), requires_grad=True) for s in (1, 2)]
        with captured_on(device):
            values = [loss.critic(real, fake), loss.generator(fake, real)]
            gradients = [mg.grad(v, [real, fake], create_graph=True, allow_unused=True) for v in values]
            curved = [g for pair in gradients for g in pair if g is not None]
            total = sum((ops.square(g).sum() for g in curved), ops.square(fake).sum())
        return [values, curved, mg.grad(total, [real, fake], allow_unused=True)[1:]]

    on_both(compute)


PENALTIES = {
    "gradient_penalty": lambda c, x, y: penalties.gradient_penalty(c, x, y, Generator(5)),
    "zero_centered": lambda c, x, y: penalties.zero_centered(c, x, y, Generator(5)),
    "r1": lambda c, x, y: penalties.r1(c, x),
    "r2": lambda c, x, y: penalties.r2(c, y),
    "r1_r2": penalties.r1_r2,
    "drift": penalties.drift,
    "dragan": lambda c, x, y: penalties.dragan(c, x, Generator(5)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty(name):
    def compute(device):
        critic = models.dense.critic((5,), 8, 2, rng=Generator(0)).to(device)
        real, fake = [here(normal(*ROWS, seed=s), device) for s in (1, 2)]
        with captured_on(device):
            value = PENALTIES[name](critic, mg.Tensor(real), mg.Tensor(fake))
            gradients = mg.grad(value, critic.parameters(), allow_unused=True)
        return [value, [g for g in gradients if g is not None]]

    on_both(compute)


def test_tricks():
    def compute(device):
        critic = PackedCritic(models.dense.critic((10,), 8, 2, rng=Generator(0)), 2).to(device)
        real, fake = [mg.Tensor(here(normal(*ROWS, seed=s), device)) for s in (1, 2)]
        with captured_on(device):
            loss = smooth_labels(losses.non_saturating).critic(critic(real), critic(fake))
            return [loss, mg.grad(loss, critic.parameters())]

    on_both(compute)


# --- what changes weights


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, 0.01),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_average_and_clipping(name):
    def compute(device):
        net = models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(0)).to(device)
        optimizer, average = OPTIMIZERS[name](net.parameters()), optim.EMA(net, 0.9)
        x = mg.Tensor(here(normal(*ROWS), device))
        with captured_on(device):
            for _ in range(3):
                optimizer.step(mg.grad(ops.square(net(x)).sum(), net.parameters()))
                average.update(net)
            penalties.clip_weights(net, 0.05)
        return [net.state_dict(), optimizer.state_dict(), average.state_dict()]

    expected, found = map(compute, DEVICES)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert all(type(one[k]) is np.ndarray and one[k].tobytes() == other[k].tobytes() for k in one)


def test_a_state_saved_on_one_device_is_loaded_on_another():
    nets = [models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(seed)) for seed in (0, 1)]
    nets[1].to("strict")
    optimizers = [optim.Adam(net.parameters(), 0.01) for net in nets]
    optimizers[0].step([mg.Tensor(normal(*p.shape)) for p in nets[0].parameters()])
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    same([p.data for p in nets[1].parameters()], [p.data for p in nets[0].parameters()])
    same(optimizers[1].state, optimizers[0].state)
    nets[0].load_state_dict(nets[1].state_dict())


def test_gradients_are_clipped():
    def compute(device):
        gradients, norm = optim.clip_grad_norm([mg.Tensor(here(normal(5, seed=s), device)) for s in (1, 2)], 0.5)
        return [*gradients, norm]

    on_both(compute)


# --- whole steps


def dense_game(device, loss, penalty):
    generator = models.dense.generator(3, (5,), 16, 2, batch_norm=True, rng=Generator(0))
    critic = models.dense.critic((5,), 16, 2, rng=Generator(1))
    return game(device, generator, critic, loss, penalty), normal(6, 5, seed=2), normal(6, 3, seed=3)


def dcgan_game(device, loss, penalty):
    generator = models.dcgan.generator(3, (8, 8, 1), 4, 3, init=nn.init.he, rng=Generator(0))
    critic = models.dcgan.critic((8, 8, 1), 4, 3, init=nn.init.he, dropout=0.2, rng=Generator(1))
    return game(device, generator, critic, loss, penalty), normal(6, 8, 8, 1, seed=2), normal(6, 3, seed=3)


def game(device, generator, critic, loss, penalty):
    generator.to(device), critic.to(device)
    optimizers = optim.Adam(generator.parameters(), 1e-3), optim.Adam(critic.parameters(), 1e-3)
    weighted = None if penalty is None else lambda c, x, y: 10.0 * PENALTIES[penalty](c, x, y)
    return gan.Game(generator, critic, *optimizers, loss, penalty=weighted)


def state(game):
    return [array for net in (game.generator, game.critic) for _, array in net._state()]


CASES = [(make, loss, "gradient_penalty") for make in (dense_game, dcgan_game) for loss in losses.ALL]
CASES += [(dense_game, "wasserstein", penalty) for penalty in [*PENALTIES, None]]
named = [f"{make.__name__}-{loss}-{penalty}" for make, loss, penalty in CASES]


@pytest.mark.parametrize(("make", "loss", "penalty"), CASES, ids=named)
def test_whole_steps(make, loss, penalty):
    """Three rounds: the reports, and every weight and statistic after them."""

    def compute(device):
        game, real, z = make(device, losses.ALL[loss], penalty)
        real, z = here(real, device), here(z, device)
        reports = [game.critic_step(real, z) | game.generator_step(z, real) for _ in range(3)]
        return [reports, state(game), game.gradient_norms]

    on_both(compute)


@pytest.mark.parametrize(("make", "loss", "penalty"), CASES, ids=named)
def test_what_is_between_the_reports_can_be_captured(make, loss, penalty):
    """Terms, gradients and the update of both players, without a look at any value."""
    game, real, z = make("strict", losses.ALL[loss], penalty)
    real, z = on_device(real), on_device(z)
    twin, *_ = make("strict", losses.ALL[loss], penalty)
    for g in (game, twin):
        g.critic_step(real, z)  # the first looks whether the critic mixes samples
    with capturing():
        _, gradients, _ = game.slope("critic" if penalty is None else "penalised critic", mg.Tensor(real), z, None)
        game.critic_optimizer.step(gradients)
        _, gradients, _ = game.slope("generator", z, mg.Tensor(real), None)
        game.generator_optimizer.step(gradients)
    twin.critic_step(real, z)
    twin.generator_step(z, real)
    same(state(game), [a.get() for a in state(twin)])


def test_the_report_is_what_looks_at_values():
    game, real, z = dense_game("strict", losses.wasserstein, None)
    real, z = on_device(real), on_device(z)
    game.critic_step(real, z)
    with capturing(), pytest.raises(SyncError, match=r"item\(\)"):
        game.critic_step(real, z)


def test_conditional_games():
    """Labels on the CPU are moved, those on the device stay unseen."""

    def compute(device, labels_of=lambda labels, device: labels):
        body = models.dense.generator(3 + 4, (5,), 8, 1, rng=Generator(0))
        generator = models.conditional.LabelledGenerator(body, 4).to(device)
        labels, real, z = np.array([0, 3, 1, 1, 2, 0]), here(normal(6, 5), device), here(normal(6, 3), device)
        reports = []
        for critic in (
            models.conditional.ProjectionCritic(models.dense.critic((5,), 8, 1, outputs=5, rng=Generator(1)), 4),
            models.conditional.ConcatenationCritic(models.dense.critic((9,), 8, 1, rng=Generator(1)), 4),
        ):
            played = game(device, generator, critic, losses.hinge, None)
            labels_here = labels_of(labels, device)
            reports += [played.critic_step(real, z, labels_here), played.generator_step(z, real, labels_here)]
        return [reports, [p.data for p in generator.parameters()]]

    on_both(compute)
    on_both(lambda device: compute(device, here))
    with pytest.raises(ValueError, match=r"labels must be integers \(N,\) in \[0, 4\)"):
        models.conditional.one_hot(np.array([4]), 4, device="strict")


# --- devices


def test_tensors_and_modules_move():
    assert mg.device_count() >= 1
    x = mg.tensor([1.0, 2.0], device="strict")
    assert x.device == "strict"
    assert type(x.data) is StrictArray
    assert x.to("strict") is x
    assert x.to("cpu").data.tolist() == [1, 2]
    assert mg.tensor(x).device == mg.tensor(x.data).device == "strict"
    assert mg.tensor(x, device="cpu").device == "cpu"
    assert x.numpy().tolist() == [1, 2]
    assert "1., 2." in repr(x)
    with pytest.raises(TypeError, match=r"nothing is copied from 'strict' silently: use \.numpy\(\)"):
        np.asarray(x)
    with pytest.raises(ValueError, match="unknown device 'gpu': this installation has cpu, strict"):
        x.to("gpu")


def test_a_module_moves_in_place_and_back():
    net = models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(0))
    before, parameters = net.state_dict(), net.parameters()
    x = mg.Tensor(normal(*ROWS))
    loss = net(x).sum()
    assert net.to("strict") is net
    assert all(p is q and p.device == "strict" for p, q in zip(net.parameters(), parameters, strict=True))
    assert {type(array) for _, array in net.named_buffers()} == {StrictArray}
    assert {g.device for g in mg.grad(loss, parameters)} == {"cpu"}, "the graph has kept what it was built on"
    net.to("cpu")
    after = net.state_dict()
    assert all(before[k].tobytes() == after[k].tobytes() or "running" in k for k in before)
    optim.SGD(net.parameters(), 0.1).step(mg.grad(net(x).sum(), net.parameters()))


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
    x, y = mg.tensor(normal(3, 3), device="strict"), mg.tensor(normal(3, 3))
    if swapped and name in ("linear", "conv2d", "batch_norm"):
        pytest.skip("the other way round nothing is mixed")
    said = rf"{name}[(:].*on '(cpu|strict)'.* on '(cpu|strict)'.*nothing is copied.*\.to\('strict'\)"
    with pytest.raises(TypeError, match=f"(?s){said}"):
        MIXED[name](*((y, x) if swapped else (x, y)))


def test_mixed_devices_beside_operations():
    net = nn.Linear(3, 1, rng=Generator(0))
    optimizer = optim.Adam(net.parameters())
    gradients = [mg.Tensor(normal(*p.shape)) for p in net.parameters()]
    net.to("strict")
    with pytest.raises(ValueError, match=r"is on 'strict', its gradient on 'cpu'"):
        optimizer.step(gradients)
    with pytest.raises(ValueError, match=r"keeps for it on .cpu.; make the optimizer after"):
        optimizer.step([g.to("strict") for g in gradients])
    x = mg.tensor([1.0], requires_grad=True, device="strict")
    with pytest.raises(TypeError, match=r"grad_outputs\[0\] is on 'cpu' but outputs\[0\] is on 'strict'"):
        mg.grad(x * 2.0, [x], np.ones(1))


# --- derivatives by name, and random numbers


def test_every_face_of_autodiff():
    def compute(device):
        x, v = [here(normal(3, seed=s), device) for s in (1, 2)]
        f = lambda x: ops.exp(x * x).sum()
        leaf = mg.Tensor(x, requires_grad=True)
        _, pull = mg.vjp(ops.tanh, x)
        with captured_on(device):
            return [
                mg.jvp(ops.tanh, x, v), mg.hvp(f, x, v), mg.jacobian(ops.tanh, x), mg.hessian(f, x),
                mg.value_and_grad(f)(x), pull(mg.Tensor(v)), mg.grad(f(leaf), [leaf], 2.0),
            ]  # fmt: skip

    on_both(compute)


def test_a_checkpoint_waits_once():
    def compute(device):
        net = models.dense.critic((5,), 8, 1, rng=Generator(0)).to(device)
        y = mg.checkpoint(net, mg.Tensor(here(normal(*ROWS), device)))
        return mg.grad(ops.square(y).sum(), net.parameters())

    on_both(compute)


def test_one_stream_of_random_numbers_for_all_devices():
    alone, shared = Generator(7), Generator(7)
    elsewhere = shared.on("strict")
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
            same_bits(found, expected) if k % 2 else np.testing.assert_array_equal(found, expected)
    assert elsewhere.state == shared.state == alone.state
    copy.copy(elsewhere).normal(3)
    assert elsewhere.state == alone.state, "a copy goes its own way"
    assert elsewhere.spawn().device == "strict"
    assert Generator(7, "strict").normal(2).get().tobytes() == Generator(7).normal(2).tobytes()


# --- looking at a game


def test_the_vitals_of_a_game():
    def compute(device):
        game, real, z = dense_game(device, losses.non_saturating, "gradient_penalty")
        real, z = here(real, device), here(z, device)
        game.critic_step(real, z)
        return asdict(measure(game, real, z, None, 1, weight_norms(game))) | {"copying": None}

    on_both(compute)


def test_a_step_that_is_not_finite_is_refused_and_explained():
    def compute(device):
        game, real, z = dense_game(device, losses.wasserstein, "gradient_penalty")
        real, z = here(real, device), here(z, device)
        game.critic.parameters()[0].assign_(np.full(game.critic.parameters()[0].shape, 1e38, "float32"))
        with np.errstate(all="ignore"):
            with pytest.raises(FloatingPointError, match="the step is not finite") as raised:
                game.critic_step(real, z)
            return [str(raised.value), gan.explain_nan(game, real, z)]

    on_both(compute)


def test_a_profile(capsys):
    game, real, z = dense_game("strict", losses.wasserstein, "gradient_penalty")
    with mg.profile():
        game.critic_step(on_device(real), on_device(z))
    assert "critic.dense1" in capsys.readouterr().out
