"""One step of the game: that it computes the right update, and nothing that it does not need."""

import gc
import itertools

import numpy as np
import pytest

import minigan as mg
from minigan import gan, models, nn, optim
from minigan.autodiff import ancestors
from minigan.backend import numpy as numpy_backend
from minigan.fused import _FusedPlan
from minigan.gan import losses, penalties
from minigan.op import Plan
from minigan.random import Generator
from minigan.tensor import Node

N, LATENT, SHAPE = 4, 5, (8, 8, 1)


def noise(seed=1):
    return Generator(seed).normal((N, LATENT), "float64")


def data(seed=2):
    return Generator(seed).normal((N, *SHAPE), "float64")


def wgan_gp(critic, real, fake):
    return 10.0 * penalties.gradient_penalty(critic, real, fake, Generator(5))


def make(loss=losses.wasserstein, lr=0.1, **options):
    """A small DCGAN with one doubling: 2 transposed convolutions against 1 convolution."""
    rng = Generator(0)
    sizes = {"width": 3, "kernel": 3, "init": nn.init.he, "rng": rng, "dtype": "float64"}
    generator, critic = models.dcgan.generator(LATENT, SHAPE, **sizes), models.dcgan.critic(SHAPE, **sizes)
    optimizers = optim.SGD(generator.parameters(), lr), optim.SGD(critic.parameters(), lr)
    return gan.Game(generator, critic, *optimizers, loss, **options)


def bits(module):
    return [p.data.tobytes() for p in module.parameters()]


def values(module):
    return [p.data.copy() for p in module.parameters()]


@pytest.fixture
def kernels(monkeypatch):
    """Count the runs of each convolution kernel, and collect the shapes of the weight gradients computed."""
    counts = {"conv2d": 0, "conv_transpose2d": 0, "conv2d_weight": 0, "shapes": []}

    def counted(name):
        kernel = getattr(numpy_backend, name)

        def run(*args):
            counts[name] += 1
            out = kernel(*args)
            if name == "conv2d_weight":
                counts["shapes"].append(out.shape)
            return out

        return run

    for name in ("conv2d", "conv_transpose2d", "conv2d_weight"):
        monkeypatch.setattr(numpy_backend, name, counted(name))
    return counts


@pytest.fixture
def sweeps(monkeypatch):
    """Collect every pair (operation, parent) for which a reverse sweep computed a gradient."""
    pulled = []

    def spy(original):
        def pull(self, node, g, path, create_graph):
            results = list(original(self, node, g, path, create_graph))
            pulled.extend((self.name, parent) for parent, _ in results)
            return results

        return pull

    for plan in (Plan, _FusedPlan):
        monkeypatch.setattr(plan, "pull", spy(plan.pull))
    return pulled


def leaves(module):
    return {p._leaf for p in module.parameters()}


# --- what is computed --------------------------------------------------------------------------------------


def test_a_generator_step_computes_no_weight_gradient_of_the_critic(kernels, sweeps):
    game = make()
    game.generator_step(noise())
    transposed = sorted(p.shape for p in game.generator.parameters() if len(p.shape) == 4)
    assert sorted(kernels["shapes"]) == transposed, (
        "one weight gradient for each layer of the generator, none for the critic"
    )
    # forward: 2 transposed + 1 convolution; back: the critic's input, then the inputs of the generator's two layers
    assert (kernels["conv_transpose2d"], kernels["conv2d"], kernels["conv2d_weight"]) == (2 + 1, 1 + 2, 2)
    reached = {parent for _, parent in sweeps}
    assert not reached & leaves(game.critic)
    assert leaves(game.generator) <= reached


def test_the_critic_is_a_constant_in_the_graph_of_a_generator_step():
    """Layers of a frozen critic keep no inputs, which only their weight gradients would need."""
    graphs = []

    def watched(fake):
        graphs.append(ancestors(fake.node))
        return -fake.mean()

    game = make(losses.Loss("watched", "", None, watched))
    game.generator_step(noise())
    (nodes,) = graphs
    assert leaves(game.generator) <= nodes
    assert not nodes & leaves(game.critic)


