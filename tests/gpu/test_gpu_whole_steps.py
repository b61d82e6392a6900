"""A captured step on a GPU is one graph: it decides by itself whether it is finite, and the host reads of it later."""

import json
import math

import numpy as np
import pytest
from captured_games import NETWORKS, normal

import minigan as mg
from minigan import backend, gan, models, optim
from minigan.random import Generator

pytestmark = pytest.mark.gpu

N = 6


def game(name="dense", optimizer=optim.Adam, captured=True, average=True, **options):
    make_generator, make_critic, shape = NETWORKS[name]
    generator, critic = make_generator().to("cuda"), make_critic().to("cuda")
    players = [optimizer(network.parameters(), 1e-2) for network in (generator, critic)]
    ema = optim.EMA(generator, 0.9) if average else None
    played = gan.Game(
        generator, critic, *players, gan.losses.wasserstein, captured=captured, average=ema,
        penalty=lambda c, x, y: 10.0 * gan.penalties.r1(c, x), **options,
    )  # fmt: skip
    return played, shape


def state(played):
    arrays = [a for network in (played.generator, played.critic) for _, a in network._state()]
    arrays += [a for p in (played.generator_optimizer, played.critic_optimizer) for row in p.state for a in row]
    if played.average is not None:
        arrays += [a for _, a in played.average.module._state()]
    counts = [p.steps for p in (played.generator_optimizer, played.critic_optimizer)]
    return [backend.move(a, "cpu").copy() for a in arrays], [list(c) for c in counts]


def host(x):
    return backend.move(x.data if isinstance(x, mg.Tensor) else x, "cpu")


def same(one, other):
    (arrays, counts), (others, their_counts) = one, other
    assert counts == their_counts
    for a, b in zip(arrays, others, strict=True):
        assert a.tobytes() == b.tobytes()


def batch(k, shape):
    return normal(k, N, *shape), normal(100 + k, N, 3)


def rounds(played, shape, numbers, rates=False):
    reports = []
    for k in numbers:
        if rates:  # the schedules of a run
            played.critic_optimizer.lr = 1e-2 / (1 + k)
            played.average.decay = 0.5 + 0.01 * k
        real, z = batch(k, shape)
        reports.append(played.critic_step(real, z) | played.generator_step(z) | played.gradient_norms)
    return reports


@pytest.mark.parametrize("optimizer", [optim.Adam, optim.RMSprop, optim.SGD])
def test_a_whole_step_equals_the_step_to_the_bit(optimizer):
    """Optimizer, average and their schedules included."""
    ends = []
    for captured in (True, False):
        played, shape = game(optimizer=optimizer, captured=captured, penalty_interval=2)
        ends.append((rounds(played, shape, range(8), rates=True), state(played), played.average.updates))
    (reports, found, updates), (expected, others, theirs) = ends
    assert reports == expected
    same(found, others)
    assert updates == theirs


def test_a_report_is_a_dict():
    played, shape = game()
    *_, report = rounds(played, shape, range(4))
    assert isinstance(report, dict)
    names = ["critic_loss", "penalty", "generator_loss", "critic_gradient", "generator_gradient"]
    assert list(json.loads(json.dumps(report))) == names
    assert all(type(value) is float and math.isfinite(value) for value in report.values())
    assert eval(repr(report)) == report == dict(report) == {name: report[name] for name in names}
    plain = {}
    plain.update(report)
    assert plain == report


def go_on(played, bad, real, z, wrong):
    """A bad step, and some good ones before the host looks."""
    if wrong == "critic":
        played.critic_step(*bad)
    else:
        played.generator_step(bad[1])
    for _ in range(2):
        played.generator_step(z)
        played.critic_step(real, z)
    played.settle()


@pytest.mark.parametrize("wrong", ["critic", "generator"])
@pytest.mark.parametrize("at", [0, 1, 2, 5])
def test_a_step_that_is_not_finite_changes_nothing(at, wrong):
    """At whichever call of the captured step it happens, and the game goes on as if it had not happened."""
    played, shape = game()
    rounds(played, shape, range(at))
    real, z = batch(50, shape)
    bad_real, bad_z = real.copy(), z.copy()
    bad_real[1, 2] = np.nan
    bad_z[0, 0] = np.inf
    played.settle()
    if wrong == "generator":
        played.critic_step(real, z)
        played.settle()
    before = state(played)
    with pytest.raises(FloatingPointError, match=r"the step is not finite: .* No weight was changed"):
        go_on(played, (bad_real, z) if wrong == "critic" else (real, bad_z), real, z, wrong)
    found = state(played)
    running = [name for name, _ in played.generator.named_buffers()]
    assert running, "batch norm's statistics may have changed, as in a step that is not captured"
    kept = [k for k, (name, _) in enumerate(played.generator._state()) if name not in running]
    kept += range(len(played.generator._state()), len(before[0]))
    same(([found[0][k] for k in kept], found[1]), ([before[0][k] for k in kept], before[1]))
    given_real, given_z, _ = played.refused
    if wrong == "critic":
        np.testing.assert_array_equal(host(given_real), host(bad_real))
    else:
        np.testing.assert_array_equal(host(given_z), host(bad_z))
    again = rounds(played, shape, range(60, 63))
    assert all(math.isfinite(value) for report in again for value in report.values())
    assert state(played)[1][1][0] == before[1][1][0] + 3


