"""gradcheck accepts right derivatives, and rejects every kind of wrong one and says where it is."""

import dataclasses
import pydoc
import re

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.check import GradcheckError, create_graph_check, gradcheck, gradgradcheck

MODES = ["full", "fast"]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def raw(x):
    return x.data if isinstance(x, mg.Tensor) else x


def layer(x, w, b):
    return ops.tanh(x @ w + b)


LAYER = [normal(3, 4, seed=1), normal(4, 2, seed=2), normal(2, seed=3)]

RIGHT = {
    "layer": (layer, LAYER),
    "conv": (lambda x, w: ops.conv2d(x, w, stride=2, padding="same"), [normal(2, 5, 4, 2), normal(3, 3, 2, 3, seed=1)]),
    "batch_norm": (ops.batch_norm, [normal(5, 3), np.array([1.0, 0.0, -0.5]), normal(3, seed=1)]),
    "cube": (lambda x: x * x * x, [normal(4)]),
    "linear": (lambda x: x * 2.0, [normal(4)]),
    "two outputs": (lambda x, y: (ops.exp(x) * y, ops.sin(y)), [normal(3), normal(3, seed=1)]),
    "zero-dimensional": (lambda x: ops.sin(x), [np.float64(0.3)]),
    "empty": (lambda x: ops.exp(x), [np.zeros((0, 3))]),
    "large values": (lambda x: ops.log(x).sum() + 1e6, [np.array([1e4, 3e5])]),
    "huge values": (lambda x: x * 1e200, [normal(3)]),
    "itself": (lambda x: x, [normal(3)]),
    "fortran order": (ops.tanh, [np.asfortranarray(normal(3, 4))]),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name, mode):
    f, inputs = RIGHT[name]
    report = gradcheck(f, inputs, order=2, mode=mode)
    assert report.relative_error < 1e-7
    assert report.orders == (1, 2)
    assert report.mode == mode


def test_third_order_passes_too():
    assert gradcheck(layer, LAYER, order=3).orders == (1, 2, 3)


def test_gradgradcheck_is_the_second_order_alone():
    assert gradgradcheck(layer, LAYER).orders == (2,)
    assert {c.order for c in gradgradcheck(layer, LAYER).comparisons} == {2}


def test_report_names_inputs_and_prints():
    report = gradcheck(layer, LAYER)
    assert [(c.input, c.name) for c in report.comparisons] == [(0, "x"), (1, "w"), (2, "b")]
    assert "input 1 'w' (4, 2)" in str(report)
    assert "tolerance 1e-06" in str(report)
    (first, *_) = report.comparisons
    assert first.analytic == pytest.approx(first.numeric, rel=1e-7)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.analytic = 0.0


def test_report_marks_an_input_that_is_not_reached():
    report = gradcheck(lambda x, unused: x * x, [normal(2), normal(2)])
    assert [c.reached for c in report.comparisons] == [True, False]
    assert "not reached" in str(report)


def test_a_single_input_and_given_names():
    assert gradcheck(ops.exp, normal(3), names=["z"]).comparisons[0].name == "z"
    with pytest.raises(ValueError, match="2 names for 1 inputs"):
        gradcheck(ops.exp, normal(3), names=["a", "b"])


def test_tensors_and_integers_are_taken_as_they_are():
    rows = np.array([2, 0, 2])
    seen = []

    def pick(x, index, flag):
        seen.append((index, flag))
        return x[index] * x[index]

    report = gradcheck(pick, [mg.tensor(normal(3, 2)), rows, True], order=2)
    assert all(index is rows and flag is True for index, flag in seen)
    assert {c.name for c in report.comparisons} == {"x", ""}


def test_repeatable_and_deaf_to_the_global_state():
    a, b = gradcheck(layer, LAYER, mode="fast"), gradcheck(layer, LAYER, mode="fast")
    assert a == b
    assert gradcheck(layer, LAYER, mode="fast", rng=np.random.default_rng(5)) != a


def test_works_inside_no_grad():
    with mg.no_grad():
        gradcheck(layer, LAYER, order=2)


