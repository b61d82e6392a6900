"""The cost of a penalty: the right ratio, and a game that does not change."""

from importlib import import_module

import numpy as np
import pytest

import minigan as mg
from minigan import optim
from minigan.gan import PenaltyCost, penalty_cost


def a_game(penalty=mg.gan.penalties.r1, **options):
    rng = mg.random.Generator(0)
    generator = mg.models.dense.generator(2, (2,), 8, batch_norm=True, rng=rng)
    critic = mg.models.dense.critic((2,), 8, spectral=not options.get("captured"), rng=rng)
    players = optim.Adam(generator.parameters()), optim.Adam(critic.parameters())
    game = mg.gan.Game(generator, critic, *players, mg.gan.losses.wasserstein, penalty=penalty, **options)
    return game, rng.normal((6, 2), dtype="float32"), rng.normal((6, 2), dtype="float32")


def r1(critic, real, fake):
    return mg.gan.penalties.r1(critic, real)


def everything(game):
    state = [a.tobytes() for net in (game.generator, game.critic) for _, a in net.named_buffers()]
    state += [p.data.tobytes() for net in (game.generator, game.critic) for p in net.parameters()]
    moments = [a.tobytes() for a in game.critic_optimizer.state_dict().values()]
    return state, moments, game.penalty, game.critic_steps, dict(game.gradient_norms)


@pytest.mark.parametrize("interval", [1, 3])
def test_the_ratio_on_a_clock_that_only_the_game_moves(monkeypatch, interval):
    now = [0.0]

    def slow_penalty(critic, real, fake):
        now[0] += 3
        return r1(critic, real, fake)

    game, real, z = a_game(slow_penalty, penalty_interval=interval)
    step = game.critic_step
    monkeypatch.setattr(game, "critic_step", lambda *a: now.__setitem__(0, now[0] + 1) or step(*a))
    monkeypatch.setattr(import_module("minigan.gan.cost"), "perf_counter", lambda: now[0])
    cost = penalty_cost(game, real, z, pairs=4)
    assert cost == PenaltyCost(4.0, 4.0, 4.0, 4000.0, 1000.0, interval)
    assert cost.average_ratio == 1 + 3 / interval


@pytest.mark.parametrize("captured", [False, True])
def test_the_game_is_as_it_was(captured):
    game, real, z = a_game(r1, captured=captured)
    twin, _, _ = a_game(r1, captured=captured)
    for g in (game, twin):
        g.critic_step(real, z)
        g.generator_step(z)
    before = everything(game)
    cost = penalty_cost(game, real, z, pairs=2)
    assert cost.ratio > 0
    assert everything(game) == before
    for g in (game, twin):
        for _ in range(4):
            g.critic_step(real, z)
            g.generator_step(z)
    assert everything(game) == everything(twin)


def test_the_game_is_as_it_was_also_after_an_error():
    game, real, z = a_game(r1)
    before = everything(game)
    with pytest.raises(FloatingPointError):
        penalty_cost(game, real * np.nan, z)
    assert everything(game) == before


def test_the_sentence():
    assert str(PenaltyCost(2.5, 2.25, 2.75, 25.0, 10.0)) == (
        "critic step 25 ms with its penalty, 10 ms without: ratio 2.50 (quartiles 2.25 to 2.75)"
    )
    assert str(PenaltyCost(2.5, 2.25, 2.75, 25.0, 10.0, 3)).endswith("; at one step in 3, 1.50 on average")


def test_a_game_without_a_penalty_is_refused():
    with pytest.raises(ValueError, match="the game has no penalty"):
        penalty_cost(*a_game(None))
    with pytest.raises(ValueError, match="pairs must be at least 1, got 0"):
        penalty_cost(*a_game(r1), pairs=0)
