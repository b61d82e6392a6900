"""`mg.capture` on a GPU: CUDA graphs of whole steps, and what cannot be in one, which CUDA or CuPy refuses."""

import gc
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from against_numpy import put
from captured_games import NETWORKS, N, equal, normal, numbers
from stand_in import cut

import minigan as mg
from minigan import gan, ops, optim
from minigan.backend.recording import changing
from minigan.presets import preset
from minigan.random import Generator
from minigan.trainers import load_data, trainer_for

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", NETWORKS)
def test_a_replayed_graph_equals_the_steps_to_the_bit(name):
    equal(name, cut("replays of a graph"))


SMALL = {"data": "digits-8x8", "batch_size": 4, "generator_width": 4, "critic_width": 4, "held_out": 0}


@pytest.mark.parametrize("name", ["toy-ring", "digits", "sngan", "dense-128"])
def test_a_trainer_captures_what_it_can(name, monkeypatch):
    """Without a warning, and with the numbers of the steps as they are; labels lie on the device."""

    def trained():
        config = replace(preset(name), device="cuda", **SMALL | ({"data": "ring"} if name == "toy-ring" else {}))
        trainer = trainer_for(config, load_data(config))
        return [numbers(trainer.step()) for _ in range(5)], trainer.state()

    captured, (arrays, state) = trained()
    monkeypatch.setattr("minigan.trainers.gan._repeats_itself", lambda config, device: False)
    expected, (others, expected_state) = trained()
    assert captured == expected
    assert state == expected_state
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, others[key])


def test_what_cannot_be_captured_is_computed_as_it_is_after_one_warning():
    def penalty(critic, real, fake):
        return critic(real).sum() * float(real.sum())

    def game(captured):
        networks = [make().to("cuda") for make in NETWORKS["dense"][:2]]
        optimizers = [optim.SGD(network.parameters(), 1e-2) for network in networks]
        return gan.Game(*networks, *optimizers, gan.losses.wasserstein, penalty=penalty, captured=captured)

    willing, plain, strict = game("if possible"), game(False), game(True)
    for k in range(5):
        real, z = mg.Tensor(normal(k, N, 5)), mg.Tensor(normal(10 + k, N, 3))
        expected = plain.critic_step(real, z) | plain.generator_step(z)
        if k == 1:
            with pytest.raises(mg.CaptureError, match="must not wait"):
                strict.critic_step(real, z)
        with pytest.warns(UserWarning, match="not captured.*must not wait") if k == 1 else nullcontext():
            found = willing.critic_step(real, z) | willing.generator_step(z)
        strict.critic_step(real, z) if k == 0 else None
        assert numbers(found) == numbers(expected)


def test_a_replay_launches_nothing_but_the_graph_and_its_draws(watched):
    rng = Generator(1, "cuda")
    captured = mg.capture(lambda x: ops.tanh(x @ x) + rng.normal((4, 4)))
    for k in range(3):
        captured(mg.Tensor(normal(k, 4, 4)))
    x = mg.Tensor(normal(9, 4, 4))
    with watched() as seen:
        captured(x)
    assert seen.graphs == 1
    assert set(seen.kernels) <= {"place", "cupy_copy__float32_float32"}  # the draw's number, and x
    assert not seen.products


def test_what_is_recorded_is_not_computed():
    total = put(np.zeros(4, "float32"))

    def step(x):
        changing(total)
        np.add(total, x, out=total)
        return total * 1.0

    captured = mg.capture(step)
    for k in range(1, 6):
        assert captured(put(np.ones(4, "float32"))).get().tolist() == [k] * 4


def called(step, times=3, x=None):
    captured = mg.capture(step)
    for k in range(times):
        captured(normal(k, 4) if x is None else x)
    return captured


MISUSES = {
    "item": (lambda x: x * x.sum().item(), "must not wait for the GPU"),
    "branch": (lambda x: x if x.sum() > 0 else -x, "must not wait for the GPU"),
    "numpy": (lambda x: x * float(mg.Tensor(x).numpy()[0]), "must not wait for the GPU"),
    "mask": (lambda x: x[x > 0].sum(), "must not wait for the GPU"),
    "product": (lambda x: x.reshape(2, 2) @ x.reshape(2, 2), "CUDA cannot record .*cuBLAS"),
    "copy from the host": (lambda x: x + mg.tensor([1.0], dtype="float32", device="cuda").data, "^a .*must not copy"),
    "index on the host": (lambda x: x[np.array([0, 1])], "must not wait for the GPU"),
    "mask on the host": (lambda x: x[np.array([True, False, True, False])], "must not wait for the GPU"),
    "list": (lambda x: x[[0, 1]], "must not wait for the GPU"),
}  # fmt: skip


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_refused(misuse):
    step, message = MISUSES[misuse]
    with pytest.raises(mg.CaptureError, match=message):
        called(step)


def test_a_python_number_that_is_baked_in_is_refused():
    numbers = iter(range(1, 100))
    with pytest.raises(mg.CaptureError, match=r"output 0 .* such as a Python number"):
        called(lambda x: x * float(next(numbers)))


def test_another_shape_or_device_is_refused():
    captured = called(lambda x: x * 2.0)
    with pytest.raises(mg.CaptureError, match=r"input 0 was float32 \(4,\) on 'cuda' .* now float32 \(5,\) on 'cuda'"):
        captured(normal(0, 5))
    with pytest.raises(mg.CaptureError, match=r"is now float32 \(4,\) on 'cpu'$"):
        captured(np.ones(4, "float32"))


def test_another_seed_is_refused():
    rng = Generator(3, "cuda")
    captured = called(lambda x: x + rng.normal((4,)))
    rng.set_state(Generator(4).state)
    with pytest.raises(mg.CaptureError, match="a seed has changed"):
        captured(normal(0, 4))


def test_a_generator_may_be_put_back():
    rng = Generator(3, "cuda")
    captured = called(lambda x: rng.normal((4,)) + 0.0 * x)
    before = rng.state
    first = captured(normal(0, 4)).get()
    assert captured(normal(0, 4)).get().tobytes() != first.tobytes()
    rng.set_state(before)
    assert captured(normal(0, 4)).get().tobytes() == first.tobytes()


def test_a_failed_capture_leaves_everything_as_it_was():
    rng, fail = Generator(0, "cuda"), [True]

    def step(x):
        y = rng.normal((4,)) + x
        return y * float(y.sum()) if fail[0] else y

    captured, x = mg.capture(step), normal(0, 4)
    captured(x)
    before = rng.state
    with pytest.raises(mg.CaptureError):
        captured(x)
    assert rng.state == before
    assert gc.isenabled()
    fail[0] = False
    expected = Generator(0, "cuda")
    expected.set_state(before)
    for _ in range(4):
        np.testing.assert_array_equal(captured(x).get(), (expected.normal((4,)) + x).get())


def test_an_error_of_the_step_itself_passes_through():
    fail = iter([False, True])

    def step(x):
        if next(fail):
            raise KeyError("a bug")
        return x * 2.0

    with pytest.raises(KeyError, match="a bug"):
        called(step)


def test_outputs_are_on_the_device():
    captured = called(lambda x: {"y": mg.Tensor(x) * 2.0, "none": None})
    out = captured(normal(1, 4))
    assert out["y"].device == "cuda"
    assert out["none"] is None
