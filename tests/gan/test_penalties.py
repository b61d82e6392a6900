"""Gradient penalties against closed forms: linear and quadratic critics, for which the input gradient is known.

D(x) = <w, x> has gradient w everywhere; D(x) = sum a x^2 / 2 has gradient a x.
"""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import models, nn, ops
from minigan.gan import penalties
from minigan.random import Generator

SHAPES = [(6, 5), (4, 3, 5), (3, 4, 5, 2)]  # rank 2, 3, 4
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=["rank2", "rank3", "rank4"])


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def per_sample(x):
    return x.sum(tuple(range(1, x.ndim)), keepdims=True).reshape(len(x), 1)


class Linear(nn.Module):
    def __init__(self, w):
        self.w = mg.Parameter(w)

    def forward(self, x):
        return ops.reshape(ops.sum(x * self.w, axis=tuple(range(1, x.ndim))), -1, 1)


class Quadratic(nn.Module):
    """The critic sum a x^2 / 2, which keeps every input it was called with."""

    def __init__(self, a):
        self.a = mg.Parameter(a)
        self.__dict__["seen"] = []

    def forward(self, x):
        self.seen.append(x)
        return ops.reshape(ops.sum(self.a * x * x * 0.5, axis=tuple(range(1, x.ndim))), -1, 1)


def uniform(seed, shape):
    """Return the numbers e that a penalty draws from Generator(seed)."""
    return Generator(seed).uniform((shape[0],) + (1,) * (len(shape) - 1), dtype="float64")


def mean_square_norm(g):
    return (g * g).reshape(len(g), -1).sum(1).mean()


# --- values and weight gradients ---------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("target", [1.0, 0.0, 2.5])
def test_gradient_penalty_of_a_linear_critic(shape, target):
    w = normal(shape[1:])
    critic, size = Linear(w), np.sqrt((w * w).sum())
    penalty = penalties.gradient_penalty(critic, normal(shape, 1), normal(shape, 2), Generator(3), target=target)
    assert penalty.shape == ()
    np.testing.assert_allclose(penalty.item(), (size - target) ** 2, rtol=1e-12)
    (g,) = mg.grad(penalty, [critic.w])
    np.testing.assert_allclose(g.numpy(), 2 * (size - target) * w / size, rtol=1e-11)


@every_shape
def test_the_target_is_1_unless_said_otherwise(shape):
    w = normal(shape[1:])
    penalty = penalties.gradient_penalty(
        Linear(w / np.sqrt((w * w).sum())), normal(shape, 1), normal(shape, 2), Generator(3)
    )
    assert penalty.item() < 1e-25


@every_shape
def test_gradient_penalty_of_a_quadratic_critic(shape):
    """The norm is that of each sample over all its axes: no other reduction gives this number."""
    a, real, fake, e = normal(shape[1:]), normal(shape, 1), normal(shape, 2), uniform(3, shape)
    critic = Quadratic(a)
    x = e * real + (1 - e) * fake
    norms = np.sqrt(per_sample((a * x) ** 2))
    penalty = penalties.gradient_penalty(critic, real, fake, Generator(3))
    np.testing.assert_allclose(penalty.item(), ((norms - 1) ** 2).mean(), rtol=1e-12)
    factor = ((norms - 1) / norms).reshape((-1,) + (1,) * (x.ndim - 1))
    (g,) = mg.grad(penalty, [critic.a])
    np.testing.assert_allclose(g.numpy(), (2 * factor * a * x * x).mean(0), rtol=1e-10, atol=1e-12)


@every_shape
def test_zero_centered(shape):
    a, real, fake, e = normal(shape[1:]), normal(shape, 1), normal(shape, 2), uniform(3, shape)
    critic = Quadratic(a)
    x = e * real + (1 - e) * fake
    penalty = penalties.zero_centered(critic, real, fake, Generator(3))
    np.testing.assert_allclose(penalty.item(), mean_square_norm(a * x), rtol=1e-12)
    (g,) = mg.grad(penalty, [critic.a])
    np.testing.assert_allclose(g.numpy(), (2 * a * x * x).mean(0), rtol=1e-11)


@every_shape
@pytest.mark.parametrize("which", ["r1", "r2"])
def test_r1_and_r2_are_half_the_mean_squared_norm(shape, which):
    a, x = normal(shape[1:]), normal(shape, 1)
    critic = Quadratic(a)
    penalty = getattr(penalties, which)(critic, x)
    np.testing.assert_allclose(penalty.item(), 0.5 * mean_square_norm(a * x), rtol=1e-12)
    (g,) = mg.grad(penalty, [critic.a])
    np.testing.assert_allclose(g.numpy(), (a * x * x).mean(0), rtol=1e-11)


