"""The diagnosis: it leaves no trace, waits until it is sure, names what failed, and is silent otherwise."""

from dataclasses import replace

import numpy as np
import patients
import pytest

import minigan as mg
from minigan import gan, models, nn, ops
from minigan.gan import losses
from minigan.gan.probe import Vitals, measure, weight_norms
from minigan.gan.symptoms import DISEASES
from minigan.gan.undisturbed import undisturbed
from minigan.op import observing
from minigan.random import Generator

WELL = Vitals(
    step=20, apart=0.8, critic_signal=0.9, generator_signal=1.0, gradient=1.0, gradient_rms=1e-2,
    fake_gradient_norm=2.0, real_gradient_norm=2.0, spread=0.9, precision=0.9, coverage=0.9, repeats=1e-3, shift=2e-3,
    generator_weights=1.1, critic_weights=1.2, copying=0.3,
)  # fmt: skip
BEFORE = replace(WELL, step=1, generator_weights=1.0)


def delicate_game(seed=0):
    """Batch norm, dropout, spectral norm and noise: everything that a forward in training mode may change."""
    rng = Generator(seed)
    generator = nn.Sequential(
        dense=nn.Linear(4, 16, rng=rng), norm=nn.BatchNorm(16), act=nn.ReLU(), drop=nn.Dropout(0.2, rng=rng.spawn()),
        out=nn.Linear(16, 2, rng=rng),
    ).named("generator")  # fmt: skip
    critic = nn.Sequential(
        noise=gan.InstanceNoise(0.1, rng=rng.spawn()), dense=nn.spectral_norm(nn.Linear(2, 16, rng=rng), rng=rng),
        act=nn.LeakyReLU(0.2), drop=nn.Dropout(0.2, rng=rng.spawn()), out=nn.Linear(16, 1, rng=rng),
    ).named("critic")  # fmt: skip
    return patients.make(
        seed, patients.normal, losses.relativistic, patients.r1(0.5), generator=generator, critic=critic
    )


def everything(game):
    """Return everything that training could depend on, as bytes and numbers."""
    networks = game.generator, game.critic
    modules = [module for network in networks for module in network.modules()]
    return (
        [{name: array.tobytes() for name, array in network.state_dict().items()} for network in networks],
        [parameter.version for network in networks for parameter in network.parameters()],
        [parameter.requires_grad for network in networks for parameter in network.parameters()],
        [module.training for module in modules],
        [module.rng.state for module in modules if hasattr(module, "rng")],
        game.critic_steps,
    )


# --- no trace ----------------------------------------------------------------------------------------------


def test_training_with_a_diagnosis_is_training_without_one_to_the_bit():
    runs = []
    for every in (1, 1000):
        case = delicate_game()
        for step in range(12):
            real, z = case.turn()
            if step % every == 0:
                case.diagnosis.examine(case.game, real, z)
        runs.append([network.state_dict() for network in (case.game.generator, case.game.critic)])
    for a, b in zip(*runs, strict=True):
        assert all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_an_examination_changes_nothing_at_all():
    case = delicate_game()
    real, z = case.turn()
    before = everything(case.game)
    case.diagnosis.examine_setup(case.game)
    case.diagnosis.examine(case.game, real, z)
    assert gan.explain_nan(case.game, real, z) is None
    assert everything(case.game) == before


def test_a_layer_that_was_frozen_in_evaluation_mode_stays_so():
    case = delicate_game()
    case.game.generator.norm.eval()
    case.game.critic.out.bias.requires_grad_(False)
    before = everything(case.game)
    case.diagnosis.examine(case.game, *case.draw())
    assert everything(case.game) == before


def test_networks_are_restored_when_the_look_at_them_fails():
    case = delicate_game()
    before = everything(case.game)

    def look():
        with undisturbed(case.game.generator, case.game.critic):
            case.game.generator(case.noise(8))
            case.game.critic(case.sample(8, case.order))
            case.game.critic.eval()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    assert everything(case.game) == before