class TestParameters:
    """A Parameter is varied in place, so that a model which holds it is really checked."""

    def model(self, factor=2.0):
        w, b = mg.Parameter(normal(3, 2), "fc.weight"), mg.Parameter(normal(2, seed=1), "fc.bias")
        bias = mg.op(lambda x, b: x + b, x=lambda g: g, b=lambda g: g * (factor / 2))
        return [w, b], lambda x, *_: ops.tanh(bias(x @ w, b))

    @pytest.mark.parametrize("mode", MODES)
    def test_right(self, mode):
        parameters, f = self.model()
        before = [p.data.copy() for p in parameters]
        report = gradcheck(f, [normal(4, 3), *parameters], order=2, mode=mode)
        assert [c.name for c in report.comparisons if c.order == 1] == ["x", "fc.weight", "fc.bias"]
        assert all(c.analytic != 0 for c in report.comparisons if c.order == 1)
        assert all((p.data == old).all() for p, old in zip(parameters, before, strict=True))

    def test_wrong_is_named_and_values_come_back(self):
        parameters, f = self.model(factor=1.0)
        before = [p.data.copy() for p in parameters]
        with pytest.raises(GradcheckError, match=r"input 2 'fc\.bias' \(2,\).*half of"):
            gradcheck(f, [normal(4, 3), *parameters])
        assert all((p.data == old).all() for p, old in zip(parameters, before, strict=True))

    def test_frozen_is_a_constant(self):
        (w, b), f = self.model(factor=1.0)
        b.requires_grad_(False)
        assert [c.name for c in gradcheck(f, [normal(4, 3), w, b]).comparisons] == ["x", "fc.weight"]


# Negative controls: for every kind of wrongness, a derivation that has it.


def cube(factor=3.0):
    return mg.op(lambda x: x**3, x=lambda g, x: g * factor * x * x)


def last_row_wrong(g, x):
    weight = np.full(raw(x).shape, 2.0)
    weight[-1, 0] = 2.001
    return g * x * weight


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("factor", "cause"), [(6.0, "a factor 2"), (1.5, "a factor 0.5"), (-3.0, "a sign"), (3.03, "1.01 times")]
)
def test_wrong_factor(factor, cause, mode):
    with pytest.raises(GradcheckError, match="order 1, input 0 'x'") as caught:
        gradcheck(lambda x: cube(factor)(x), [normal(2, 3)], mode=mode)
    if mode == "full" or "times" not in cause:
        assert cause in str(caught.value)
    found = caught.value.comparison
    assert found.analytic == pytest.approx(found.numeric * factor / 3, rel=1e-6)
    assert f"analytic {found.analytic:.12g}, numeric {found.numeric:.12g}" in str(caught.value)


def test_the_message_names_input_index_numbers_error_and_tolerance():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x, w: x + mg.op(lambda w: w * w, w=last_row_wrong_for_w)(w), [normal(2, 3), np.ones((2, 3))])
    text = str(caught.value)
    assert "input 1 'w' (2, 3), element (1, 0)" in text
    assert "relative error 5.0e-04 > 1e-06 (1 of 6 elements disagree)" in text


def last_row_wrong_for_w(g, w):
    return last_row_wrong(g, w)


def test_wrong_for_one_element_only():
    square = mg.op(lambda x: x * x, x=last_row_wrong)
    with pytest.raises(GradcheckError, match=r"element \(2, 0\).*1 of 6 elements") as caught:
        gradcheck(lambda x: square(x), [normal(3, 2)])
    assert caught.value.comparison.index == (2, 0)