@every_shape
def test_dragan(shape):
    a, real = normal(shape[1:]), normal(shape, 1)
    critic = Quadratic(a)
    x = real + 0.5 * real.std() * Generator(3).uniform(shape, dtype="float64")
    norms = np.sqrt(per_sample((a * x) ** 2))
    penalty = penalties.dragan(critic, real, Generator(3), target=0.5)
    np.testing.assert_allclose(penalty.item(), ((norms - 0.5) ** 2).mean(), rtol=1e-12)
    (g,) = mg.grad(penalty, [critic.a])
    factor = ((norms - 0.5) / norms).reshape((-1,) + (1,) * (x.ndim - 1))
    np.testing.assert_allclose(g.numpy(), (2 * factor * a * x * x).mean(0), rtol=1e-10, atol=1e-12)
    assert np.array_equal(critic.seen[-1].numpy(), x)


def test_r1_of_a_full_quadratic_form():
    """D = x^T A x / 2: the gradient is S x with S = (A + A^T) / 2, so d r1 / dA = mean of sym(S x x^T)."""
    a, x = normal((3, 3)), normal((7, 3), 1)
    weight = mg.Parameter(a)
    penalty = penalties.r1(lambda x: (ops.matmul(x, weight) * x).sum(1) * 0.5, x)
    sym = (a + a.T) / 2
    np.testing.assert_allclose(penalty.item(), 0.5 * ((x @ sym) ** 2).sum(1).mean(), rtol=1e-12)
    (g,) = mg.grad(penalty, [weight])
    outer = sym @ (x.T @ x) / len(x)
    np.testing.assert_allclose(g.numpy(), (outer + outer.T) / 2, rtol=1e-11)


def test_a_penalty_can_itself_be_differentiated_twice():
    a, x = mg.tensor(normal(4), True), normal((5, 4), 1)
    penalty = penalties.r1(lambda x: (a * a * x * x).sum(1) * 0.5, x)  # 1/2 mean a^4 x^2
    (g,) = mg.grad(penalty, [a], create_graph=True)
    (h,) = mg.grad(g.sum(), [a])
    np.testing.assert_allclose(h.numpy(), (6 * a.data**2 * x * x).mean(0), rtol=1e-11)


def all_penalties(critic, real, fake, rng):
    return {
        "gradient_penalty": lambda: penalties.gradient_penalty(critic, real, fake, rng),
        "zero_centered": lambda: penalties.zero_centered(critic, real, fake, rng),
        "r1": lambda: penalties.r1(critic, real),
        "r2": lambda: penalties.r2(critic, fake),
        "dragan": lambda: penalties.dragan(critic, real, rng),
    }


KINDS = ["gradient_penalty", "zero_centered", "r1", "r2", "dragan"]
every_penalty = pytest.mark.parametrize("kind", KINDS)


# --- where the gradient is taken ---------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("kind", ["gradient_penalty", "zero_centered"])
def test_every_sample_has_one_weight_of_its_own(shape, kind):
    """With real = 1 and fake = 0 the critic sees e itself."""
    critic = Quadratic(np.ones(shape[1:]))
    getattr(penalties, kind)(critic, np.ones(shape), np.zeros(shape), Generator(3))
    (seen,) = critic.seen
    e = seen.numpy().reshape(len(seen), -1)
    assert (e == e[:, :1]).all(), "one weight for all pixels"
    assert len(set(e[:, 0])) == len(e), "another for each sample"
    assert np.array_equal(seen.numpy(), np.broadcast_to(uniform(3, shape), shape)), "e weighs the real sample"


def test_the_weights_are_uniform_on_the_unit_interval():
    n = 20_000
    critic = Quadratic(np.ones(1))
    penalties.gradient_penalty(critic, np.ones((n, 1)), np.zeros((n, 1)), Generator(3))
    e = np.sort(critic.seen[0].numpy()[:, 0])
    assert 0 <= e[0] <= e[-1] < 1
    assert abs((e.mean() - 0.5) * math.sqrt(12 * n)) < 4
    distance = np.abs(e - (np.arange(n) + 0.5) / n).max()  # Kolmogorov-Smirnov, 1 in 10^6 beyond 2.7
    assert distance * math.sqrt(n) < 2.7