# --- what is measured --------------------------------------------------------------------------------------


def vitals(case, n=64):
    real, z = case.sample(n, case.order), case.noise(n)
    return measure(case.game, real, z, None, 1, weight_norms(case.game))


def linear_game(loss, slope):
    """G(z) = z and D(x) = slope * x_1: every measurement is known."""
    generator, critic = nn.Sequential(one=nn.Linear(2, 2)).named("g"), nn.Sequential(one=nn.Linear(2, 1)).named("c")
    generator.one.weight.assign_(np.eye(2))
    critic.one.weight.assign_(np.array([[slope], [0.0]]))
    return patients.make(0, patients.normal, loss, generator=generator, critic=critic, latent=2)


def test_gradient_norms_are_in_logits_per_spread_of_the_data():
    seen = vitals(linear_game(losses.wasserstein, 3.0))
    real = patients.normal(64, Generator(0).spawn(4)[2])
    spread = np.sqrt(real.var(axis=0).sum())
    assert seen.fake_gradient_norm == pytest.approx(3 * spread, rel=1e-5)
    assert seen.real_gradient_norm == pytest.approx(3 * spread, rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_ratios_do_not_depend_on_the_unit_of_the_data(scale):
    """Data, generator and critic in another unit: the same game, so the same measurements, except the gradients."""
    one, other = linear_game(losses.non_saturating, 2.0), linear_game(losses.non_saturating, 2.0 / scale)
    other.game.generator.one.weight.assign_(np.eye(2) * scale)
    other.sample = lambda n, rng: patients.normal(n, rng) * np.float32(scale)
    a, b = vitals(one), vitals(other)
    for name in (
        "apart",
        "critic_signal",
        "generator_signal",
        "fake_gradient_norm",
        "real_gradient_norm",
        "spread",
        "repeats",
        "shift",
    ):
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-4, abs=1e-7), name
    assert (a.precision, a.coverage) == (b.precision, b.coverage)


@pytest.mark.parametrize("scale", [1e-2, 1e2])
def test_the_shift_between_the_modes_is_in_variances_of_the_data(scale):
    """Running statistics say that the input is centred, but its mean is 3 standard deviations: (3 scale)^2 per axis."""
    case = linear_game(losses.hinge, 1.0)
    generator = nn.Sequential(norm=nn.BatchNorm(2)).named("generator")
    generator.norm.gamma.assign_(np.full(2, scale))
    case.game.generator, case.noise = generator, lambda n: np.float32(3) + Generator(5).normal((n, 2))
    case.sample = lambda n, rng: np.float32(scale) * Generator(6).normal((n, 2))
    assert vitals(case, 4096).shift == pytest.approx(9, rel=0.05)


def test_the_signal_of_a_loss_is_one_where_the_critic_knows_nothing():
    for loss in losses.ALL.values():
        seen = vitals(linear_game(loss, 0.0))
        assert (seen.critic_signal, seen.generator_signal, seen.apart) == (1.0, 1.0, 0.5), loss.name


def test_the_signal_of_the_cross_entropy_is_what_the_sigmoid_says():
    case = linear_game(losses.minimax, 5.0)
    real, z = case.draw()
    seen = measure(case.game, real, z, None, 1, weight_norms(case.game))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    d_real, d_fake = sigmoid(5 * real[:, 0]), sigmoid(5 * z[:, 0])
    assert seen.critic_signal == pytest.approx(((1 - d_real).mean() + d_fake.mean()) / 1, rel=1e-4)
    assert seen.generator_signal == pytest.approx(d_fake.mean() / 0.5, rel=1e-4)


def test_batches_add_up_to_a_probe_and_old_ones_go():
    case = delicate_game()
    for _ in range(7):
        case.diagnosis.examine(case.game, *case.draw())
    real, z, labels = case.diagnosis._pooled()
    assert (real.shape, z.shape, labels) == ((256, 2), (256, 4), None)
    assert np.array_equal(real[-64:], case.batch[0])


