"""Real and generated samples go through the critic together, which must change nothing except the time it takes."""

import gc
import weakref

import numpy as np
import pytest

import minigan as mg
from minigan import gan, models, nn, ops, optim
from minigan.gan import losses, penalties
from minigan.gan.evaluation import OneBatch, couples_samples
from minigan.random import Generator

N = 6


def normal(*shape):
    return Generator(3).normal(shape, "float64")


def critic(**options):
    return models.dense.critic((2,), 5, rng=Generator(0), dtype="float64", **options)


class Counting(nn.Module):
    """A network, and the sizes of the batches that it was given."""

    def __init__(self, body):
        self.body, self.sizes = body, []

    def forward(self, x, *labels):
        self.sizes.append(len(x))
        return self.body(x, *labels)


def game(network, penalty=None, loss=losses.relativistic, classes=0):
    generator = models.dense.generator(3 + classes, (2,), 5, output="linear", rng=Generator(1), dtype="float64")
    if classes:
        generator = models.conditional.LabelledGenerator(generator, classes)
    optimizers = optim.SGD(generator.parameters(), 0.1), optim.SGD(network.parameters(), 0.1)
    return gan.Game(generator, network, *optimizers, loss, penalty=penalty)


def trained(network, monkeypatch, separately, **options):
    with monkeypatch.context() as patch:
        if separately:
            patch.setattr(type(network), "couples_samples", True)
        g = game(network, **options)
        labels = Generator(7).integers(0, 3, (N,)) if options.get("classes") else None
        reports = [g.critic_step(normal(N, 2), Generator(k).normal((N, 3), "float64"), labels) for k in range(3)]
    return reports, [p.data for p in network.parameters()]


PENALTIES = {
    "none": None,
    "r1": lambda critic, real, fake: 2 * penalties.r1(critic, real),
    "r1_r2": lambda critic, real, fake: 2 * penalties.r1_r2(critic, real, fake),
    "gradient_penalty": lambda critic, real, fake: penalties.gradient_penalty(critic, real, fake, Generator(2)),
    "drift": lambda critic, real, fake: 3 * penalties.drift(critic, real, fake),
}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("classes", [0, 3])
def test_together_is_as_apart(penalty, classes, monkeypatch):
    def network():
        body = critic(outputs=1 + classes)
        return models.conditional.ProjectionCritic(body, classes) if classes else body

    options = {"penalty": PENALTIES[penalty], "classes": classes}
    together, weights = trained(network(), monkeypatch, False, **options)
    apart, expected = trained(network(), monkeypatch, True, **options)
    for one, other in zip(together, apart, strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14)


def test_each_sample_is_evaluated_once():
    network = Counting(critic())
    game(network, PENALTIES["r1_r2"]).critic_step(normal(N, 2), normal(N, 3))
    assert network.sizes == [2 * N]
    network.sizes.clear()
    game(network, PENALTIES["gradient_penalty"]).critic_step(normal(N, 2), normal(N, 3))
    assert network.sizes == [2 * N, N], "the penalty looks between the samples"


def test_r1_r2_is_the_sum_of_both():
    network, real, fake = critic(), normal(N, 2), normal(N, 2) + 1
    apart = penalties.r1(network, real) + penalties.r2(network, fake)
    assert penalties.r1_r2(network, real, fake).item() == pytest.approx(apart.item(), rel=1e-13)
    view = OneBatch(network, network, mg.tensor(real), mg.tensor(fake))
    assert penalties.r1_r2(view, real, fake).item() == pytest.approx(apart.item(), rel=1e-13)
    assert apart.item() > 0


def test_layers_that_look_at_the_batch_get_each_side_alone():
    assert not couples_samples(critic())
    network = Counting(critic(batch_norm=True))
    assert couples_samples(network)
    game(network).critic_step(normal(N, 2), normal(N, 3))
    assert network.sizes == [N, N]


def test_a_layer_that_hides_it_is_refused():
    class Hidden(nn.Module):
        def forward(self, x):
            return ops.batch_norm(x, np.ones(2), np.zeros(2))

    network = nn.Sequential(norm=Hidden(), out=critic())
    with pytest.raises(ValueError, match="score of a real sample depends on the generated ones"):
        game(network).critic_step(normal(N, 2), normal(N, 3))


def test_drift_is_the_variance_of_the_scores_of_both():
    network, real, fake = critic(), normal(N, 2), normal(N, 2) + 1
    scores = np.concatenate([network(real).numpy(), network(fake).numpy()])
    assert penalties.drift(network, real, fake).item() == pytest.approx(scores.var(), rel=1e-12)
    view = OneBatch(network, network, mg.tensor(real), mg.tensor(fake))
    assert penalties.drift(view, real, fake).item() == pytest.approx(scores.var(), rel=1e-12)
    assert scores.var() > 0


def test_coupling_by_plain_operations_is_refused_too():
    class Centred(nn.Module):
        def forward(self, y):
            return y - y.mean()

    network = nn.Sequential(body=critic(), centre=Centred())
    with pytest.raises(ValueError, match="score of a real sample depends on the generated ones"):
        game(network).critic_step(normal(N, 2), normal(N, 3))


def test_a_penalty_at_other_samples_is_taken_there():
    network, real, fake = critic(), mg.tensor(normal(N, 2)), mg.tensor(normal(N, 2) + 1)
    view = OneBatch(network, network, real, fake)
    for penalty in (penalties.r1_r2, penalties.drift):
        expected = penalty(network, 3 * real, 3 * fake).item()
        assert penalty(view, 3 * real, 3 * fake).item() == pytest.approx(expected, rel=1e-12)
    fewer = OneBatch(network, network, real, fake[:2])
    expected = penalties.r1_r2(network, real, fake[:2]).item()
    assert penalties.r1_r2(fewer, fewer.real, fewer.fake).item() == pytest.approx(expected, rel=1e-12)


def test_a_game_is_freed_with_its_last_reference():
    gc.disable()
    try:
        g = game(critic())
        g.critic_step(normal(N, 2), normal(N, 3))
        gone = weakref.ref(g)
        del g
        assert gone() is None
    finally:
        gc.enable()
