"""Every loss against numbers worked out by hand, and where it must not overflow, broadcast or change sign."""

import math
import pydoc
import re

import numpy as np
import pytest

import minigan as mg
from minigan.gan import losses

NAMES = ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]
every_loss = pytest.mark.parametrize("name", NAMES)

REAL, FAKE = [1.0, -2.0], [0.5, 3.0]


def S(x):
    """softplus: log(1 + e^x)."""
    return math.log(1 + math.exp(x))


# -log D = S(-x) and -log(1 - D) = S(x) for D = 1 / (1 + e^-x).
BCE = (S(-1) + S(2)) / 2 + (S(0.5) + S(3)) / 2
CRITIC = {
    "minimax": BCE,
    "non_saturating": BCE,
    "least_squares": 0.5 * (0 + 9) / 2 + 0.5 * (0.25 + 9) / 2,
    "hinge": (0 + 3) / 2 + (1.5 + 4) / 2,
    "wasserstein": 1.75 - (-0.5),
    "relativistic": (S(0.5 - 1) + S(3 + 2)) / 2,
}
GENERATOR = {
    "minimax": -(S(0.5) + S(3)) / 2,
    "non_saturating": (S(-0.5) + S(-3)) / 2,
    "least_squares": 0.5 * (0.25 + 4) / 2,
    "hinge": -1.75,
    "wasserstein": -1.75,
    "relativistic": (S(1 - 0.5) + S(-2 - 3)) / 2,
}


def both(name, real, fake):
    """Return the critic's and the generator's loss, as Tensors."""
    loss = losses.ALL[name]
    return loss.critic(real, fake), loss.generator(fake, real)


@every_loss
@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(name, shape, dtype):
    real, fake = (mg.tensor(np.reshape(x, shape), dtype=dtype) for x in (REAL, FAKE))
    critic, generator = both(name, real, fake)
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    assert critic.shape == generator.shape == ()
    assert critic.dtype == generator.dtype == np.dtype(dtype)
    assert abs(critic.item() - CRITIC[name]) < tolerance * 10
    assert abs(generator.item() - GENERATOR[name]) < tolerance * 10


def test_the_list_is_complete_and_every_loss_has_a_source():
    assert list(losses.ALL) == NAMES
    for name, loss in losses.ALL.items():
        assert loss is getattr(losses, name)
        assert loss.name == name
        assert re.search(r"\b(19|20)\d\d\b", loss.source), "no year in its source"


# --- gradients ---------------------------------------------------------------------------------------------


@every_loss
def test_directions(name):
    """The critic raises real logits and lowers fake ones, the generator raises fake ones."""
    real, fake = mg.tensor([0.25, -0.5], True), mg.tensor([0.25, 0.5], True)
    critic, generator = both(name, real, fake)
    g_real, g_fake = mg.grad(critic, [real, fake])
    assert (g_real.numpy() < 0).all()
    assert (g_fake.numpy() > 0).all()
    (g,) = mg.grad(generator, [fake])
    assert (g.numpy() < 0).all()


def test_the_minimax_generator_saturates_where_the_other_does_not():
    fake = mg.tensor([-20.0], True)
    (saturated,) = mg.grad(losses.minimax.generator(fake), [fake])
    (alive,) = mg.grad(losses.non_saturating.generator(fake), [fake])
    np.testing.assert_allclose(saturated.numpy(), -math.exp(-20), rtol=1e-6)
    np.testing.assert_allclose(alive.numpy(), -1, rtol=1e-6)


def test_only_the_relativistic_generator_looks_at_real_logits():
    real, fake = mg.tensor([0.25, -0.5], True), mg.tensor([-0.25, 0.5], True)
    for name in NAMES:
        (g,) = mg.grad(losses.ALL[name].generator(fake, real), [real], allow_unused=True)
        assert (g is not None) == (name == "relativistic")


def test_relativistic_pairs_each_fake_with_the_real_sample_of_its_row():
    real, fake = mg.tensor([0.0, 100.0]), mg.tensor([0.0, 100.0])
    assert abs(losses.relativistic.critic(real, fake).item() - math.log(2)) < 1e-12


