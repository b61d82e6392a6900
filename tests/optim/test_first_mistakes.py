"""Mistakes of a first afternoon with `mg.optim`: each works, or is refused in one sentence that names the remedy."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn, optim
from minigan.random import Generator

KINDS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "Adam": lambda p: optim.Adam(p, 2e-4, betas=(0.5, 0.9)),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def net():
    rng = Generator(0)
    return nn.Sequential(hidden=nn.Linear(3, 4, rng=rng), out=nn.Linear(4, 1, rng=rng)).named("critic")


def gradients(parameters):
    return [np.ones(p.shape, p.dtype) for p in parameters]


def everything(optimizer):
    values = [p.data.tobytes() for p in optimizer.parameters]
    return (
        values,
        [p.version for p in optimizer.parameters],
        {k: v.tobytes() for k, v in optimizer.state_dict().items()},
    )


@every_kind
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_refused_by_the_name_of_its_parameter(kind, bad):
    optimizer = KINDS[kind](net().parameters())
    grads = gradients(optimizer.parameters)
    optimizer.step(grads, check=True)
    before = everything(optimizer)
    grads[2][1, 0] = bad
    with pytest.raises(
        FloatingPointError, match=r"gradient of critic\.out\.weight holds NaN or infinity; no parameter"
    ):
        optimizer.step(grads, check=True)
    assert everything(optimizer) == before
    with pytest.raises(FloatingPointError, match=r"critic\.out\.weight holds"):
        optimizer.step([mg.tensor(g) for g in grads], check=True)


def test_every_parameter_whose_gradient_is_not_finite_is_named():
    unnamed = mg.Parameter(np.zeros(2))
    optimizer = optim.SGD([unnamed, mg.Parameter(np.zeros(3), "scale"), mg.Parameter(np.zeros(1), "shift")], 0.1)
    with pytest.raises(FloatingPointError, match=r"gradient of a parameter \(2,\), scale holds"):
        optimizer.step([np.full(2, np.nan), np.full(3, np.inf), np.zeros(1)], check=True)


def test_a_gradient_left_by_backward_is_checked_too_and_none_is_no_gradient():
    p, q = mg.Parameter(np.array([0.0]), "p"), mg.Parameter(np.array([1.0]), "q")
    optimizer = optim.SGD([p, q], 0.5)
    (q * q).sum().backward()
    optimizer.step(check=True)
    assert q.data.tolist() == [0.0]
    with np.errstate(all="ignore"):
        (1.0 / p).sum().backward()
    with pytest.raises(FloatingPointError, match="gradient of p holds"):
        optimizer.step(check=True)


def test_without_a_check_such_a_gradient_is_taken_as_before():
    p = mg.Parameter(np.zeros(2))
    optim.SGD([p], 0.1).step([np.array([np.nan, 1.0])])
    assert np.isnan(p.data[0])


def test_a_captured_step_refuses_the_check_in_one_sentence():
    critic = net()
    optimizer = optim.Adam(critic.parameters())

    @mg.capture
    def step(x):
        loss = critic(x).sum()
        optimizer.step(mg.grad(loss, critic.parameters()), check=True)
        return loss

    x = mg.tensor(np.ones((2, 3), "float32"))
    with pytest.raises(mg.CaptureError, match="must not look at its values"):
        [step(x) for _ in range(2)]


@every_kind
def test_a_check_changes_no_bit(kind):
    one, two = KINDS[kind](net().parameters()), KINDS[kind](net().parameters())
    for optimizer, check in ((one, False), (two, True)):
        optimizer.step(gradients(optimizer.parameters), check=check)
    assert everything(one)[0] == everything(two)[0]


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda p: optim.Adam(p, lr="1e-3"), TypeError, "lr must be a number, got '1e-3'"),
        (lambda p: optim.SGD(p, None), TypeError, "lr must be a number, got None"),
        (lambda p: optim.Adam(p, betas=0.5), ValueError, r"betas must be two numbers \(b1, b2\), got 0\.5"),
        (lambda p: optim.Adam(p, betas=(0.5,)), ValueError, r"betas must be two numbers \(b1, b2\), got \(0\.5,\)"),
        (lambda p: optim.Adam(p, betas=("0.5", 0.9)), TypeError, r"b1 must be a number, got '0\.5'"),
        (lambda p: optim.Adam(p, eps="1e-8"), TypeError, "eps must be a number, got '1e-8'"),
        (lambda p: optim.SGD(p, 0.1, "0.9"), TypeError, r"momentum must be a number, got '0\.9'"),
        (lambda p: optim.RMSprop(p, alpha="0.9"), TypeError, r"alpha must be a number, got '0\.9'"),
    ],
)
def test_a_wrong_option_is_refused_when_the_optimizer_is_made(make, kind, said):
    with pytest.raises(kind, match=said):
        make(net().parameters())


def test_every_form_of_a_number_is_accepted():
    for betas in ((0.5, 0.9), [0, 0.9], np.array([0.5, 0.9])):
        optim.Adam(net().parameters(), np.float32(1e-3), betas)
    optim.SGD(net().parameters(), np.array(0.1))


@pytest.mark.parametrize("wrap", [mg.tensor, np.asarray])
def test_a_single_gradient_in_place_of_all_is_recognised(wrap):
    optimizer = optim.Adam(net().parameters())
    with pytest.raises(ValueError, match=r"3 gradients for 4 parameters; a single \w+ was given: pass all gradients"):
        optimizer.step(wrap(gradients(optimizer.parameters)[0]))


def test_an_optimizer_shows_its_size_its_options_and_its_step():
    optimizer = optim.Adam(net().parameters(), 2e-4, betas=(0.5, 0.9))
    assert repr(optimizer) == "Adam(21 parameters, lr=0.0002, betas=(0.5, 0.9), eps=1e-08, step=0)"
    optimizer.step([gradients(optimizer.parameters)[0], None, None, None])
    assert repr(optimizer).endswith("step=1)")
    assert repr(optim.SGD(net().parameters(), 0.1)) == "SGD(21 parameters, lr=0.1, momentum=0.0, step=0)"
    assert repr(optim.RMSprop(net().parameters())) == "RMSprop(21 parameters, lr=0.01, alpha=0.99, eps=1e-08, step=0)"


def test_an_average_shows_what_it_averages():
    ema = optim.EMA(net(), decay=0.99)
    ema.update(net())
    assert repr(ema) == "EMA(Sequential, 21 parameters, decay=0.99, updates=1)"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("AdamW", r"optim\.Adam"), ("Adagrad", r"optim\.RMSprop"), ("lr_scheduler", r"optimizer\.lr .*optim\.cosine"),
     ("clip_grad_norm_", r"optim\.clip_grad_norm\(")],
)  # fmt: skip
def test_a_name_of_another_library_says_what_to_use(name, remedy):
    with pytest.raises(AttributeError, match=rf"'minigan.optim' has no attribute '{name}': .*{remedy}"):
        getattr(optim, name)


def test_a_misspelt_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'minigan.optim' has no attribute 'Adan'$"):
        optim.Adan  # noqa: B018


def test_dir_shows_public_names_only():
    assert dir(optim) == sorted(optim.__all__)
    assert all(hasattr(optim, name) for name in optim.__all__)
    assert not {"np", "math", "of", "Tensor", "copy"} & set(dir(optim))


def test_help_shows_signature_and_arguments(capsys):
    help(optim.Adam)
    shown = capsys.readouterr().out
    for text in (
        "class Adam(Optimizer)",
        "lr: 'float' = 0.001",
        "(0.9, 0.999)",
        "Args:",
        "betas: (b1, b2)",
        "check: Whether",
    ):
        assert text in shown