def test_one_draw_of_the_generator_for_each_sample():
    rng, reference = Generator(3), Generator(3)
    penalties.gradient_penalty(Quadratic(np.ones((4, 4, 1))), np.ones((6, 4, 4, 1)), np.zeros((6, 4, 4, 1)), rng)
    reference.uniform((6, 1, 1, 1), dtype="float64")
    assert rng.state == reference.state


def test_dragan_perturbs_every_pixel_by_half_a_standard_deviation():
    real = 3.0 * normal((50, 400), 1)
    critic = Quadratic(np.ones(400))
    penalties.dragan(critic, real, Generator(3))
    u = (critic.seen[0].numpy() - real) / (0.5 * real.std())
    assert -1e-12 <= u.min() < 0.001 < 0.999 < u.max() <= 1
    assert abs((u.mean() - 0.5) * math.sqrt(12 * u.size)) < 4


def test_r1_looks_at_the_real_and_r2_at_the_generated_samples():
    critic = Quadratic(np.ones(3))
    x = normal((4, 3))
    penalties.r1(critic, x)
    penalties.r2(critic, 2 * x)
    assert np.array_equal(critic.seen[0].numpy(), x)
    assert np.array_equal(critic.seen[1].numpy(), 2 * x)


@every_penalty
def test_no_gradient_reaches_the_generator_or_the_real_data(kind):
    real = mg.tensor(normal((4, 3)), True)
    weight = mg.Parameter(np.ones(3))
    fake = mg.tensor(normal((4, 3), 1)) * weight
    critic = Quadratic(np.ones(3))
    penalty = all_penalties(critic, real, fake, Generator(2))[kind]()
    assert mg.grad(penalty, [real, weight], allow_unused=True, retain_graph=True) == (None, None)
    assert mg.grad(penalty, [critic.a])[0].numpy().any()


@every_penalty
def test_a_penalty_works_under_no_grad_and_in_float32(kind):
    real, fake = normal((4, 3), 0, "float32"), normal((4, 3), 1, "float32")
    critic = Quadratic(np.ones(3, "float32"))
    recorded = all_penalties(critic, real, fake, Generator(2))[kind]()
    with mg.no_grad():
        constant = all_penalties(critic, real, fake, Generator(2))[kind]()
    assert recorded.dtype == constant.dtype == np.float32
    assert recorded.item() == constant.item()
    assert recorded.requires_grad
    assert not constant.requires_grad
    (g,) = mg.grad(recorded, [critic.a])
    assert g.dtype == np.float32


# --- edges -------------------------------------------------------------------------------------------------


@every_penalty
def test_a_critic_that_is_flat_gives_no_nan(kind):
    critic = Quadratic(np.zeros(3))
    penalty = all_penalties(critic, normal((4, 3)), normal((4, 3), 1), Generator(2))[kind]()
    assert penalty.item() == (1.0 if kind in ("gradient_penalty", "dragan") else 0.0)
    (g,) = mg.grad(penalty, [critic.a])
    assert (g.numpy() == 0).all()


