"""The check matrix: every operation, every sample, every known way to be wrong.

And a planted example of each way.
"""

import numpy as np
import pytest
from numeric import (
    Sample,
    check_arrays,
    check_complex_step,
    check_create_graph,
    check_finite_differences,
    check_float32,
    check_fused,
    check_kink,
    check_layouts,
    check_value,
)
from op_samples import SAMPLES

import minigan as mg
from minigan import ops

SMOOTH = [s for s in SAMPLES if s.gradients is None]
KINKS = [s for s in SAMPLES if s.gradients is not None]


def each(samples):
    return pytest.mark.parametrize("sample", samples, ids=[s.label for s in samples])


@each(SAMPLES)
def test_value(sample):
    check_value(sample)
    check_arrays(sample)


@each(SMOOTH)
def test_derivatives(sample):
    for order in (1, 2):
        check_finite_differences(sample, order)
    for order in (1, 2, 3):
        if sample.complex_step:
            check_complex_step(sample, order)
        check_create_graph(sample, order)


@each(KINKS)
def test_gradient_at_a_kink(sample):
    check_kink(sample)


@each([s for s in SMOOTH if s.float32])
def test_float32(sample):
    check_float32(sample)


@each(SMOOTH)
def test_layouts(sample):
    check_layouts(sample)


@each([s for s in SAMPLES if s.fused_reference])
def test_fused_equals_its_reference(sample):
    check_fused(sample)


def test_every_exported_operation_has_samples():
    helpers = {"attach"}
    aliases = {"multiply": "mul", "subtract": "sub", "divide": "div", "negative": "neg"}
    exported = {aliases.get(n, n) for n in vars(ops) if callable(getattr(ops, n)) and not n.startswith("_")} - helpers
    missing = exported - {s.op for s in SAMPLES}
    assert not missing, f"add samples of {missing} to tests/support/op_samples.py"


def test_labels_are_unique():
    labels = [s.label for s in SAMPLES]
    assert len(labels) == len(set(labels))
    assert len(labels) > 400


def test_astype_changes_the_dtype_and_its_gradient_back():
    x = mg.tensor([0.5, 2.0], requires_grad=True)
    y = ops.astype(x, "float32")
    assert y.dtype == np.float32
    (g,) = mg.grad((y * y).sum(), [x], create_graph=True)
    (h,) = mg.grad(g.sum(), [x])
    assert g.dtype == h.dtype == np.float64
    assert g.data.tolist() == [1, 4]
    assert h.data.tolist() == [2, 2]
    assert not ops.astype(x, int).requires_grad
    assert ops.astype(mg.tensor([1, 2]), "float32").dtype == np.float32


def test_nan_is_not_lost_by_a_maximum():
    x = np.array([[np.nan, 1.0], [0.0, 2.0]])
    for f, expected in [(ops.max, [np.nan, 2]), (ops.min, [np.nan, 0])]:
        assert np.array_equal(f(x, 1), expected, equal_nan=True)
    assert np.isnan(ops.maximum(np.nan, np.ones(2))).all()
    assert np.isnan(ops.relu(np.array([np.nan]))).all()


def test_integers():
    assert ops.max(mg.tensor([3, 3])).item() == 3
    assert ops.sum(mg.tensor([1, 2])).dtype == np.int64
    assert ops.mean(mg.tensor([1, 2])).item() == 1.5
    assert (mg.tensor([1, 2]) * 2.5).data.tolist() == [2.5, 5]
    assert ops.getitem(mg.tensor([[1, 2], [3, 4]]), (0, mg.tensor(1))).item() == 2
    assert (2.5 ** mg.tensor([1, 2])).data.tolist() == [2.5, 6.25]
    assert (2 ** mg.tensor([1, 2])).data.tolist() == [2, 4]


# --- negative controls: each check must reject the wrong operation that it is there for


def planted(kernel, vjp, reference=np.sin, **options):
    return Sample(
        "planted", "wrong", mg.op(kernel, x=vjp), [np.linspace(0.5, 1.5, 6).reshape(2, 3)], reference, **options
    )


def sin(x):
    return np.sin(x)


def slightly_wrong_sin(x):
    return np.sin(x) + 1e-9


def widening_sin(x):
    return np.sin(x) + np.zeros(x.shape, np.float64)


