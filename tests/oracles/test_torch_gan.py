"""Whole GANs against PyTorch's autograd, in float64: penalties with their weight gradients, and training itself.

`play` runs a minigan network in PyTorch, layer by layer, on images (N, C, H, W).  Its weights are copies of minigan's;
nothing else is shared.
"""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import gan, models, nn, optim
from minigan.random import Generator

torch = pytest.importorskip("torch")
functional = torch.nn.functional


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def as_torch(array):
    """A parameter in PyTorch's layout.

    (kH, kW, I, O) to (O, I, kH, kW), for both kinds of convolution; (I, O) to (O, I).
    """
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim, tuple(range(array.ndim)))
    return torch.tensor(np.ascontiguousarray(array.transpose(axes)))


def as_minigan(tensor):
    array = tensor.detach().numpy()
    return array.transpose({4: (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim, tuple(range(array.ndim))))


def images(array):
    """(N, H, W, C) to (N, C, H, W)."""
    return torch.tensor(np.ascontiguousarray(np.moveaxis(array, -1, 1))) if array.ndim == 4 else torch.tensor(array)


def twin(network):
    """({name: tensor that requires a gradient}, {name: tensor}), copies of the parameters and the buffers."""
    weights = {name: as_torch(p.data).requires_grad_() for name, p in network.named_parameters()}
    return weights, {name: torch.tensor(a) for name, a in network.named_buffers()}


def same(size, kernel, stride):
    """TensorFlow's "same" padding of one side: (before, after), the odd pixel after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def play(network, weights, buffers, x, training=True):
    for name, layer in network.named_children():
        w, b = weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
        if isinstance(layer, nn.Linear):
            x = functional.linear(x, w, b)
        elif isinstance(layer, nn.Conv2d):
            stride, kernel = layer.options["stride"], w.shape[2]
            rows, columns = (same(n, kernel, stride) for n in x.shape[2:])
            x = functional.conv2d(functional.pad(x, (*columns, *rows)), w, b, stride)
        elif isinstance(layer, nn.ConvTranspose2d):
            stride, kernel = layer.options["stride"], w.shape[2]
            height, breadth = (n * stride for n in x.shape[2:])
            top, left = same(height, kernel, stride)[0], same(breadth, kernel, stride)[0]
            full = functional.conv_transpose2d(x, w, None, stride)
            x = full[:, :, top : top + height, left : left + breadth]
            x = x if b is None else x + b[:, None, None]
        elif isinstance(layer, nn.BatchNorm):
            mean, variance = buffers[f"{name}.running_mean"], buffers[f"{name}.running_var"]
            x = functional.batch_norm(
                x,
                mean,
                variance,
                weights[f"{name}.gamma"],
                weights[f"{name}.beta"],
                training,
                layer.momentum,
                layer.eps,
            )
        elif isinstance(layer, nn.LeakyReLU):
            x = functional.leaky_relu(x, layer.options["slope"])
        elif isinstance(layer, nn.Tanh):
            x = torch.tanh(x)
        elif isinstance(layer, nn.Flatten):
            x = x.permute(0, 2, 3, 1).flatten(1)  # minigan flattens (H, W, C)
        elif isinstance(layer, nn.Reshape):
            height, breadth, channels = layer.shape
            x = x.reshape(-1, height, breadth, channels).permute(0, 3, 1, 2)
        else:
            raise NotImplementedError(type(layer).__name__)
    return x


# --- penalties in PyTorch ----------------------------------------------------------------------------------


def squared_norms(critic, x):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return g.flatten(1).square().sum(1)


def between(real, fake, e):
    return e * real + (1 - e) * fake


PENALTIES = {  # ours(critic, real, fake, rng), theirs(critic, real, fake, e, noise)
    "wgan-gp": (
        lambda c, r, f, rng: 10.0 * gan.penalties.gradient_penalty(c, r, f, rng),
        lambda c, r, f, e, noise: 10 * (squared_norms(c, between(r, f, e)).sqrt() - 1).square().mean(),
    ),
    "zero-centred": (
        lambda c, r, f, rng: 3.0 * gan.penalties.zero_centered(c, r, f, rng),
        lambda c, r, f, e, noise: 3 * squared_norms(c, between(r, f, e)).mean(),
    ),
    "r1": (
        lambda c, r, f, rng: 5.0 * gan.penalties.r1(c, r),
        lambda c, r, f, e, noise: 5 / 2 * squared_norms(c, r).mean(),
    ),
    "r1 + r2": (
        lambda c, r, f, rng: gan.penalties.r1(c, r) + 2.0 * gan.penalties.r2(c, f),
        lambda c, r, f, e, noise: squared_norms(c, r).mean() / 2 + 2 * squared_norms(c, f).mean() / 2,
    ),
    "dragan": (
        lambda c, r, f, rng: 10.0 * gan.penalties.dragan(c, r, rng),
        lambda c, r, f, e, noise: (
            10 * (squared_norms(c, r + r.std(correction=0) / 2 * noise).sqrt() - 1).square().mean()
        ),
    ),
}


def draws(seed, shape):
    """What a minigan penalty draws from Generator(seed): e, one for each sample, or DRAGAN's noise for each pixel."""
    e = Generator(seed).uniform((shape[0],) + (1,) * (len(shape) - 1), dtype="float64")
    return images(e), images(Generator(seed).uniform(shape, dtype="float64"))


def close(got, expected, tolerance):
    """Equal up to `tolerance` times the largest element."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1e-3))


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize(("shape", "kernel"), [((8, 8, 1), 5), ((12, 20, 2), 3)])
def test_a_penalised_critic_loss_and_all_its_weight_gradients(name, shape, kernel):
    critic = models.dcgan.critic(shape, width=4, kernel=kernel, init=nn.init.he, rng=Generator(0), dtype="float64")
    for p in critic.parameters():
        p.assign_(p.data + 0.1 * Generator(p.size).normal(p.shape, "float64"))  # biases too
    real, fake = (Generator(seed).normal((5, *shape), "float64") for seed in (1, 2))
    ours, theirs = PENALTIES[name]

    penalty = ours(critic, real, fake, Generator(3))
    loss = gan.losses.wasserstein.critic(critic(real), critic(fake)) + penalty
    grads = mg.grad(loss, critic.parameters())

    weights, _ = twin(critic)

    def critic_torch(x):
        return play(critic, weights, {}, x)

    r, f = images(real), images(fake)
    penalty_torch = theirs(critic_torch, r, f, *draws(3, real.shape))
    loss_torch = critic_torch(f).mean() - critic_torch(r).mean() + penalty_torch
    grads_torch = torch.autograd.grad(loss_torch, list(weights.values()))

    assert penalty_torch.item() > 0.01
    close(penalty.item(), penalty_torch.item(), 1e-10)
    close(loss.item(), loss_torch.item(), 1e-10)
    for p, g, g_torch in zip(critic.parameters(), grads, grads_torch, strict=True):
        assert g.shape == p.shape
        close(g.numpy(), as_minigan(g_torch), 1e-10)


# --- training ----------------------------------------------------------------------------------------------

LOSSES = {  # critic(real, fake), generator(fake, real)
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean()),
    "non_saturating": (
        lambda r, f: (
            functional.binary_cross_entropy_with_logits(r, torch.ones_like(r))
            + functional.binary_cross_entropy_with_logits(f, torch.zeros_like(f))
        ),
        lambda f, r: functional.binary_cross_entropy_with_logits(f, torch.ones_like(f)),
    ),
    "relativistic": (
        lambda r, f: functional.softplus(f - r).mean(),
        lambda f, r: functional.softplus(r - f).mean(),
    ),
    "hinge": (lambda r, f: functional.relu(1 - r).mean() + functional.relu(1 + f).mean(), lambda f, r: -f.mean()),
    "least_squares": (
        lambda r, f: ((r - 1).square().mean() + f.square().mean()) / 2,
        lambda f, r: (f - 1).square().mean() / 2,
    ),
}
# loss, penalty, penalty interval, batch norm in the critic
RECIPES = [
    ("wasserstein", "wgan-gp", 1, False),
    ("non_saturating", "r1", 4, False),
    ("relativistic", "r1 + r2", 1, False),
    ("hinge", None, 1, True),
    ("least_squares", "dragan", 2, False),
]
STEPS, N, LATENT, SHAPE = 20, 6, 5, (16, 16, 1)
ADAM = {"lr": 1e-3, "betas": (0.5, 0.9)}


def noise(seed):
    return Generator(seed).normal((N, LATENT), "float64")


def real_batch(seed):
    return np.tanh(Generator(seed).normal((N, *SHAPE), "float64"))


def train_minigan(generator, critic, recipe):
    loss, penalty, interval, _ = recipe
    state = {"step": 0}
    ours = PENALTIES[penalty][0] if penalty else None
    game = gan.Game(
        generator,
        critic,
        optim.Adam(generator.parameters(), **ADAM),
        optim.Adam(critic.parameters(), **ADAM),
        getattr(gan.losses, loss),
        penalty=ours and (lambda c, r, f: ours(c, r, f, Generator(300 + state["step"]))),
        penalty_interval=interval,
    )
    history = []
    for t in range(STEPS):
        state["step"] = t
        history.append(
            game.critic_step(real_batch(t), noise(100 + t)) | game.generator_step(noise(200 + t), real_batch(400 + t))
        )
    return history


def train_torch(generator, critic, weights_g, weights_c, buffers_g, buffers_c, recipe):
    loss, penalty, interval, _ = recipe
    critic_loss, generator_loss = LOSSES[loss]
    opt_g = torch.optim.Adam(list(weights_g.values()), **ADAM)
    opt_c = torch.optim.Adam(list(weights_c.values()), **ADAM)

    def d(x):
        return play(critic, weights_c, buffers_c, x)

    history = []
    for t in range(STEPS):
        real = images(real_batch(t))
        with torch.no_grad():
            fake = play(generator, weights_g, buffers_g, torch.tensor(noise(100 + t)))
        total = critic_loss(d(real), d(fake))
        report = {"critic_loss": total.item()}
        if penalty and t % interval == 0:
            extra = PENALTIES[penalty][1](d, real, fake, *draws(300 + t, (N, *SHAPE)))
            report["penalty"] = extra.item()
            total = total + interval * extra
        opt_c.zero_grad()
        total.backward()
        opt_c.step()

        real = d(images(real_batch(400 + t))) if loss == "relativistic" else None
        total = generator_loss(d(play(generator, weights_g, buffers_g, torch.tensor(noise(200 + t)))), real)
        opt_g.zero_grad()
        total.backward()
        opt_g.step()
        history.append(report | {"generator_loss": total.item()})
    return history


@pytest.mark.parametrize("recipe", RECIPES, ids=[r[0] for r in RECIPES])
def test_twenty_alternating_steps(recipe):
    rng = Generator(0)
    options = {"width": 4, "init": nn.init.he, "rng": rng, "dtype": "float64"}
    generator = models.dcgan.generator(LATENT, SHAPE, **options)
    critic = models.dcgan.critic(SHAPE, batch_norm=recipe[3], **options)
    generator_twin, critic_twin = copy.deepcopy(generator), copy.deepcopy(critic)
    (weights_g, buffers_g), (weights_c, buffers_c) = twin(generator), twin(critic)

    expected = train_torch(generator_twin, critic_twin, weights_g, weights_c, buffers_g, buffers_c, recipe)
    got = train_minigan(generator, critic, recipe)

    for t, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert a.keys() == b.keys(), f"step {t}"
        for key in b:
            assert abs(a[key] - b[key]) < 1e-8 * max(abs(b[key]), 1), f"{key} at step {t}: {a[key]} and {b[key]}"
    assert abs(got[-1]["critic_loss"] - got[0]["critic_loss"]) > 1e-3, "nothing was learned, so nothing was compared"
    for network, weights, buffers in ((generator, weights_g, buffers_g), (critic, weights_c, buffers_c)):
        for name, p in network.named_parameters():
            close(p.data, as_minigan(weights[name]), 1e-7)
        for name, buffer in network.named_buffers():
            close(buffer, buffers[name].numpy(), 1e-7)
    z = noise(999)
    sampled = play(generator, weights_g, buffers_g, torch.tensor(z), training=False).detach().numpy()
    close(np.moveaxis(generator.eval()(z).numpy(), -1, 1), sampled, 1e-7)


# --- spectral normalisation --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "conv", "transposed"])
def test_spectral_norm(kind):
    rng = Generator(0)
    layer, module, shape = {
        "linear": (nn.Linear(6, 4, rng=rng, dtype="float64"), torch.nn.Linear(6, 4), (3, 6)),
        "conv": (nn.Conv2d(2, 5, 3, rng=rng, dtype="float64"), torch.nn.Conv2d(2, 5, 3), (3, 6, 6, 2)),
        "transposed": (
            nn.ConvTranspose2d(3, 4, 3, rng=rng, dtype="float64"),
            torch.nn.ConvTranspose2d(3, 4, 3),
            (3, 4, 4, 3),
        ),
    }[kind]
    module = module.double()
    with torch.no_grad():
        module.weight.copy_(as_torch(layer.weight.data))
        module.bias.copy_(torch.tensor(layer.bias.data))
    ours = nn.spectral_norm(layer, rng=rng)
    theirs = torch.nn.utils.spectral_norm(module)
    theirs.weight_u.copy_(torch.tensor(ours.u))
    for step in range(4):
        x = Generator(step + 1).normal(shape, "float64")
        y, y_torch = ours(x), theirs(images(x))
        close(np.moveaxis(y.numpy(), -1, 1), y_torch.detach().numpy(), 1e-9)
        close(ours.u, theirs.weight_u.numpy(), 1e-9)
        (g,) = mg.grad((y * y * y).sum(), [layer.weight])
        (g_torch,) = torch.autograd.grad((y_torch**3).sum(), module.weight_orig)
        close(g.numpy(), as_minigan(g_torch), 1e-9)