def test_one_flat_sample_does_not_spoil_the_others():
    real = normal((3, 4))
    real[1] = 0  # the gradient a x vanishes there
    critic = Quadratic(np.ones(4))
    penalty = penalties.gradient_penalty(critic, real, real, Generator(2))
    norms = np.sqrt((real**2).sum(1))
    np.testing.assert_allclose(penalty.item(), ((norms - 1) ** 2).mean(), rtol=1e-12)
    (g,) = mg.grad(penalty, [critic.a])
    safe = np.where(norms > 0, norms, 1)
    np.testing.assert_allclose(g.numpy(), (2 * ((norms - 1) / safe)[:, None] * real**2).mean(0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["gradient_penalty", "zero_centered"])
def test_real_and_fake_need_one_shape(kind):
    critic = Quadratic(np.ones(3))
    for shape in [(5, 3), (4, 1), (3,)]:
        with pytest.raises(ValueError, match=r"a penalty between real \(4, 3\) and fake .* one shape for both"):
            getattr(penalties, kind)(critic, np.ones((4, 3)), np.ones(shape), Generator(0))


@every_penalty
@pytest.mark.parametrize(
    "ignorant",
    [
        lambda x: mg.tensor(np.zeros(len(x))),
        lambda x: WEIGHT * 2.0,
        lambda x: x.detach() * WEIGHT,
        lambda x: x.numpy().sum(1),
    ],
)
def test_a_critic_that_ignores_its_input_is_an_error_that_says_so(kind, ignorant):
    with pytest.raises(ValueError, match="a penalty needs a critic whose output depends on its input"):
        all_penalties(ignorant, np.ones((4, 1)), np.ones((4, 1)), Generator(0))[kind]()


WEIGHT = mg.Parameter(np.ones(1))


# --- batch norm --------------------------------------------------------------------------------------------


def normalised_critic(norm):
    rng = Generator(0)
    return nn.Sequential(
        conv1=nn.Conv2d(1, 3, 3, 2, "same", rng=rng, dtype="float64"),
        norm1=norm,
        act1=nn.LeakyReLU(0.2),
        flatten=nn.Flatten(),
        out=nn.Linear(12, 1, rng=rng, dtype="float64"),
    ).named("critic")


IMAGES = (5, 4, 4, 1)


@every_penalty
def test_batch_norm_in_a_penalised_critic_is_refused_and_named(kind):
    critic = normalised_critic(nn.BatchNorm(3, dtype="float64"))
    for frozen in (False, True):
        critic.requires_grad_(not frozen)
        with pytest.raises(ValueError, match=r"through layer 'critic\.norm1' \(batch_norm\): it couples the samples"):
            all_penalties(critic, normal(IMAGES), normal(IMAGES, 1), Generator(0))[kind]()


def test_batch_norm_is_found_in_a_model_of_the_zoo_and_under_other_layers():
    critic = models.dcgan.critic((16, 16, 1), width=2, batch_norm=True, rng=Generator(0), dtype="float64")
    x = normal((3, 16, 16, 1))
    with pytest.raises(ValueError, match=r"layer 'critic\.norm2'"):
        penalties.r1(critic, x)
    with pytest.raises(ValueError, match=r"layer 'game\.inner\.norm2'"):
        penalties.r1(nn.Sequential(inner=critic).named("game"), x)


def test_batch_norm_without_a_name_is_refused_too():
    gamma, beta = np.ones(3), np.zeros(3)
    with pytest.raises(ValueError, match=r"through a batch_norm of shape \(4, 3\)"):
        penalties.r1(lambda x: ops.batch_norm(x, gamma, beta).sum(1), normal((4, 3)))


@every_penalty
@pytest.mark.parametrize("mode", ["layer norm", "batch norm in evaluation"])
def test_layers_that_treat_each_sample_alone_are_accepted(kind, mode):
    norm = nn.LayerNorm(3, dtype="float64") if mode == "layer norm" else nn.BatchNorm(3, dtype="float64").eval()
    critic = normalised_critic(norm)
    penalty = all_penalties(critic, normal(IMAGES), normal(IMAGES, 1), Generator(0))[kind]()
    grads = mg.grad(penalty, critic.parameters(), allow_unused=True)
    assert all(np.isfinite(g.numpy()).all() for g in grads if g is not None)
    assert grads[0].numpy().any()


def test_batch_norm_before_the_input_is_no_business_of_the_penalty():
    """The generator's batch norm lies behind x, which is a leaf."""
    fake = nn.BatchNorm(3, dtype="float64")(normal((4, 3)))
    penalties.r2(Quadratic(np.ones(3)), fake)


# --- weight clipping ---------------------------------------------------------------------------------------


class Gain(nn.Module):
    def __init__(self):
        self.gain = mg.Parameter(np.full(2, 5.0))

    def forward(self, x):
        return x * self.gain


def test_clipping_holds_the_weights_and_leaves_norm_layers_alone():
    rng = Generator(0)
    critic = nn.Sequential(
        conv=nn.Conv2d(1, 3, 3, rng=rng),
        norm1=nn.BatchNorm(3),
        norm2=nn.LayerNorm(3),
        deep=nn.Sequential(nn.spectral_norm(nn.Linear(3, 2, rng=rng), rng=rng), nn.ConvTranspose2d(2, 2, 1, rng=rng)),
        gain=Gain(),
    )
    for k, p in enumerate(critic.parameters()):
        p.assign_(3.0 * normal(p.shape, k) + 0.5)
    before = critic.state_dict()
    versions = [p.version for p in critic.parameters()]
    penalties.clip_weights(critic, 0.01)
    for name, array in critic.state_dict().items():
        if name.startswith("norm") or name.endswith(".u"):
            assert np.array_equal(array, before[name]), name
        else:
            assert np.array_equal(array, np.clip(before[name], -0.01, 0.01)), name
    touched = [p.name for p, v in zip(critic.parameters(), versions, strict=True) if p.version > v]
    assert touched == [p.name for p in critic.parameters() if not p.name.startswith("norm")]


def test_the_limit_must_be_positive():
    with pytest.raises(ValueError, match="limit must be positive, got 0"):
        penalties.clip_weights(nn.Linear(2, 2, rng=Generator(0)), 0)