def in_memory_order(x):
    return np.sin(np.ravel(x, "K").reshape(x.shape))


def writing_sin(x):
    return np.sin(x, out=x)


def wrong_factor(g, x):
    return g * ops.cos(x) * 1.0001


def wrong_when_traced(g, x):
    return g * ops.cos(x) * (2.0 if isinstance(g, mg.Tensor) else 1.0)


def forgets_history(g, x):
    return g * ops.cos(x.data if isinstance(x, mg.Tensor) else x)


cos_wrong_when_traced = mg.op(
    lambda x: np.cos(x), x=lambda g, x: -g * ops.sin(x) * (1.5 if isinstance(g, mg.Tensor) else 1.0)
)
half_sin = mg.op(
    lambda x: np.sin(x), x=lambda g, x: g * ops.cos(x) * 0.5
)  # wrong at its first order, so at the third of
cos_by_half_sin = mg.op(lambda x: np.cos(x), x=lambda g, x: -(g * half_sin(x)))  # an operation whose vjp is this one


def second_order_wrong_when_traced(g, x):
    return g * cos_wrong_when_traced(x)


def third_order_wrong(g, x):
    return g * cos_by_half_sin(x)


def wide_factor(g, x):
    return g * ops.cos(x) * np.ones(x.shape, np.float64)


def leaks_unless_traced(g, x):
    return g * ops.cos(x) if isinstance(g, mg.Tensor) else g * np.cos(x) * np.float64(1)


def right(g, x):
    return g * ops.cos(x)


def modulus(x):
    return np.abs(np.sin(x))


CONTROLS = {
    "value": (check_value, planted(slightly_wrong_sin, right)),
    "value-shape": (check_value, planted(sin, right, reference=lambda x: np.sin(x)[0])),
    "differences-1": (lambda s: check_finite_differences(s, 1), planted(sin, wrong_factor)),
    "differences-2": (lambda s: check_finite_differences(s, 2), planted(sin, forgets_history)),
    "step-1": (lambda s: check_complex_step(s, 1), planted(sin, lambda g, x: g * ops.cos(x) * (1 + 1e-9))),
    "step-2": (lambda s: check_complex_step(s, 2), planted(sin, forgets_history)),
    "step-3": (lambda s: check_complex_step(s, 3), planted(sin, third_order_wrong)),
    "step-not-analytic": (lambda s: check_complex_step(s, 1), planted(modulus, right)),
    "traced-1": (lambda s: check_create_graph(s, 1), planted(sin, wrong_when_traced)),
    "traced-2": (lambda s: check_create_graph(s, 2), planted(sin, second_order_wrong_when_traced)),
    "32-value": (check_float32, planted(widening_sin, right)),
    "32-gradient": (check_float32, planted(sin, wide_factor)),
    "32-gradient-raw": (check_float32, planted(sin, leaks_unless_traced)),
    "layout": (check_layouts, planted(in_memory_order, right)),
    "kink": (check_kink, planted(sin, wrong_factor, gradients=lambda x: [np.cos(x)])),
    "fused-1": (check_fused, planted(sin, wrong_factor, fused_reference=ops.sin)),
    "fused-2": (check_fused, planted(sin, forgets_history, fused_reference=ops.sin)),
    "fused-3": (check_fused, planted(sin, third_order_wrong, fused_reference=ops.sin)),
    "fused-value": (check_fused, planted(slightly_wrong_sin, right, fused_reference=ops.sin)),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_planted_bug_is_caught(control):
    check, sample = CONTROLS[control]
    with pytest.raises(
        (AssertionError, TypeError), match=r"planted-wrong|mixed dtypes|would turn|writing_sin|widening"
    ):
        check(sample)


def test_writing_into_an_argument_is_caught():
    with pytest.raises(ValueError, match=r"read-only"):
        check_layouts(planted(writing_sin, right))


def test_the_right_operation_passes_every_check():
    sample = planted(sin, right, fused_reference=ops.sin)
    for check in (check_value, check_arrays, check_float32, check_layouts, check_fused):
        check(sample)
    for order in (1, 2):
        check_finite_differences(sample, order)
    for order in (1, 2, 3):
        check_complex_step(sample, order)
        check_create_graph(sample, order)
