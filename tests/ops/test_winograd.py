"""Winograd's trio against im2col's on the same numbers, its matrices in Fractions, and the rule that chooses it."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigan.backend.numpy import conv as numpy_conv
from minigan.backend.numpy import threads
from minigan.backend.numpy import winograd as numpy_winograd
from minigan.backend.numpy.winograd import TILE, suits, toom_cook
from minigan.ops.conv import conv_geometry

TRIO = ("conv2d", "conv_transpose2d", "conv2d_weight")
EVERY_R = sorted(numpy_winograd.POINTS)
pads = st.tuples(st.integers(0, 5), st.integers(0, 5))


def numbers(geometry, n, c_in, c_out, dtype=np.float64, seed=0):
    """Arguments of each of the trio: (x, w), (y, w), (x, y)."""
    rng = np.random.default_rng(seed)
    shapes = (n, *geometry.input, c_in), (*geometry.kernel, c_in, c_out), (n, *geometry.output, c_out)
    x, w, y = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return (x, w), (y, w), (x, y)


def trio(geometry, arguments, backend=numpy_winograd):
    return [getattr(backend, name)(*args, geometry) for name, args in zip(TRIO, arguments, strict=True)]


def errors(geometry, arguments):
    """Errors of the trio, each relative to the norm of the result of im2col in float64."""
    found = []
    for name, args, value in zip(TRIO, arguments, trio(geometry, arguments), strict=True):
        expected = getattr(numpy_conv, name)(*(a.astype(np.float64) for a in args), geometry)
        assert value.shape == expected.shape
        assert value.dtype == args[0].dtype
        found.append(np.linalg.norm(value - expected) / (np.linalg.norm(expected) or 1))
    return found


@pytest.mark.parametrize("r", EVERY_R)
def test_the_matrices_multiply_polynomials_exactly(r):
    """At every output, tap and pixel: the trilinear form is a correlation, in rational numbers."""
    a, b, g = toom_cook(TILE, r)
    points = range(TILE + r - 1)
    assert len(a) == len(b) == len(g) == len(points)
    for i, j, pixel in product(range(TILE), range(r), points):
        assert sum(a[p][i] * b[p][pixel] * g[p][j] for p in points) == Fraction(int(pixel == i + j))
    entries = [entry for matrix in (a, b) for row in matrix for entry in row]
    assert all(Fraction(float(np.float32(float(entry)))) == entry for entry in entries)


@st.composite
def convolutions(draw):
    sides = []
    for _ in range(2):
        stride, taps, pad = draw(st.integers(1, 3)), draw(st.sampled_from(EVERY_R)), draw(pads)
        kernel = taps * stride - draw(st.integers(0, stride - 1))
        sides.append((draw(st.integers(max(1, kernel - sum(pad)), kernel + 9)), kernel, stride, pad))
    size, kernel, stride, padding = zip(*sides, strict=True)
    return conv_geometry(size, kernel, stride, padding, 1, 1)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@example(conv_geometry((11, 11), (4, 4), 2, 0, 1, 1), 1, 1, 1, 0)  # the last pixels lie outside of every tile
@given(convolutions(), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_the_trio_is_that_of_im2col_and_one_trilinear_form(geometry, n, c_in, c_out, seed):
    arguments = (x, w), (y, _), _ = numbers(geometry, n, c_in, c_out, seed=seed)
    assert max(errors(geometry, arguments)) <= 1e-13
    forward, transposed, weight = trio(geometry, arguments)
    products = [np.vdot(y, forward), np.vdot(transposed, x), np.vdot(weight, w)]
    assert np.ptp(products) <= 1e-12 * (np.linalg.norm(forward) * np.linalg.norm(y) + 1)


LAYERS = [  # N, size, C_in, C_out, kernel, stride: of the models, with fewer images and channels
    (4, 7, 256, 32, 5, 1),
    (2, 14, 32, 128, 5, 1),
    (4, 14, 64, 64, 3, 1),
    (1, 28, 64, 3, 4, 1),
    (8, 4, 512, 16, 5, 1),
    (4, 14, 64, 32, 5, 2),
    (4, 16, 64, 32, 4, 2),
]


@pytest.mark.parametrize(("n", "size", "c_in", "c_out", "kernel", "stride"), LAYERS)
def test_float32_keeps_five_digits(n, size, c_in, c_out, kernel, stride):
    geometry = conv_geometry((size, size), (kernel, kernel), stride, "same", 1, 1)
    arguments = (x, w), (y, _), _ = numbers(geometry, n, c_in, c_out, np.float32)
    assert max(errors(geometry, arguments)) <= 1e-5
    values = trio(geometry, arguments)
    products = [np.vdot(a.astype(np.float64), b) for a, b in zip(values, (y, x, w), strict=True)]
    assert np.ptp(products) <= 1e-5 * np.linalg.norm(values[0]) * np.linalg.norm(y)


def test_positive_images_keep_five_digits():
    """The output of ReLU has a mean, which the differences in B must cancel."""
    geometry = conv_geometry((8, 8), (5, 5), 1, "same", 1, 1)
    (x, w), *others = numbers(geometry, 4, 256, 32, np.float32)
    assert errors(geometry, [(np.abs(x), w), *others])[0] <= 1e-5


def test_arrays_need_not_be_contiguous():
    geometry = conv_geometry((9, 7), (3, 4), 1, ((1, 0), (2, 1)), 1, 1)
    arguments = numbers(geometry, 3, 4, 6)
    strided = [[np.repeat(a, 2, axis=3)[..., ::2] for a in args] for args in arguments]
    mirrored = [[np.asfortranarray(a[::-1])[::-1] for a in args] for args in arguments]
    assert not any(a.flags.c_contiguous for args in strided + mirrored for a in args)
    assert max(errors(geometry, strided) + errors(geometry, mirrored)) <= 1e-13


def test_arrays_given_are_only_read():
    geometry = conv_geometry((8, 8), (5, 5), 2, "same", 1, 1)
    arguments = numbers(geometry, 2, 3, 4)
    for a in {id(a): a for args in arguments for a in args}.values():
        a.flags.writeable = False
    trio(geometry, arguments)


@pytest.mark.parametrize(("workers", "expected"), [(1, {7, 3, 1}), (2, {7, 4, 2})])
def test_large_batches_go_through_in_chunks(monkeypatch, workers, expected):
    monkeypatch.setattr(threads, "count", lambda: workers)
    monkeypatch.setattr(threads, "LARGE", 0)
    geometry = conv_geometry((9, 6), (5, 3), 1, 1, 1, 1)
    arguments = numbers(geometry, 7, 2, 3)
    counts = []
    chunks = numpy_winograd._Maps.chunks

    def counted(self, n, c_in, c_out):
        found = chunks(self, n, c_in, c_out)
        counts.append(len(found))
        return found

    monkeypatch.setattr(numpy_winograd._Maps, "chunks", counted)
    for limit in (1, 25_000, 60_000):
        monkeypatch.setattr(numpy_winograd, "CHUNK_BYTES", limit)
        assert max(errors(geometry, arguments)) <= 1e-13
    assert set(counts) == expected


def test_threads_do_not_disturb_each_other():
    geometry = conv_geometry((14, 14), (5, 5), 1, "same", 1, 1)
    jobs = [numbers(geometry, 4, 16, 16, np.float32, seed) for seed in range(6)]
    alone = [trio(geometry, job) for job in jobs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda job: trio(geometry, job), jobs * 2))
    for one, other in zip(alone * 2, together, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("better", "size", "kernel", "options", "n", "c_in", "c_out"),
    [
        (True, 7, (5, 5), {}, 64, 256, 128),
        (True, 28, (3, 3), {}, 64, 32, 32),
        (True, 14, (5, 5), {"stride": 2}, 64, 64, 128),
        (False, 14, (3, 3), {"stride": 2}, 64, 64, 128),  # too few taps in a phase
        (False, 2, (5, 5), {}, 64, 128, 128),  # tiles with more waste than pixels
        (False, 28, (5, 5), {}, 64, 1, 64),  # a GEMM of one channel
        (False, 8, (5, 5), {}, 1, 64, 64),  # one image: the kernel costs more than it saves
        (False, 28, (7, 7), {}, 64, 64, 64),  # more taps than there are points
        (False, 14, (1, 1), {}, 64, 64, 64),
        (False, 14, (3, 1), {}, 64, 64, 64),
        (False, 14, (5, 5), {"dilation": 2}, 64, 64, 64),
        (False, 14, (5, 5), {"groups": 2}, 64, 64, 64),
    ],
)
def test_it_is_chosen_where_it_was_measured_to_win(better, size, kernel, options, n, c_in, c_out):
    defaults = {"stride": 1, "padding": "same", "dilation": 1, "groups": 1}
    geometry = conv_geometry((size, size), kernel, *(defaults | options).values())
    assert suits(geometry, np.dtype(np.float32), n, c_in, c_out) == better
    assert not suits(geometry, np.dtype(np.float64), n, c_in, c_out)