def test_a_batch_of_one_waits_for_others():
    case = delicate_game()
    for _ in range(10):
        real, z = case.draw()
        assert case.diagnosis.examine(case.game, real[:1], z[:1]) == []
    assert len(case.diagnosis.course) == 3


def test_conditional_packed_and_paired_games_can_be_examined():
    rng = Generator(0)
    generator = models.conditional.LabelledGenerator(models.dense.generator(7, (2,), 8, output="linear", rng=rng), 3)
    critic = models.conditional.ProjectionCritic(models.dense.critic((2,), 8, outputs=4, rng=rng), 3)
    case = patients.make(0, patients.normal, losses.relativistic, generator=generator, critic=critic)
    labels = np.arange(64) % 3
    for step in range(3):
        case.diagnosis.examine(case.game, *case.draw(), labels, step=step)
    assert len(case.diagnosis.course) == 3
    packed = gan.PackedCritic(models.dense.critic((4,), 8, rng=rng), 2)
    case = patients.make(0, patients.normal, critic=packed)
    case.diagnosis.examine(case.game, *case.draw())
    assert len(case.diagnosis.course) == 1


# --- findings ----------------------------------------------------------------------------------------------

SICK = {
    "collapse": [{"spread": 0.05}, {"repeats": 0.5}, {"precision": 0.95, "coverage": 0.2}],
    "critic has won": [{"apart": 1.0, "critic_signal": 1e-3}],
    "critic has lost": [{"apart": 0.02}],
    "generator gradient vanished": [
        {"apart": 0.95, "generator_signal": 1e-3}, {"apart": 0.95, "gradient_rms": 1e-9},
        {"apart": 0.95, "gradient": 1e-4}, {"apart": 0.95, "gradient": 0.0, "gradient_rms": 0.0},
    ],
    "fake-side gradient explodes": [{"fake_gradient_norm": 1e3}],
    "evaluation differs from training": [{"shift": 0.3}],
    "memorising": [{"copying": 7.0}],
    "diverged": [{"generator_weights": 30.0}, {"critic_weights": 30.0}],
    "generator does not move": [{"generator_weights": BEFORE.generator_weights}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "signs"), [(name, signs) for name, cases in SICK.items() for signs in cases])
def test_a_symptom_is_seen_and_no_other_one(name, signs):
    now = replace(WELL, **signs)
    assert [n for n, disease in DISEASES.items() if disease.symptom(now, [BEFORE])] == [name]


def test_the_well_have_no_symptom():
    for past in ([], [BEFORE]):
        assert not any(disease.symptom(WELL, past) for disease in DISEASES.values())


def test_what_is_no_disease():
    """A gradient that vanished because the critic cannot tell real from fake; separate logits of a Wasserstein loss."""
    for signs in ({"apart": 0.5, "gradient": 1e-9, "gradient_rms": 1e-12}, {"apart": 1.0, "critic_signal": 1.0}):
        now = replace(WELL, **signs)
        assert not any(disease.symptom(now, [BEFORE]) for disease in DISEASES.values())


def test_a_symptom_must_last_and_is_reported_once_until_it_goes_away(monkeypatch):
    ill = [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1]
    course = iter(
        [replace(WELL, step=t, apart=0.02 if sick else 0.8, generator_weights=t + 1) for t, sick in enumerate(ill)]
    )
    monkeypatch.setattr("minigan.gan.diagnosis.measure", lambda *args: next(course))
    case = delicate_game()
    diagnosis = gan.Diagnosis(patience=3)
    found = [(f.name, f.step) for t in range(12) for f in diagnosis.examine(case.game, *case.draw(), step=t)]
    assert [f for f in found if f[0] == "critic has lost"] == [("critic has lost", 5), ("critic has lost", 11)]


