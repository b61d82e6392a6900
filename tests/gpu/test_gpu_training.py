"""Layers, losses, penalties, optimizers, averages and whole games on a GPU: the numbers of the CPU, captured.

A captured step must not wait for the device or copy from the host: CUDA and CuPy refuse it.  Steps in float32 launch no
kernel in double precision.
"""

import numpy as np
import pytest
from against_numpy import both, close, near, put
from captured_games import numbers

import minigan as mg
from minigan import gan, models, nn, ops, optim
from minigan.gan import losses, penalties
from minigan.gan.augmentation import TRANSFORMATIONS, Augment
from minigan.gan.tricks import InstanceNoise, PackedCritic, smooth_labels
from minigan.random import Generator

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("single")]

TOLERANCE = 1e-4  # after several steps, of the largest number in an array


def normal(*shape, seed=1):
    return Generator(seed).normal(shape)


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
    """Its output, the gradients of a gradient's norm, and what it tracks."""
    make, shape = LAYERS[name]
    layers = {}

    def on(device):
        layer = layers[device] = make().to(device)

        def step(x):
            y = layer(x)
            (g,) = mg.grad(ops.square(y).sum(), [x], create_graph=True)
            return [y, g, *mg.grad(ops.square(g).sum(), [x, *layer.parameters()], allow_unused=True)]

        return step

    both(on, normal(*shape))
    near(*[[array for _, array in layers[device].named_buffers()] for device in ("cuda", "cpu")])


def test_no_layer_is_left_out():
    tried = {name.split()[0] for name in LAYERS} | {"Embedding", "Module", "Sequential", "Summary"}
    assert {name for name, value in vars(nn).items() if isinstance(value, type)} <= tried


def test_embedding():
    index = np.array([[0, 2], [2, 1]])
    here, there = [nn.Embedding(3, 4, rng=Generator(0)).to(device) for device in ("cpu", "cuda")]

    def step(layer, index):
        y = layer(index)
        return [y, *mg.grad(ops.square(y).sum(), layer.parameters())]

    expected, captured = step(here, index), mg.capture(lambda index: step(there, index))
    near(step(there, index), expected)
    for _ in range(3):
        near(captured(put(index)), expected)
    with pytest.raises(ValueError, match="needs integers in"):
        there(np.array([3]))


# --- objectives


@pytest.mark.parametrize("name", losses.ALL)
def test_loss(name):
    loss = losses.ALL[name]

    def step(real, fake):
        values = [loss.critic(real, fake), loss.generator(fake, real)]
        gradients = [mg.grad(v, [real, fake], create_graph=True, allow_unused=True) for v in values]
        curved = [g for pair in gradients for g in pair if g is not None]
        total = sum((ops.square(g).sum() for g in curved), ops.square(fake).sum())
        return [values, curved, mg.grad(total, [real, fake], allow_unused=True)[1:]]

    both(lambda device: step, normal(6, 1), normal(6, 1, seed=2))


PENALTIES = {
    "gradient_penalty": penalties.gradient_penalty,
    "zero_centered": penalties.zero_centered,
    "r1": lambda c, x, y, rng: penalties.r1(c, x),
    "r2": lambda c, x, y, rng: penalties.r2(c, y),
    "r1_r2": lambda c, x, y, rng: penalties.r1_r2(c, x, y),
    "drift": lambda c, x, y, rng: penalties.drift(c, x, y),
    "dragan": lambda c, x, y, rng: penalties.dragan(c, x, rng),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty(name):
    def on(device):
        critic, rng = models.dense.critic((5,), 8, 2, rng=Generator(0)).to(device), Generator(5)

        def step(real, fake):
            value = PENALTIES[name](critic, real.detach(), fake.detach(), rng)
            return [value, *mg.grad(value, critic.parameters(), allow_unused=True)]

        return step

    both(on, normal(*ROWS), normal(*ROWS, seed=2))


def test_tricks():
    def on(device):
        critic = PackedCritic(models.dense.critic((10,), 8, 2, rng=Generator(0)), 2).to(device)

        def step(real, fake):
            loss = smooth_labels(losses.non_saturating).critic(critic(real), critic(fake))
            return [loss, *mg.grad(loss, critic.parameters())]

        return step

    both(on, normal(*ROWS), normal(*ROWS, seed=2))


# --- what changes weights


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, 0.01, eps=1e-3),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, eps=1e-3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_average_and_clipping(name):
    """As they are, and then recorded in one graph."""
    states = {}

    def on(device):
        net = models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(0)).to(device)
        optimizer, average = OPTIMIZERS[name](net.parameters()), optim.EMA(net, 0.9)
        states[device] = lambda: net.state_dict() | optimizer.state_dict() | average.state_dict()

        def step(x):
            optimizer.step(mg.grad(ops.square(net(x)).sum(), net.parameters()))
            average.update(net)
            penalties.clip_weights(net, 0.05)
            return net(x)

        return step

    both(on, normal(*ROWS), calls=2)
    found, expected = [states[device]() for device in ("cuda", "cpu")]
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=TOLERANCE, atol=TOLERANCE, err_msg=key)