@pytest.mark.parametrize("mode", MODES)
def test_dead_bias(mode):
    add = mg.op(lambda x, b: x + b, x=lambda g: g, b=lambda g: g * 0)
    with pytest.raises(GradcheckError, match=r"input 1 'b' \(2,\).*analytic -?0,.*zero everywhere.*returns 0"):
        gradcheck(lambda x, b: ops.tanh(add(x, b)), [normal(200, 2), normal(2)], mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_history_lost_in_f(mode):
    with pytest.raises(GradcheckError, match="history lost"):
        gradcheck(lambda x, y: x * y.detach(), [normal(3), normal(3, seed=1)], mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_wrong_only_at_second_order(mode):
    detaches = mg.op(lambda x: x**3, x=lambda g, x: g * (3 * raw(x) ** 2))
    gradcheck(lambda x: detaches(x), [normal(4)], mode=mode)
    for check in (gradgradcheck, lambda *a, **k: gradcheck(*a, order=2, **k)):
        with pytest.raises(GradcheckError, match=r"order 2, input 0 'x'.*history lost \(a vjp uses \.data"):
            check(lambda x: detaches(x), [normal(4)], mode=mode)


def test_a_vjp_that_drops_the_history_of_g():
    drops = mg.op(lambda x: 2 * x, x=lambda g: mg.tensor(2 * raw(g)) if isinstance(g, mg.Tensor) else 2 * g)
    gradcheck(lambda x: drops(x), [normal(4)])
    with pytest.raises(GradcheckError, match="order 2, the cotangent of output 0"):
        gradcheck(lambda x: drops(x), [normal(4)], order=2)


def forked(wrong_when_recording):
    """An operation that is right on one of the two paths that a vjp serves, and wrong on the other."""
    factor = lambda g: 5.0 if isinstance(g, mg.Tensor) is wrong_when_recording else 3.0
    return mg.op(lambda x: x**3, x=lambda g, x: g * factor(g) * x * x)


def test_wrong_only_under_create_graph():
    for check in (gradcheck, create_graph_check):
        with pytest.raises(GradcheckError, match=r"create_graph changes.*order 1, input 0 'x' \(2,\)") as caught:
            check(lambda x: forked(True)(x), [np.array([1.0, 2.0])])
        numbers = re.search(r"element \(1,\): (\S+) with create_graph=True, (\S+) with False", str(caught.value))
        assert float(numbers[1]) / float(numbers[2]) == pytest.approx(5 / 3)


def test_create_graph_check_names_a_gradient_that_is_nan_on_one_path_only():
    half = mg.op(lambda x: x * 1, x=lambda g: g * np.nan if isinstance(g, mg.Tensor) else g)
    with pytest.raises(GradcheckError, match="nan with create_graph=True"):
        create_graph_check(lambda x: half(x), [normal(3)])


def test_wrong_only_without_create_graph():
    with pytest.raises(GradcheckError, match=r"create_graph changes.*order 1"):
        gradcheck(lambda x: forked(False)(x), [normal(3)])


def test_wrong_under_create_graph_at_second_order_only():
    inner = forked(True)
    outer = mg.op(lambda x: x**4 / 4, x=lambda g, x: g * inner(x))
    assert create_graph_check(lambda x: outer(x), [normal(3)], order=1) < 1e-12
    with pytest.raises(GradcheckError, match="create_graph changes the gradient: order 2"):
        create_graph_check(lambda x: outer(x), [normal(3)], order=2)


def test_create_graph_check_passes_what_is_right():
    for f, inputs in RIGHT.values():
        assert create_graph_check(f, inputs, order=2) < 1e-12


def test_transposed_gradient():
    square = mg.op(lambda x: x * x, x=lambda g, x: ops.transpose(g * 2 * x))
    with pytest.raises(GradcheckError, match="transposed: axes 0 and 1"):
        gradcheck(lambda x: square(x), [normal(3, 3)])


def test_transposed_gradient_of_another_shape():
    square = mg.op(lambda x: x * x, x=lambda g, x: ops.transpose(g * 2 * x))
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for an argument of shape \(2, 3\)"):
        gradcheck(lambda x: square(x), [normal(2, 3)])


def test_off_by_the_number_of_elements():
    mean = mg.op(lambda x: x.mean(), x=lambda g: ops.broadcast_to(g, (4,)))
    with pytest.raises(GradcheckError, match="number of elements, 4"):
        gradcheck(lambda x: mean(x), [normal(4)])


def test_gradient_of_a_constant():
    stairs = mg.op(lambda x: np.round(x), x=lambda g: g)
    with pytest.raises(GradcheckError, match="f does not depend on this"):
        gradcheck(lambda x: stairs(x), [np.array([0.2, 1.3])])


def test_not_deterministic():
    rng = np.random.default_rng(0)
    with pytest.raises(GradcheckError, match=r"f is not deterministic: output 0 \(3,\)"):
        gradcheck(lambda x: x * rng.normal(size=3), [normal(3)])


def test_backward_not_reentrant():
    rng = np.random.default_rng(0)
    noisy = mg.op(lambda x: x * 1, x=lambda g: g * rng.normal())
    with pytest.raises(GradcheckError, match=r"not reentrant: at order 1 two sweeps .* disagree for input 0 'x'"):
        gradcheck(lambda x: noisy(x), [normal(3)])


def test_f_changes_an_input():
    def f(x, y):
        y.data[0] = 7.0
        return x * y

    with pytest.raises(GradcheckError, match=r"f changes input 1 'y' \(3,\) in place"):
        gradcheck(f, [normal(3), normal(3, seed=1)])


def test_backward_changes_the_cotangent():
    def vjp(g):
        raw(g)[...] *= 2
        return g

    careless = mg.op(lambda x: x * 2, x=vjp)
    with pytest.raises(GradcheckError, match="the backward of order 1 changes the cotangent of output 0"):
        gradcheck(lambda x: careless(x), [normal(3)])


def test_the_callers_arrays_are_never_touched():
    x = normal(3)
    before = x.copy()
    with pytest.raises(GradcheckError, match="in place"):
        gradcheck(lambda x: ops.exp(mg.op(lambda x: np.negative(x, out=x), x=lambda g: -g)(x)), [x])
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("mode", MODES)
def test_kink_at_the_point_is_not_blamed_on_the_gradient(mode):
    x = np.array([1.0, 0.0, -2.0])
    with pytest.raises(GradcheckError, match=r"kink.*not to blame") as caught:
        gradcheck(lambda x: ops.relu(x), [x], mode=mode)
    if mode == "full":
        assert caught.value.comparison.index == (1,)


def test_a_kink_beside_the_point():
    with pytest.raises(GradcheckError, match=r"not reliable.*has a kink or bends.*move the point"):
        gradcheck(lambda x: ops.relu(x), [np.array([3e-6])])


def test_a_wrong_gradient_is_not_called_a_kink():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: cube(3.1)(x), [np.array([0.0, 1e-3, 2.0])])
    assert "kink" not in str(caught.value)


def test_second_derivative_that_does_not_exist():
    squared_hinge = lambda x: ops.relu(x) * ops.relu(x)
    gradgradcheck(squared_hinge, [np.ones(2)])
    with pytest.raises(GradcheckError, match=r"order 2.*kink.*not to blame"):
        gradgradcheck(squared_hinge, [np.zeros(2)])


def test_a_step_that_is_too_long_is_told_from_a_wrong_gradient():
    with pytest.raises(GradcheckError, match=r"not reliable.*pass a smaller eps"):
        gradcheck(lambda x: ops.sin(x * 3e4), [np.array([0.1])])
    gradcheck(lambda x: ops.sin(x * 3e4), [np.array([0.1])], eps=1e-8)


@pytest.mark.parametrize(("dtype", "why"), [("float32", "4 good"), ("float16", "2 good"), ("complex128", "real")])
def test_other_precisions_are_refused(dtype, why):
    with pytest.raises(TypeError, match=rf"gradcheck needs float64, but input 1 'y' \(3,\) is {dtype}.*{why}.*astype"):
        gradcheck(lambda x, y: x, [normal(3), np.ones(3, dtype)])


def test_outputs_that_cannot_be_checked():
    with pytest.raises(TypeError, match="output 0 is a ndarray: the history is lost"):
        gradcheck(lambda x: np.tanh(x.numpy()), [normal(3)])
    with pytest.raises(TypeError, match="output 0 is float32"):
        gradcheck(lambda x: x.astype("float32"), [normal(3)])
    with pytest.raises(GradcheckError, match=r"f is not finite at this point: output 0 has inf"):
        gradcheck(lambda x: x * np.inf, [np.ones(3)])


def test_a_wrong_gradient_beside_an_overflow_does_not_pass():
    steep = mg.op(lambda x: x * 1e308, x=lambda g: g)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: steep(x), [np.array([1.7])])