def test_hinge_ignores_what_is_beyond_the_margin():
    real, fake = mg.tensor([1.5, 0.5], True), mg.tensor([-1.5, -0.5], True)
    g_real, g_fake = mg.grad(losses.hinge.critic(real, fake), [real, fake])
    np.testing.assert_array_equal(g_real.numpy(), [0, -0.5])
    np.testing.assert_array_equal(g_fake.numpy(), [0, 0.5])


# --- extremes ----------------------------------------------------------------------------------------------

K = 1000.0
EXTREME = {  # (critic, generator) at real = +K, fake = -K, and at real = -K, fake = +K
    "minimax": ((0, 0), (2 * K, -K)),
    "non_saturating": ((0, K), (2 * K, 0)),
    "least_squares": (
        (0.5 * ((K - 1) ** 2 + K**2), 0.5 * (K + 1) ** 2),
        (0.5 * ((K + 1) ** 2 + K**2), 0.5 * (K - 1) ** 2),
    ),
    "hinge": ((0, K), (2 * (K + 1), -K)),
    "wasserstein": ((-2 * K, K), (2 * K, -K)),
    "relativistic": ((0, 2 * K), (2 * K, 0)),
}


@every_loss
@pytest.mark.parametrize("side", [0, 1])
def test_extreme_logits_in_float32(name, side):
    k = K if side == 0 else -K
    real, fake = (mg.tensor(np.full((3, 1), x), True, dtype="float32") for x in (k, -k))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        critic, generator = both(name, real, fake)
        grads = mg.grad(critic, [real, fake], create_graph=True) + mg.grad(generator, [fake], create_graph=True)
        curvature = [
            mg.grad(g.sum(), [fake], allow_unused=True, retain_graph=True)[0] for g in grads if g.requires_grad
        ]
    np.testing.assert_allclose([critic.item(), generator.item()], EXTREME[name][side], rtol=1e-6, atol=1e-30)
    for g in [*grads, *curvature]:
        assert g is None or np.isfinite(g.numpy()).all()


# --- shapes ------------------------------------------------------------------------------------------------


@every_loss
def test_a_column_against_a_row_is_refused_by_name(name):
    column, row = mg.tensor(np.zeros((4, 1))), mg.tensor(np.zeros(4))
    loss = losses.ALL[name]
    shapes = r"real_logits have shape \({}, fake_logits \({};.* does not broadcast"
    for real, fake, given in ((column, row, (r"4, 1\)", r"4,\)")), (row, column, (r"4,\)", r"4, 1\)"))):
        with pytest.raises(ValueError, match=f"{name}: {shapes.format(*given)}"):
            loss.critic(real, fake)


def test_relativistic_refuses_in_the_generator_too_and_needs_pairs():
    column, row = mg.tensor(np.zeros((4, 1))), mg.tensor(np.zeros(4))
    with pytest.raises(ValueError, match="relativistic: real_logits"):
        losses.relativistic.generator(column, row)
    with pytest.raises(ValueError, match="relativistic: real_logits"):
        losses.relativistic.critic(row, mg.tensor(np.zeros(5)))
    with pytest.raises(ValueError, match=r"relativistic\.generator needs real_logits"):
        losses.relativistic.generator(column)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "relativistic"])
def test_batches_of_different_size_are_averaged_each_by_itself(name):
    fake = mg.tensor([[0.5], [3.0]])
    twice = mg.tensor([[1.0], [-2.0], [1.0], [-2.0]])
    assert abs(losses.ALL[name].critic(twice, fake).item() - CRITIC[name]) < 1e-12


# --- use ---------------------------------------------------------------------------------------------------


@every_loss
def test_a_loss_that_is_called_names_its_two_functions(name):
    with pytest.raises(TypeError, match=rf"losses\.{name}\.critic\(.*losses\.{name}\.generator\("):
        losses.ALL[name](mg.tensor(REAL), mg.tensor(FAKE))


def test_help_shows_signature_and_docstring_of_a_losss_functions():
    shown = pydoc.render_doc(losses.hinge.critic, renderer=pydoc.plaintext)
    assert "critic(real_logits: 'Tensor | Array', fake_logits: 'Tensor | Array') -> 'Tensor'" in shown
    assert "Return the critic's loss, a scalar." in shown


def test_completion_offers_public_names_alone():
    assert dir(losses) == sorted(losses.__all__)
    assert set(NAMES) < set(dir(losses))
    assert "numpy" not in dir(mg.gan)
    assert "Game" in dir(mg.gan)