def test_a_finding_reads_as_a_sentence():
    case = patients.constant_noise(0)
    (finding,) = patients.play(case, "collapse")
    assert str(finding).startswith(
        "step 60: collapse: the samples have 0.00% of the spread of the data. Pair the losses"
    )
    with pytest.raises(AttributeError):
        finding.step = 3


def test_every_disease_has_a_remedy():
    assert all(len(disease.remedy) > 20 for disease in DISEASES.values())


def test_setup_faults_are_seen_before_the_first_step_and_a_sound_setup_has_none():
    for case in (patients.penalised_batch_norm(0), patients.optimizer_of_a_copy(0)):
        assert len(case.diagnosis.examine_setup(case.game)) == 1
    for case in (delicate_game(), patients.on_ring(0, critic_norm=True)):
        assert case.diagnosis.examine_setup(case.game) == []


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="both train and held_out"):
        gan.Diagnosis(train=np.ones((4, 2)))
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        gan.Diagnosis(patience=0)


# --- not a number ------------------------------------------------------------------------------------------


def test_a_step_that_is_not_finite_changes_no_weight():
    case = patients.root_of_zero(0)
    before = [p.data.tobytes() for p in case.game.critic.parameters()]
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"the gradients of critic\.dense1\.weight.* are not"),
    ):
        case.game.critic_step(*case.draw())
    assert [p.data.tobytes() for p in case.game.critic.parameters()] == before
    assert set(case.game.critic_optimizer.steps) == {0}


def test_the_generators_step_is_explained_too():
    case = patients.on_ring(0)
    log = losses.Loss("log", "", lambda r, f: (f - r).mean(), lambda f: ops.log(1.0 / (f + np.inf)).mean())
    case.game.loss = log
    real, z = case.draw()
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="generator loss -inf"):
        case.game.generator_step(z, real)
    evidence = gan.explain_nan(case.game, real, z)
    assert "forward of the generator's step the operation 'log' on shapes (64, 1)" in evidence
    assert "critic.out" in evidence


def test_a_weight_or_statistic_that_is_not_finite_is_named():
    case = delicate_game()
    case.game.generator.norm.running_var[3] = np.nan
    real, z = case.draw()
    assert gan.explain_nan(case.game, real, z).startswith("generator.norm.running_var (16,) already holds 1 of 16")
    (finding,) = case.diagnosis.examine(case.game, real, z, step=9)
    assert (finding.name, finding.step) == ("not a number", 9)
    case.game.critic.out.weight.assign_(np.full((16, 1), np.nan))
    case.game.generator.norm.running_var[3] = 1
    assert gan.explain_nan(case.game, real, z).startswith("critic.out.weight (16, 1) already holds 16 of 16")


def test_an_observer_sees_every_operation_inside_and_none_outside():
    seen = []
    x = mg.tensor(np.ones(2))
    with observing(lambda op, arrays, result: seen.append((op.name, len(arrays), result.shape))):
        ops.exp(x + 1.0)
        with pytest.raises(ValueError, match="matmul"):
            ops.matmul(np.ones((2, 3)), np.ones((2, 3)))
    ops.exp(x)
    assert seen == [("add", 2, (2,)), ("exp", 1, (2,))]


# --- the whole, in small -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ill", [patients.three_noise_vectors, patients.critic_not_trained, patients.rates_of_one,
                                 patients.wasserstein_without_a_bound, patients.huge_rate_without_adam,
                                 patients.root_of_zero, patients.hole_in_the_data, patients.logarithm_of_a_sigmoid],
                         ids=lambda f: f.__name__)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_ill_game_is_found_out(ill):
    name, word = patients.ILL[ill]
    (finding,) = [f for f in patients.play(ill(0), until=name) if f.name == name]
    assert word in finding.evidence


@pytest.mark.parametrize("well", [patients.normal_without_penalty, patients.digits_with_convolutions],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_a_healthy_game_is_left_alone(well):
    assert patients.play(well(0)) == []