def test_nan_gradient_is_wrong():
    nan = mg.op(lambda x: x * 1, x=lambda g: g * np.nan)
    with pytest.raises(GradcheckError, match=r"analytic nan.*infinite or undefined"):
        gradcheck(lambda x: nan(x), [np.ones(3)])


def test_bad_arguments():
    with pytest.raises(ValueError, match="order must be at least 1"):
        gradcheck(ops.exp, [normal(3)], order=0)
    with pytest.raises(ValueError, match="mode must be 'full' or 'fast', got 'slow'"):
        gradcheck(ops.exp, [normal(3)], mode="slow")
    with pytest.raises(ValueError, match="nothing to differentiate"):
        gradcheck(ops.exp, [np.arange(3)])


# --- use ---------------------------------------------------------------------------------------------------


def test_completion_offers_public_names_alone():
    assert dir(mg.check) == sorted(mg.check.__all__)
    assert {"gradcheck", "claim", "kinks"} < set(dir(mg.check))


@pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck", "create_graph_check", "taylor_test", "adjoint_test"])
def test_help_says_what_goes_in_and_what_is_raised(name):
    shown = pydoc.render_doc(getattr(mg.check, name), renderer=pydoc.plaintext)
    assert "Args:" in shown
    assert "f: 'Callable[..., Any]'" in shown or "A: 'Callable[..., Any]'" in shown
