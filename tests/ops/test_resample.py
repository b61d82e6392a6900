"""Bilinear resampling: the whole check matrix, the adjoint, the boundary rule, refusals."""

import numpy as np
import pytest
from numeric import (
    Sample,
    check_arrays,
    check_complex_step,
    check_create_graph,
    check_finite_differences,
    check_float32,
    check_layouts,
    check_value,
)

import minigan as mg
from minigan.ops.resample import bilinear_down, bilinear_up


def weight(target, source):
    """Weight of a pixel at `source` in a tent of half-width 1 centred at `target`."""
    return max(0.0, 1 - abs(target - source))


def up_matrix(n):
    """(2n, n): each fine pixel's centre interpolated between the two nearest coarse ones, held at the border."""
    matrix = np.zeros((2 * n, n))
    for row in range(2 * n):
        for column in range(-1, n + 1):  # the centre of fine pixel `row` lies at (row + 1/2) / 2, in coarse pixels
            matrix[row, min(max(column, 0), n - 1)] += weight((row + 0.5) / 2, column + 0.5)
    return matrix


def up_reference(x):
    return np.einsum("Hh,Ww,nhwc->nHWc", up_matrix(x.shape[1]), up_matrix(x.shape[2]), x)


def down_reference(y):
    rows, columns = up_matrix(y.shape[1] // 2), up_matrix(y.shape[2] // 2)
    return np.einsum("Hh,Ww,nHWc->nhwc", rows, columns, y) / 4


def sample(op, shape):
    x = np.random.default_rng(sum(shape)).standard_normal(shape)
    return Sample(op.__name__, str(shape), op, [x], up_reference if op is bilinear_up else down_reference)


SHAPES = [(2, 3, 4, 2), (1, 1, 1, 1), (2, 1, 3, 1), (1, 5, 2, 3), (0, 2, 2, 1)]
SAMPLES = [sample(bilinear_up, s) for s in SHAPES]
SAMPLES += [sample(bilinear_down, (n, 2 * h, 2 * w, c)) for n, h, w, c in SHAPES]
each = pytest.mark.parametrize("case", SAMPLES, ids=[s.label for s in SAMPLES])


@each
def test_value(case):
    check_value(case)
    check_arrays(case)


@each
def test_derivatives_of_orders_1_to_3(case):
    for order in (1, 2, 3):
        if order < 3:
            check_finite_differences(case, order)
        check_complex_step(case, order)
        check_create_graph(case, order)


@each
def test_float32_and_memory_layouts(case):
    check_float32(case)
    check_layouts(case)


@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_down_is_a_quarter_of_the_adjoint_of_up(shape):
    n, h, w, c = shape
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape), rng.standard_normal((n, 2 * h, 2 * w, c))
    mg.check.adjoint_test(bilinear_up, lambda y: 4 * bilinear_down(y), x, y)


def test_an_edge_by_hand():
    x = np.array([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    assert bilinear_up(x)[0, 0, :, 0].tolist() == [0, 1, 3, 5, 7, 8]
    y = np.array([8.0, 0, 0, 0, 0, 0]).reshape(1, 1, 6, 1).repeat(2, axis=1)
    assert bilinear_down(y)[0, 0, :, 0].tolist() == [4, 0, 0]  # (1 + 3) / 8 at the border, where the pixel is repeated
    assert bilinear_down(np.roll(y, 2, axis=2))[0, 0, :, 0].tolist() == [1, 3, 0]


def test_constant_images_stay_constant():
    x = np.full((1, 4, 6, 2), 3.0)
    assert (bilinear_up(x) == 3).all()
    assert (bilinear_down(x) == 3).all()


def test_gradcheck_of_a_nonlinear_chain():
    x = np.random.default_rng(1).standard_normal((1, 2, 3, 2))
    mg.check.gradcheck(lambda x: mg.ops.tanh(bilinear_down(mg.ops.tanh(bilinear_up(x)))), [x], order=2)


def test_shapes_that_do_not_fit_are_refused():
    for x in (np.zeros((2, 2, 2)), np.zeros((1, 0, 2, 1))):
        with pytest.raises(ValueError, match=r"bilinear_up: needs images \(N, H, W, C\), got shape"):
            bilinear_up(mg.tensor(x))
    for shape in ((2, 2, 2), (1, 3, 2, 1), (1, 2, 3, 1)):
        with pytest.raises(ValueError, match=r"bilinear_down: needs images .* even sides, got shape"):
            bilinear_down(mg.tensor(np.zeros(shape)))
