"""The GEMM planner against a simulated column-major GEMM that sees nothing but addresses and leading dimensions."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigan.backend.cuda.gemm_plan import LARGEST, Matrix, N, T, layout, plan

LAYOUTS = ("C", "F", "rows of a wider", "columns of a taller", "strided", "reversed", "repeated")
WITHOUT_COPY = LAYOUTS[:4]


def view(rows, columns, kind, seed=0):
    """A matrix of random numbers laid out as `kind` says, within a larger array."""
    draw = np.random.default_rng([seed, rows, columns, LAYOUTS.index(kind)]).standard_normal
    match kind:
        case "C":
            return draw((rows, columns))
        case "F":
            return draw((columns, rows)).T
        case "rows of a wider":
            return draw((rows + 2, columns + 5))[1 : 1 + rows, 3 : 3 + columns]
        case "columns of a taller":
            return draw((columns + 1, rows + 4)).T[2 : 2 + rows, 1 : 1 + columns]
        case "strided":
            return draw((2 * rows, 3 * columns))[::2, ::3]
        case "reversed":
            return draw((rows, columns))[::-1, ::-1]
        case "repeated":
            return np.broadcast_to(draw((1, columns)), (rows, columns))


def matrix(x):
    return Matrix(x.shape, x.strides, x.itemsize)


def by_columns(x, rows, columns, ld):
    """(rows, columns) read by columns from where x begins, within the memory that x looks into."""
    assert ld >= max(rows, 1), "BLAS refuses a leading dimension below the number of rows"
    owner = x if x.base is None else x.base
    first = (x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // x.itemsize
    if rows and columns:
        assert first + (columns - 1) * ld + rows <= owner.size, "beyond the end of the memory"
    return np.lib.stride_tricks.as_strided(x, (rows, columns), (x.itemsize, ld * x.itemsize))


def simulate(p, a, b, out, alpha, beta):
    """What a BLAS would do with the plan."""
    first, second = (b, a) if p.b_first else (a, b)
    left = by_columns(first, p.m, p.k, p.lda) if p.transa == N else by_columns(first, p.k, p.m, p.lda).T
    right = by_columns(second, p.k, p.n, p.ldb) if p.transb == N else by_columns(second, p.n, p.k, p.ldb).T
    target = by_columns(out, p.m, p.n, p.ldc)
    target[...] = alpha * (left @ right) + (beta * target if beta else 0)


def executed(a, b, out, alpha, beta):
    """The product by the plan, with the copies that it asks for."""
    p = plan(*map(matrix, (a, b, out)))
    copied = [np.array(x, order="C") if name in p.copies else x for name, x in (("a", a), ("b", b), ("out", out))]
    simulate(p, *copied, alpha, beta)
    return copied[2], p


lengths = st.integers(0, 6)
numbers = st.sampled_from([0.0, 1.0, -0.5, 2.0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    lengths, lengths, lengths, st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS),
    st.sampled_from(LAYOUTS[:-1]), numbers, numbers,
)  # fmt: skip
@example(3, 4, 1, "repeated", "strided", "strided", 1.0, 1.0)
@example(1, 1, 1, "C", "F", "rows of a wider", 2.0, -0.5)
def test_the_plan_computes_the_product(m, k, n, of_a, of_b, of_out, alpha, beta):
    a, b, out = view(m, k, of_a), view(k, n, of_b, seed=1), view(m, n, of_out, seed=2)
    expected = alpha * (a @ b) + beta * out
    found, p = executed(a, b, out, alpha, beta)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    for name, kind in (("a", of_a), ("b", of_b), ("out", of_out)):
        assert name not in p.copies or kind not in WITHOUT_COPY, f"{name} is {kind} and was to be copied"


@pytest.mark.parametrize("of_out", WITHOUT_COPY)
@pytest.mark.parametrize("of_b", WITHOUT_COPY)
@pytest.mark.parametrize("of_a", WITHOUT_COPY)
def test_no_layout_of_blas_is_copied_and_nothing_else_is_written(of_a, of_b, of_out):
    a, b, out = view(5, 3, of_a), view(3, 4, of_b, seed=1), view(5, 4, of_out, seed=2)
    owner = out if out.base is None else out.base
    expected = owner.copy()
    inside = np.zeros(owner.shape, bool)  # where out lies in its owner
    offset = out.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    strided = np.lib.stride_tricks.as_strided
    strided(inside.reshape(-1)[offset // 8 :], out.shape, [s // 8 for s in out.strides])[...] = True
    value = a @ b - 0.5 * out
    found, p = executed(a, b, out, 1.0, -0.5)
    assert p.copies == ()
    assert found is out
    np.testing.assert_allclose(out, value, atol=1e-13)
    np.testing.assert_array_equal(owner[~inside], expected[~inside])


def test_row_major_and_transposed_views_differ_in_a_flag_only():
    c = Matrix((3, 5), (40, 8), 8)
    p = plan(Matrix((3, 4), (32, 8), 8), Matrix((4, 5), (40, 8), 8), c)
    assert p == (N, N, 5, 3, 4, 5, 4, 5, True, ())
    p = plan(Matrix((3, 4), (8, 24), 8), Matrix((4, 5), (8, 32), 8), c)
    assert p == (T, T, 5, 3, 4, 4, 3, 5, True, ())
    p = plan(Matrix((3, 4), (32, 8), 8), Matrix((4, 5), (40, 8), 8), Matrix((3, 5), (8, 24), 8))
    assert p == (T, T, 3, 5, 4, 4, 5, 3, False, ())


def test_a_strided_vector_needs_no_copy():
    column, row = np.zeros((6, 7))[:, 3:4], np.zeros((7, 6)).T[3:4]
    assert layout(matrix(column)) == (True, 7)
    assert layout(matrix(row)) == (False, 6)
    assert layout(matrix(column[1:2])) == (True, 1)
    assert layout(Matrix((1, 4), (0, 8), 8)) == (True, 4), "the stride of an axis of length 1 may be anything"
    assert layout(Matrix((4, 1), (8, 0), 8)) == (True, 1)


def test_what_has_no_leading_dimension_is_to_be_copied():
    size = 4
    for shape, strides in [
        ((3, 4), (0, 4)),  # repeated rows
        ((3, 4), (4, 0)),
        ((3, 4), (12, 4)),  # rows that overlap, as windows do
        ((3, 4), (-16, 4)),
        ((3, 4), (16, -4)),
        ((3, 4), (32, 8)),  # every other column
        ((3, 4), (18, 4)),  # rows that begin within an element, as fields of a record do
        ((2, 4), (4 * (LARGEST + 1), 4)),
    ]:
        assert layout(Matrix(shape, strides, size)) is None, strides
    assert layout(Matrix((2, 4), (4 * LARGEST, 4), size)) == (True, LARGEST)


def test_bad_shapes_are_refused():
    square = Matrix((3, 3), (24, 8), 8)
    for a, b, out in [
        (Matrix((3, 4), (32, 8), 8), square, square),
        (square, square, Matrix((3, 4), (32, 8), 8)),
        (Matrix((3,), (8,), 8), square, square),
    ]:
        with pytest.raises(ValueError, match=r"gemm: a .* @ b .* does not fit into out"):
            plan(a, b, out)
    long = LARGEST + 1
    with pytest.raises(ValueError, match="above 2147483647"):
        plan(Matrix((long, 1), (8, 8), 8), Matrix((1, 1), (8, 8), 8), Matrix((long, 1), (8, 8), 8))
