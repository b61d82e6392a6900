"""Updates of many arrays in place by the kernels against NumPy's, and what a step on a GPU says of itself."""

import math

import numpy as np
import pytest

from minigan import nn, optim
from minigan.backend.numpy import optim as numpy_optim

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]
UPRIGHT = [((1,), (1, 32)), ((3,), (1, 7)), ((5,), (1, 256))]  # threads along y, whose sums a block adds
MOST, PART = 48, 2048
ARRAYS = np.dtype([("count", "i8"), ("ends", "i8", MOST), ("sizes", "i8", MOST), ("columns", "u8", (4, MOST))])
SIZES = [67, 0, 2 * PART + 1, PART, 1]  # none, one, and several parts


def numbers_of(*values):
    return np.array(values, [(f"x{k}", "f8") for k in range(len(values))])[()]


def table(struct, *columns):
    """The struct Arrays of optim.cu."""
    record = np.zeros((), ARRAYS)
    sizes = [a.size for a in columns[0]]
    record["count"], record["sizes"][: len(sizes)] = len(sizes), sizes
    record["ends"][: len(sizes)] = np.cumsum([math.ceil(size / PART) for size in sizes])
    places = {(row, k): a for row, column in enumerate(columns) for k, a in enumerate(column)}
    return struct(record, columns=places)


def some(dtype, count, seed=0):
    rng = np.random.default_rng(seed)
    return [[rng.random(size).astype(dtype) + dtype(0.1) for size in SIZES] for _ in range(count)]


def copies(columns):
    return [[a.copy() for a in column] for column in columns]


def close(found, expected, tolerance):
    for column, other in zip(found, expected, strict=True):
        for a, b in zip(column, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("where", ["given", "moved"])
@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.9)])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_adam(emulator, struct, dtype, real, tolerance, beta1, beta2, launch, where):
    here = some(dtype, 4)
    there = copies(here)
    numbers = 1 - beta1, beta1, 1 - beta2, beta2, 1e-3, 0.01
    given = numbers_of(*numbers) if where == "given" else numbers_of(*[0.0] * 6)
    moved = None if where == "given" else np.array(numbers)
    emulator(f"adam_{real}", *launch, table(struct, *there), given, moved, None)
    for p, g, m, v in zip(*here, strict=True):
        numpy_optim.adam(p, g, m, v, beta1, beta2, 1e-3, 0.01)
    close(there, here, tolerance)


def alone(optimizer, p, state):
    """An optimizer of one parameter, with this value and state."""
    layer = nn.Linear(1, p.size, bias=False, rng=0, dtype=p.dtype)
    made = optimizer(layer.parameters())
    layer.weight.assign_(p.reshape(1, -1))
    for mine, given in zip(made.state[0], state, strict=True):
        mine[...] = given.reshape(1, -1)
    return layer.weight, made