def test_the_refusal_names_the_gradients():
    played, shape = game(average=False)
    rounds(played, shape, range(4))
    real, z = batch(9, shape)
    real[0, 0] = np.inf
    played.critic_step(real, z)
    with pytest.raises(FloatingPointError, match=r"critic loss (nan|-?inf), .*the gradients of .*weight.* are not"):
        played.settle()
    assert gan.explain_nan(played, *played.refused) == (
        "the real batch (6, 5) already holds 1 of 30 numbers as NaN or infinity"
    )


def test_an_optimizer_of_ones_own_makes_its_steps_in_python():
    class Sign(optim.Adam):
        def update(self, t, p, g, *state):
            p -= self.lr * np.sign(g)

    assert Sign._kernel == ""
    ends = []
    for captured in (True, False):
        played, shape = game(optimizer=Sign, captured=captured)
        ends.append((rounds(played, shape, range(5)), state(played)))
    assert ends[0][0] == ends[1][0]
    same(ends[0][1], ends[1][1])


def test_many_arrays_of_all_sizes_in_one_launch():
    """More arrays than a launch takes, empty ones, and arrays of several parts, against NumPy."""
    sizes = [1, 2047, 2048, 2049, 0, 10_000] + list(range(1, 60))
    for dtype, tolerance in (("float32", 2e-6), ("float64", 1e-14)):
        rng = np.random.default_rng(0)
        rows = [[rng.standard_normal(size).astype(dtype) for size in sizes] for _ in range(3)]
        rows.append([rng.random(size).astype(dtype) for size in sizes])
        there = [[backend.move(a.copy(), "cuda") for a in row] for row in rows]
        numbers = 0.1, 0.9, 0.01, 0.99, 1e-3, 1e-2
        backend.named("cuda").update_all("adam", there, lambda numbers=numbers: numbers)
        for p, g, m, v in zip(*rows, strict=True):
            backend.named("cpu").adam(p, g, m, v, 0.9, 0.99, 1e-3, 1e-2)
        for row, expected in zip(there, rows, strict=True):
            for a, b in zip(row, expected, strict=True):
                np.testing.assert_allclose(backend.move(a, "cpu"), b, rtol=tolerance, atol=tolerance)
        total = backend.named("cuda").square_sum(there[1])
        expected = math.fsum(float(x) ** 2 for a in rows[1] for x in a)
        assert float(total) == pytest.approx(expected, rel=1e-12)


def test_the_square_of_a_large_gradient_does_not_overflow():
    large = backend.move(np.full(5, 1e30, "float32"), "cuda")
    assert float(backend.named("cuda").square_sum([large])) == pytest.approx(5e60)


def test_an_outcome_outlives_its_row():
    """A report that is looked at long after its step has the numbers of its step."""
    ends = []
    for captured in (True, False):
        played, shape = game(captured=captured, average=False)
        reports = [played.critic_step(*batch(k, shape)) for k in range(70)]
        ends.append([dict(report) for report in reports])
    assert ends[0] == ends[1]


def test_instance_noise_falls_in_a_captured_step():
    ends = []
    for captured in (True, False):
        generator = models.dense.generator(3, (5,), 8, 1, rng=Generator(0)).to("cuda")
        noise = gan.InstanceNoise(lambda step: optim.linear(step, 5, 0.5, 0.0), rng=Generator(3))
        critic = mg.nn.Sequential(noise, models.dense.critic((5,), 8, 1, rng=Generator(1))).to("cuda")
        players = [optim.Adam(network.parameters(), 1e-2) for network in (generator, critic)]
        played = gan.Game(generator, critic, *players, gan.losses.hinge, captured=captured)
        reports = []
        for k in range(8):
            noise.step = k
            real, z = batch(k, (5,))
            reports.append(played.critic_step(real, z) | played.generator_step(z))
        ends.append((reports, state(played), noise.rng.state))
    assert ends[0][0] == ends[1][0]
    same(ends[0][1], ends[1][1])
    assert ends[0][2] == ends[1][2]


def test_a_generator_step_that_is_not_finite_is_explained():
    played, shape = game()
    rounds(played, shape, range(3))
    z = normal(5, N, 3)
    z[0, 0] = np.inf
    played.generator_step(z)
    with pytest.raises(FloatingPointError):
        played.settle()
    assert played.refused[0] is None
    assert "the noise z (6, 3) already holds 1 of 18" in gan.explain_nan(played, *played.refused)


def test_an_average_on_another_device_is_refused():
    make_generator, make_critic, _ = NETWORKS["dense"]
    generator, critic = make_generator(), make_critic().to("cuda")
    ema = optim.EMA(generator, 0.9)
    generator.to("cuda")
    players = [optim.Adam(network.parameters()) for network in (generator, critic)]
    with pytest.raises(ValueError, match="the average is on 'cpu', the generator on 'cuda'"):
        gan.Game(generator, critic, *players, gan.losses.hinge, average=ema)


def test_a_captured_function_without_arrays_of_the_host_finds_its_device():
    """Also if it returns numbers."""
    x = normal(0, 4)
    step = mg.capture(lambda x: float((x * 2).sum()))
    step(x)
    with pytest.raises(mg.CaptureError, match="must not wait for the GPU"):
        step(x)
