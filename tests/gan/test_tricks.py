"""Label smoothing, instance noise, packing."""

import numpy as np
import pytest

import minigan as mg
from minigan import gan, models, nn, optim
from minigan.gan import losses, penalties, tricks
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


BCE = [losses.minimax, losses.non_saturating]

# --- label smoothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", BCE, ids=lambda loss: loss.name)
def test_only_the_real_side_is_smoothed(loss):
    real, fake = normal((6, 1)), normal((6, 1), 1)
    smooth = gan.smooth_labels(loss, 0.9)
    d_real, d_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    expected = -(0.9 * np.log(d_real) + 0.1 * np.log(1 - d_real)).mean() - np.log(1 - d_fake).mean()
    np.testing.assert_allclose(smooth.critic(mg.tensor(real), mg.tensor(fake)).item(), expected, rtol=1e-12)
    assert smooth.generator(mg.tensor(fake)).item() == loss.generator(mg.tensor(fake)).item()
    same = gan.smooth_labels(loss, 1.0)
    assert same.critic(mg.tensor(real), mg.tensor(fake)).item() == loss.critic(mg.tensor(real), mg.tensor(fake)).item()


def test_the_best_critic_under_smoothing_is_a_t_share_of_the_real_density():
    """D* = t p / (p + q) (Salimans et al. 2016, section 3.4), for p = 3 q on one point: 9/10 * 3/4."""
    best = 0.9 * 0.75
    logit = mg.tensor(np.full((1, 1), np.log(best / (1 - best))), requires_grad=True)
    loss = gan.smooth_labels(losses.non_saturating)
    ones = np.ones((3, 1))
    # three real samples for each fake one: the real mean counts three times
    total = 3 * loss.critic(logit * ones, logit) - 2 * mg.ops.softplus(logit).mean()
    (g,) = mg.grad(total, [logit])
    assert abs(g.item()) < 1e-14


def test_smoothing_gradients():
    smooth = gan.smooth_labels(losses.minimax, 0.8)
    mg.check.gradcheck(smooth.critic, [normal((3, 1)), normal((3, 1), 1)], order=2)


def test_losses_without_labels_and_labels_out_of_range_are_refused():
    for loss in losses.ALL.values():
        if loss not in BCE:
            with pytest.raises(ValueError, match=f"{loss.name} is no cross-entropy"):
                gan.smooth_labels(loss)
    with pytest.raises(ValueError, match="is no cross-entropy"):
        gan.smooth_labels(gan.smooth_labels(losses.minimax))
    for target in (0.5, 0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"the real label must lie in \(0\.5, 1\]"):
            gan.smooth_labels(losses.minimax, target)


# --- instance noise ----------------------------------------------------------------------------------------


def test_instance_noise_is_normal_and_falls_with_its_schedule():
    noise = gan.InstanceNoise(lambda step: optim.linear(step, 10, 0.5, 0.0), rng=Generator(0))
    x = normal((50, 20, 20, 1), 3)
    for step, sigma in ((0, 0.5), (5, 0.25), (9, 0.05)):
        noise.step = step
        added = noise(x) - x
        assert abs(added.std() / sigma - 1) < 4 / np.sqrt(2 * x.size)
        assert abs(added.mean()) < 4 * sigma / np.sqrt(x.size)
        assert abs(np.corrcoef(added.ravel(), x.ravel())[0, 1]) < 4 / np.sqrt(x.size)
    noise.step = 10
    assert noise(x) is x


def test_instance_noise_is_fresh_seeded_and_off_in_evaluation():
    x = normal((4, 3), dtype="float32")
    noise, twin = (gan.InstanceNoise(0.1, rng=Generator(7)) for _ in range(2))
    first = noise(mg.tensor(x))
    assert first.dtype == np.float32
    assert np.array_equal(first.numpy(), twin(x))
    assert not np.array_equal(noise(x), twin(x) + 1e-9)
    assert np.array_equal(gan.InstanceNoise(0.1, rng=Generator(7))(x), first.numpy())
    assert not np.array_equal(noise(x), first.numpy())
    noise.eval()
    assert noise(x) is x


def test_instance_noise_schedules_of_numpy_numbers_keep_the_precision():
    noise = gan.InstanceNoise(lambda step: np.float64(0.1), rng=Generator(0))
    assert noise(normal((2, 3), dtype="float32")).dtype == np.float32


def test_instance_noise_passes_gradients():
    mg.check.gradcheck(lambda x: mg.ops.tanh(gan.InstanceNoise(0.3, rng=Generator(0))(x)), [normal((2, 3))], order=2)


def test_negative_noise_is_refused():
    with pytest.raises(ValueError, match=r"sigma must be at least 0, got -0\.1 at step 0"):
        gan.InstanceNoise(-0.1, rng=Generator(0))(np.ones((2, 2)))


# --- packing -----------------------------------------------------------------------------------------------