def test_a_critic_step_never_enters_the_generator(kernels, sweeps, monkeypatch):
    game = make()
    game.critic_steps = 1  # the first also checks that no sample depends on another
    made = []
    forward = type(game.generator).forward

    def watched(self, z):
        out = forward(self, z)
        if self is game.generator:
            made.append(out.node)
        return out

    monkeypatch.setattr(type(game.generator), "forward", watched)
    game.critic_step(data(), noise())
    assert made == [None], "the generator ran once and left no graph"
    weight = game.critic.conv1.weight.shape
    assert kernels["shapes"] == [weight], "of the real and the generated samples together"
    # forward: 2 transposed in the generator, 1 convolution of both batches; no gradient of the images
    assert (kernels["conv_transpose2d"], kernels["conv2d"], kernels["conv2d_weight"]) == (2, 1, 1)
    reached = {parent for _, parent in sweeps}
    assert not reached & leaves(game.generator)
    assert leaves(game.critic) <= reached
    assert "batch_norm" not in {name for name, _ in sweeps}


def test_a_penalised_critic_step_stays_out_of_the_generator_too(sweeps):
    game = make(penalty=wgan_gp)
    game.critic_step(data(), noise())
    assert not {parent for _, parent in sweeps} & leaves(game.generator)


def test_each_player_changes_its_own_weights_only():
    game = make(losses.non_saturating, penalty=wgan_gp)
    generator, critic = bits(game.generator), bits(game.critic)
    game.critic_step(data(), noise())
    assert bits(game.generator) == generator
    assert all(a != b for a, b in zip(bits(game.critic), critic, strict=True))
    critic = bits(game.critic)
    game.generator_step(noise())
    assert bits(game.critic) == critic
    assert all(a != b for a, b in zip(bits(game.generator), generator, strict=True))


def test_neither_step_leaves_gradients_or_frozen_parameters_behind():
    game = make(penalty=wgan_gp)
    for _ in range(2):
        game.critic_step(data(), noise())
        game.generator_step(noise())
        for p in game.critic.parameters() + game.generator.parameters():
            assert p.grad is None
            assert p.requires_grad


def test_the_critic_is_thawed_even_when_the_forward_fails():
    game = make()
    with pytest.raises(ValueError, match="matmul"):
        game.generator_step(np.ones((N, LATENT + 1)))
    assert all(p.requires_grad for p in game.critic.parameters())
    game.critic_step(data(), noise())


# --- the right update --------------------------------------------------------------------------------------


def expected_critic(game, loss, penalty=None, factor=1.0):
    """Return the critic's weights after one step of plain gradient descent, from the definition."""
    with mg.no_grad():
        fake = game.generator(noise())
    total = loss.critic(game.critic(data()), game.critic(fake))
    if penalty:
        total = total + factor * penalty(game.critic, data(), fake)
    lr = game.critic_optimizer.lr
    grads = mg.grad(total, game.critic.parameters())
    return [p.data - lr * g.numpy() for p, g in zip(game.critic.parameters(), grads, strict=True)]


def expected_generator(game, loss, real=None):
    logits = game.critic(data(real)) if real else None
    total = loss.generator(game.critic(game.generator(noise())), logits)
    grads = mg.grad(total, game.generator.parameters())
    lr = game.generator_optimizer.lr
    return [p.data - lr * g.numpy() for p, g in zip(game.generator.parameters(), grads, strict=True)]