def test_a_state_saved_on_one_device_is_loaded_on_another():
    nets = [models.dense.critic((5,), 8, 1, batch_norm=True, rng=Generator(seed)) for seed in (0, 1)]
    nets[1].to("cuda")
    optimizers = [optim.Adam(net.parameters(), 0.01) for net in nets]
    optimizers[0].step([mg.Tensor(normal(*p.shape)) for p in nets[0].parameters()])
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    for part in (nets, optimizers):
        saved, loaded = [one.state_dict() for one in part]
        assert all(loaded[key].tobytes() == array.tobytes() for key, array in saved.items())
    nets[0].load_state_dict(nets[1].state_dict())


def test_gradients_are_clipped():
    arrays = [normal(5), normal(5, seed=2)]
    (found, norm), (expected, other) = [
        optim.clip_grad_norm([mg.Tensor(a) for a in given], 0.5) for given in (put(arrays), arrays)
    ]
    near(found, expected)
    assert float(norm) == pytest.approx(float(other))


# --- whole games


def dense_game(device, loss, penalty, **options):
    generator = models.dense.generator(3, (5,), 16, 2, batch_norm=True, rng=Generator(0))
    critic = models.dense.critic((5,), 16, 2, rng=Generator(1))
    return game(device, generator, critic, loss, penalty, **options), normal(6, 5, seed=2), normal(6, 3, seed=3)


def dcgan_game(device, loss, penalty, **options):
    generator = models.dcgan.generator(3, (8, 8, 1), 4, 3, init=nn.init.he, rng=Generator(0))
    critic = models.dcgan.critic((8, 8, 1), 4, 3, init=nn.init.he, dropout=0.2, rng=Generator(1))
    return game(device, generator, critic, loss, penalty, **options), normal(6, 8, 8, 1, seed=2), normal(6, 3, seed=3)


def game(device, generator, critic, loss, penalty, **options):
    generator.to(device), critic.to(device)
    optimizers = [optim.Adam(net.parameters(), 1e-3, eps=1e-3) for net in (generator, critic)]
    rng = Generator(5)
    weighted = None if penalty is None else lambda c, x, y: 10.0 * PENALTIES[penalty](c, x, y, rng)
    return gan.Game(generator, critic, *optimizers, loss, penalty=weighted, **options)


def same_reports(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=TOLERANCE, abs=TOLERANCE)


def same_weights(one, other):
    for found, expected in zip((one.generator, one.critic), (other.generator, other.critic), strict=True):
        for (_, there), (_, here) in zip(found._state(), expected._state(), strict=True):
            close(there, here, TOLERANCE)


CASES = [(make, loss, "gradient_penalty") for make in (dense_game, dcgan_game) for loss in losses.ALL]
CASES += [(dense_game, "wasserstein", penalty) for penalty in [*PENALTIES, None]]
named = [f"{make.__name__}-{loss}-{penalty}" for make, loss, penalty in CASES]


@pytest.mark.parametrize(("make", "loss", "penalty"), CASES, ids=named)
def test_a_captured_game_is_that_of_the_cpu(make, loss, penalty):
    """Rounds as they are, recorded, and replayed: the reports, and every weight and statistic after them."""
    (there, *data), (here, real, z) = [
        make(device, losses.ALL[loss], penalty, captured=device == "cuda") for device in ("cuda", "cpu")
    ]
    far_real, far_z = put(data)
    found, expected = [], []
    for _ in range(4):
        found.append(numbers(there.critic_step(far_real, far_z) | there.generator_step(far_z, far_real)))
        expected.append(here.critic_step(real, z) | here.generator_step(z, real))
    same_reports(found, expected)
    same_reports([numbers(there.gradient_norms)], [here.gradient_norms])
    same_weights(there, here)


@pytest.mark.parametrize("captured", [False, True])
def test_conditional_games(captured):
    """Labels on the CPU are moved, those on the device stay unseen."""

    def compute(device):
        body = models.dense.generator(3 + 4, (5,), 8, 1, rng=Generator(0))
        generator = models.conditional.LabelledGenerator(body, 4).to(device)
        labels, real, z = np.array([0, 3, 1, 1, 2, 0]), normal(6, 5), normal(6, 3)
        if device == "cuda":
            real, z, labels = *put([real, z]), put(labels) if captured else labels
        reports = []
        for critic in (
            models.conditional.ProjectionCritic(models.dense.critic((5,), 8, 1, outputs=5, rng=Generator(1)), 4),
            models.conditional.ConcatenationCritic(models.dense.critic((9,), 8, 1, rng=Generator(1)), 4),
        ):
            played = game(device, generator, critic, losses.hinge, None, captured=captured and device == "cuda")
            for _ in range(3):
                reports.append(numbers(played.critic_step(real, z, labels) | played.generator_step(z, real, labels)))
        return reports, played

    (found, there), (expected, here) = map(compute, ("cuda", "cpu"))
    same_reports(found, expected)
    same_weights(there, here)
    with pytest.raises(ValueError, match=r"labels must be integers \(N,\) in \[0, 4\)"):
        models.conditional.one_hot(np.array([4]), 4, device="cuda")