SHAPES = [(6, 5), (6, 4, 5), (6, 3, 2, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("m", [1, 2, 3, 6])
def test_pack_puts_samples_side_by_side_and_unpack_takes_them_apart(shape, m):
    x = normal(shape)
    packed = gan.pack(mg.tensor(x), m)
    assert packed.shape == (6 // m, *shape[1:-1], m * shape[-1])
    for i in range(6 // m):
        expected = np.concatenate([x[m * i + k] for k in range(m)], axis=-1)
        assert np.array_equal(packed.numpy()[i], expected)
    assert np.array_equal(gan.unpack(packed, m).numpy(), x)
    assert np.array_equal(gan.unpack(gan.pack(x, m), m), x)


def test_packing_gradients_and_adjoint():
    mg.check.gradcheck(lambda x: mg.ops.tanh(gan.pack(x, 2)), [normal((4, 2, 1, 2))], order=2)
    mg.check.adjoint_test(lambda x: gan.pack(x, 3), lambda y: gan.unpack(y, 3), normal((6, 2, 4)), normal((2, 2, 12)))


@pytest.mark.parametrize(("shape", "m"), [((5, 3), 2), ((4, 3), 0), ((4,), 2)])
def test_a_batch_that_cannot_be_packed_is_refused(shape, m):
    with pytest.raises(ValueError, match=rf"pack: {shape[0]} samples .* cannot be packed by {m}"):
        gan.pack(np.ones(shape), m)


def test_what_cannot_be_unpacked_is_refused():
    with pytest.raises(ValueError, match=r"unpack: the last axis of x \(4, 5\) is not a multiple of the packing 2"):
        gan.unpack(np.ones((4, 5)), 2)


def packed_critic(m=2):
    body = models.dense.critic((m * 2,), 6, rng=Generator(0), dtype="float64")
    return gan.PackedCritic(body, m)


def test_a_packed_critic_gives_one_logit_for_each_pack():
    critic, x = packed_critic(), normal((6, 2))
    y = critic(mg.tensor(x))
    assert y.shape == (3, 1)
    np.testing.assert_allclose(y.numpy(), critic.body(x.reshape(3, 4)).numpy(), rtol=1e-12)
    assert critic.parameters()[0].name == "critic.body.dense1.weight"
    with pytest.raises(ValueError, match="cannot be packed by 2"):
        critic(x[:5])
    with pytest.raises(ValueError, match="m must be at least 1, got 0"):
        gan.PackedCritic(critic.body, 0)


def test_a_penalty_refuses_a_packed_critic_but_not_its_body():
    critic, real, fake = packed_critic(), normal((6, 2)), normal((6, 2), 1)
    with pytest.raises(ValueError, match=r"through a packing of shape \(3, 4\): it couples the samples"):
        penalties.r1(critic, real)
    penalty = critic.penalty(lambda critic, real, fake: penalties.gradient_penalty(critic, real, fake, Generator(0)))
    expected = penalties.gradient_penalty(critic.body, real.reshape(3, 4), fake.reshape(3, 4), Generator(0))
    assert penalty(critic, mg.tensor(real), mg.tensor(fake)).item() == expected.item()


def test_a_packed_game_plays():
    critic = packed_critic()
    generator = models.dense.generator(3, (2,), 4, output="linear", rng=Generator(1), dtype="float64")
    before = [p.data.copy() for p in generator.parameters() + critic.parameters()]
    game = gan.Game(
        generator, critic, optim.SGD(generator.parameters(), 0.1), optim.SGD(critic.parameters(), 0.1),
        losses.relativistic, penalty=critic.penalty(lambda critic, real, fake: penalties.r1(critic, real)),
    )  # fmt: skip
    report = game.critic_step(normal((6, 2)), normal((6, 3)))
    assert report["penalty"] > 0
    game.generator_step(normal((6, 3)), normal((6, 2)))
    after = [p.data for p in generator.parameters() + critic.parameters()]
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) >= len(before) - 1


def test_noise_and_augmentation_are_layers_of_a_critic():
    critic = nn.Sequential(
        noise=gan.InstanceNoise(0.1, rng=Generator(0)),
        augment=gan.Augment("cutout", rng=Generator(1)),
        body=models.dcgan.critic((8, 8, 1), 2, rng=Generator(2)),
    ).named("critic")
    assert critic(normal((4, 8, 8, 1), dtype="float32")).shape == (4, 1)
    assert isinstance(critic.noise, tricks.InstanceNoise)


def test_random_layers_take_a_seed_and_refuse_generators_of_numpy():
    for make in (lambda rng: gan.InstanceNoise(0.1, rng=rng), lambda rng: gan.Augment("brightness", rng=rng)):
        x = np.zeros((2, 4, 4, 1), np.float32)
        np.testing.assert_array_equal(make(7)(x), make(Generator(7))(x))
        with pytest.raises(TypeError, match=r"mg\.random\.Generator"):
            make(np.random.default_rng(0))