OTHERS = {
    "rmsprop": (lambda parameters: optim.RMSprop(parameters, 0.01, alpha=0.9, eps=1e-3), (0.9, 1 - 0.9, 1e-3, 0.01)),
    "sgd": (lambda parameters: optim.SGD(parameters, 0.01, momentum=0.7), (0.7, 0.01)),
}


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_other_optimizers(emulator, struct, dtype, real, tolerance, name, launch):
    optimizer, numbers = OTHERS[name]
    here = some(dtype, 3)
    there = copies(here)
    emulator(f"{name}_{real}", *launch, table(struct, *there), numbers_of(*numbers), None, None)
    for k, (p, g, *state) in enumerate(zip(*here, strict=True)):
        if p.size:
            weight, made = alone(optimizer, p, state)
            made.step([g.reshape(1, -1)])
            close([[there[0][k], there[2][k]]], [[weight.data[0], made.state[0][0][0]]], tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("weight", [0.001, 0.7, 1.0])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_approach(emulator, struct, dtype, real, tolerance, weight, launch):
    here = some(dtype, 2)
    there = copies(here)
    emulator(f"approach_{real}", *launch, table(struct, *there), numbers_of(weight), None, None)
    for average, value in zip(*here, strict=True):
        numpy_optim.approach(average, value, weight)
    close(there, here, tolerance)


@pytest.mark.parametrize("finite", [0, 1])
@pytest.mark.parametrize("kernel", ["adam", "rmsprop", "sgd", "approach"])
def test_nothing_changes_after_a_step_that_is_not_finite(emulator, struct, kernel, finite):
    columns = some(np.float32, {"adam": 4, "approach": 2}.get(kernel, 3))
    before, flag = copies(columns), np.array(finite, "int32").reshape(1)
    numbers = numbers_of(*[0.5] * {"adam": 6, "rmsprop": 4, "sgd": 2, "approach": 1}[kernel])
    emulator(f"{kernel}_float", (3,), (64,), table(struct, *columns), numbers, None, flag)
    changed = [not np.array_equal(a, b) for a, b in zip(columns[0], before[0], strict=True) if a.size]
    assert changed == [bool(finite)] * 4
    assert all(np.array_equal(a, b) for a, b in zip(columns[1], before[1], strict=True)), "it is only read"


@pytest.mark.parametrize("launch", UPRIGHT)
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_squares(emulator, struct, dtype, real, tolerance, launch):
    (x,) = some(dtype, 1)
    parts, squares = np.zeros(6), np.zeros(len(SIZES))
    emulator(f"square_parts_{real}", *launch, table(struct, x), parts)
    emulator(f"array_sums_{real}", *launch, table(struct, x), parts, squares)
    expected = [math.fsum(float(y) ** 2 for y in a) for a in x]
    np.testing.assert_allclose(squares, expected, rtol=1e-13)
    total = np.zeros(1)
    emulator(f"total_{real}", (1,), (1,), squares, total, len(squares))
    assert total[0] == sum(squares.tolist())


TERMS = 8
LOSSES = np.dtype([("count", "i8"), ("values", "u8", TERMS)])


@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
@pytest.mark.parametrize("wrong", [None, "term", "gradient"])
@pytest.mark.parametrize("moved", [None, 2])
def test_the_record_of_a_step(emulator, struct, dtype, real, tolerance, wrong, moved):
    terms = [np.array([value], dtype) for value in (1.5, -2.25)]
    squares = np.array([4.0, 0.5, 16.0])
    if wrong == "term":
        terms[1][0] = np.nan
    if wrong == "gradient":
        squares[1] = np.inf
    rows, finite = np.full((4, 2 + TERMS + 3), 7.0), np.ones(1, "int32")
    record = np.zeros((), LOSSES)
    record["count"] = 2
    row = 1 if moved is None else moved
    emulator(
        f"judge_{real}", (1,), (1,), struct(record, values=dict(enumerate(terms))), squares, 3, rows,
        1 if moved is None else 0, None if moved is None else np.array([moved]), finite,
    )  # fmt: skip
    expected = [squares.sum(), float(wrong is None), *[float(t[0]) for t in terms], *[0.0] * 6, *squares]
    np.testing.assert_array_equal(rows[row], expected)
    assert (np.delete(rows, row, 0) == 7).all()
    assert finite[0] == (wrong is None)


def test_a_flag_that_was_cleared_stays_so(emulator, struct):
    term, rows, finite = np.ones(1, "float32"), np.zeros((1, 2 + TERMS + 1)), np.zeros(1, "int32")
    record = np.zeros((), LOSSES)
    record["count"] = 1
    emulator("judge_float", (1,), (1,), struct(record, values={0: term}), np.ones(1), 1, rows, 0, None, finite)
    assert rows[0, 1] == 1
    assert finite[0] == 0


@pytest.mark.parametrize("launch", LAUNCHES)
def test_numbers_for_the_host(emulator, struct, launch):
    single, double, out = np.array([1.5], "float32"), np.array([np.pi]), np.zeros(3)
    record = np.zeros((), [("singles", "u8", 32), ("doubles", "u8", 32)])
    emulator("gather", *launch, struct(record, singles={0: single, 2: single}, doubles={1: double}), out, 3)
    np.testing.assert_array_equal(out, [1.5, np.pi, 1.5])


@pytest.mark.parametrize("launch", LAUNCHES)
def test_numbers_of_the_host(emulator, launch):
    words = np.zeros((), [("x", "u8", 64)])
    words["x"] = np.arange(64, dtype="u8") + 2**63
    out = np.zeros(70, "u8")
    emulator("place", *launch, out, words[()], 64)
    np.testing.assert_array_equal(out[:64], words["x"])
    assert not out[64:].any()