def close(module, expected):
    for p, value in zip(module.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.data, value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", losses.ALL)
@pytest.mark.parametrize("penalised", [False, True])
def test_a_critic_step_is_one_step_down_the_loss_and_the_penalty_together(name, penalised):
    loss, penalty = losses.ALL[name], wgan_gp if penalised else None
    game = make(loss, penalty=penalty)
    expected = expected_critic(make(loss), loss, penalty)
    report = game.critic_step(data(), noise())
    close(game.critic, expected)
    assert set(game.critic_optimizer.steps) == {1}
    assert set(report) == ({"critic_loss", "penalty"} if penalised else {"critic_loss"})


@pytest.mark.parametrize("name", losses.ALL)
def test_a_generator_step_is_one_step_down_its_loss_through_the_critic(name):
    loss = losses.ALL[name]
    game = make(loss)
    expected = expected_generator(make(loss), loss, real=7)
    report = game.generator_step(noise(), data(7))
    close(game.generator, expected)
    assert set(report) == {"generator_loss"}


def test_reports_are_plain_numbers_of_the_losses_themselves():
    game, twin = make(losses.hinge, penalty=wgan_gp), make(losses.hinge)
    with mg.no_grad():
        fake = twin.generator(noise())
        loss = losses.hinge.critic(twin.critic(data()), twin.critic(fake)).item()
    report = game.critic_step(data(), noise())
    assert report["critic_loss"] == loss
    assert report["penalty"] == wgan_gp(twin.critic, data(), fake).item()
    assert {type(v) for v in report.values()} == {float}


@pytest.mark.parametrize("interval", [2, 3])
def test_a_lazy_penalty_is_applied_every_kth_time_and_k_times_as_strongly(interval):
    game = make(penalty=wgan_gp, penalty_interval=interval, lr=1e-3)
    for step in range(2 * interval + 1):
        due = step % interval == 0
        state = game.generator.state_dict()
        expected = expected_critic(game, losses.wasserstein, wgan_gp if due else None, factor=float(interval))
        game.generator.load_state_dict(state)
        report = game.critic_step(data(), noise())
        close(game.critic, expected)
        assert ("penalty" in report) == due


def test_a_history_behind_the_real_data_is_ignored():
    game = make(penalty=wgan_gp)
    weight = mg.Parameter(np.ones(1))
    game.critic_step(mg.tensor(data()) * weight, noise())
    expected = make(penalty=wgan_gp)
    expected.critic_step(data(), noise())
    assert bits(game.critic) == bits(expected.critic)


def test_equal_games_play_equally_bit_for_bit():
    def history():
        game = make(losses.non_saturating, penalty=wgan_gp)
        reports = [game.critic_step(data(t), noise(t)) | game.generator_step(noise(t + 50)) for t in range(3)]
        return reports, bits(game.generator), bits(game.critic)

    assert history() == history()


# --- memory ------------------------------------------------------------------------------------------------


def count_nodes():
    return sum(issubclass(type(o), Node) for o in gc.get_objects())  # isinstance would ask strangers for __class__


@pytest.mark.parametrize(
    "recipe", [(losses.wasserstein, wgan_gp), (losses.relativistic, None)], ids=["wgan-gp", "relativistic"]
)
def test_no_node_outlives_its_step_with_the_collector_off(recipe):
    game = make(recipe[0], penalty=recipe[1])
    batches = [(data(), noise(), noise(9))] * 3
    game.critic_step(*batches[0][:2])
    gc.collect()
    gc.disable()
    try:
        before = count_nodes()
        for real, z, other in batches:
            game.critic_step(real, z)
            assert count_nodes() == before
            game.generator_step(other, real)
            assert count_nodes() == before
    finally:
        gc.enable()


def test_the_count_would_see_a_node_that_stays():
    gc.collect()
    before = count_nodes()
    kept = mg.tensor(np.ones(2), True) * 2.0
    assert count_nodes() == before + 2
    del kept
    assert count_nodes() == before


# --- learning ----------------------------------------------------------------------------------------------


def test_a_line_is_learned():
    """A critic with a gradient penalty moves a generator from N(0, 1) to N(3, 0.5^2)."""
    rng = Generator(0)
    generator = nn.Sequential(nn.Linear(1, 1, init=nn.init.he, rng=rng)).named("generator")
    critic = models.dense.critic((1,), width=16, depth=2, rng=rng)

    def penalty(critic, real, fake):
        return 0.1 * penalties.gradient_penalty(critic, real, fake, rng)

    game = gan.Game(
        generator,
        critic,
        optim.Adam(generator.parameters(), 2e-2, (0.0, 0.9)),
        optim.Adam(critic.parameters(), 2e-2, (0.0, 0.9)),
        losses.wasserstein,
        penalty=penalty,
    )
    for _ in range(200):
        for _ in range(2):
            game.critic_step(3 + 0.5 * rng.normal((64, 1)), rng.normal((64, 1)))
        game.generator_step(rng.normal((64, 1)))
    with mg.no_grad():
        sample = generator(rng.normal((2000, 1))).numpy()
    assert abs(sample.mean() - 3) < 0.3
    assert 0.2 < sample.std() < 0.9


def test_every_combination_of_loss_and_penalty_runs():
    everything = {
        "gradient_penalty": wgan_gp,
        "zero_centered": lambda c, r, f: penalties.zero_centered(c, r, f, Generator(0)),
        "r1 + r2": lambda c, r, f: penalties.r1(c, r) + penalties.r2(c, f),
        "dragan": lambda c, r, f: penalties.dragan(c, r, Generator(0)),
    }
    for loss, penalty in itertools.product(losses.ALL.values(), everything.values()):
        game = make(loss, lr=1e-3, penalty=penalty)
        report = game.critic_step(data(), noise()) | game.generator_step(noise(), data())
        assert all(np.isfinite(v) for v in report.values())
