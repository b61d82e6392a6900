"""The trio against seven loops on random geometries, and its adjoint identities.

Also what it says of sizes that do not fit.
"""

import naive_conv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan import ops
from minigan.ops.conv import _conv2d, _conv2d_weight, _conv_transpose2d, conv_geometry, transposed_geometry

small = st.integers(1, 3)
pads = st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 3)))
paddings = st.one_of(st.just("same"), st.just("valid"), st.integers(0, 3), pads)


@st.composite
def shapes(draw):
    """Hypothesis strategy of the arguments of a convolution, except the size of the images."""
    groups, per_in, per_out = draw(small), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return {
        "n": draw(st.integers(0, 2)),
        "kernel": draw(st.tuples(small, small)),
        "channels": (groups * per_in, per_in, groups * per_out),
        "options": {
            "stride": draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
            "padding": draw(paddings),
            "dilation": draw(st.tuples(small, small)),
            "groups": groups,
        },
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


@st.composite
def convolutions(draw):
    case = draw(shapes())
    stride, dilation, padding = (case["options"][k] for k in ("stride", "dilation", "padding"))
    known = ((0, 0), (0, 0)) if padding == "same" else naive_conv.padding_sides(padding, None, None, None, None)
    extents = [d * (k - 1) + 1 for k, d in zip(case["kernel"], dilation, strict=True)]
    least = [1 if padding == "same" else max(1, e - sum(p)) for e, p in zip(extents, known, strict=True)]
    case["size"] = tuple(draw(st.integers(m, m + s + 2)) for m, s in zip(least, stride, strict=True))
    return case


def near(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max(initial=0) <= 1e-13 * max(1, np.abs(expected).max(initial=0))


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(convolutions())
def test_the_trio_is_seven_loops_and_one_trilinear_form(case):
    rng = np.random.default_rng(case["seed"])
    c_in, per_in, c_out = case["channels"]
    options, kernel = case["options"], case["kernel"]
    x = rng.standard_normal((case["n"], *case["size"], c_in))
    w = rng.standard_normal((*kernel, per_in, c_out))
    expected = naive_conv.conv2d(x, w, **options)
    near(ops.conv2d(x, w, **options), expected)
    y = rng.standard_normal(expected.shape)
    geometry = conv_geometry(case["size"], kernel, *options.values())
    assert geometry.output == y.shape[1:3]
    weight = _conv2d_weight(x, y, geometry=geometry)
    near(weight, naive_conv.conv2d_weight(x, y, kernel, **options))
    products = [
        np.vdot(_conv2d(x, w, geometry=geometry), y),
        np.vdot(x, _conv_transpose2d(y, w, geometry=geometry)),
        np.vdot(w, weight),
    ]
    scale = np.linalg.norm(expected) * np.linalg.norm(y) + 1
    assert np.ptp(products) <= 1e-13 * scale


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes(), st.integers(1, 3), st.integers(1, 3), st.data())
def test_the_transpose_is_seven_loops(case, h, w, data):
    _, per_in, c_out = case["channels"]
    options, kernel = dict(case["options"]), case["kernel"]
    if options["padding"] != "same":
        options["output_padding"] = tuple(data.draw(st.integers(0, s - 1)) for s in options["stride"])
        sides = naive_conv.padding_sides(options["padding"], None, None, None, None)
        # Cut away less than there is.
        full = [
            (n - 1) * s + d * (k - 1) + 1
            for n, s, k, d in zip((h, w), options["stride"], kernel, options["dilation"], strict=True)
        ]
        options["padding"] = tuple(
            (min(a, (f - 1) // 2), min(b, (f - 1) // 2)) for (a, b), f in zip(sides, full, strict=True)
        )
    rng = np.random.default_rng(case["seed"])
    y, weights = rng.standard_normal((case["n"], h, w, c_out)), rng.standard_normal((*kernel, per_in, c_out))
    near(ops.conv_transpose2d(y, weights, **options), naive_conv.conv_transpose2d(y, weights, **options))


def test_a_wrong_convolution_is_told_from_seven_loops():
    """The negative control: one tap shifted by one pixel, one in the weight gradient scaled."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 5, 5, 1)), rng.standard_normal((2, 2, 1, 1))
    with pytest.raises(AssertionError):
        near(ops.conv2d(np.roll(x, 1, axis=2), w), naive_conv.conv2d(x, w))
    with pytest.raises(AssertionError):
        near(ops.conv2d(x, w[::-1]), naive_conv.conv2d(x, w))
    with pytest.raises(AssertionError):
        near(ops.conv2d(x, w, padding=((0, 1), (0, 0))), naive_conv.conv2d(x, w, padding=((1, 0), (0, 0))))


def test_large_batches_go_through_in_chunks(monkeypatch):
    from minigan.backend.numpy import conv as numpy_conv

    rng = np.random.default_rng(1)
    x, w, y = rng.standard_normal((7, 6, 5, 4)), rng.standard_normal((3, 2, 2, 6)), rng.standard_normal((7, 2, 2, 6))
    options = {"stride": 2, "groups": 2}
    geometry = conv_geometry((6, 5), (3, 2), 2, 0, 1, 2)
    whole = (
        ops.conv2d(x, w, **options),
        _conv_transpose2d(y, w, geometry=geometry),
        _conv2d_weight(x, y, geometry=geometry),
    )
    for limit in (1, 3000, 5000):
        monkeypatch.setattr(numpy_conv, "CHUNK_BYTES", limit)
        pieces = (
            ops.conv2d(x, w, **options),
            _conv_transpose2d(y, w, geometry=geometry),
            _conv2d_weight(x, y, geometry=geometry),
        )
        for a, b in zip(pieces, whole, strict=True):
            near(a, b)


def test_same_is_ceil_of_size_over_stride_with_the_odd_pixel_after():
    assert conv_geometry((5, 6), (4, 4), 2, "same", 1, 1).padding == ((1, 2), (1, 1))
    assert conv_geometry((5, 6), (4, 4), 2, "same", 1, 1).output == (3, 3)
    assert transposed_geometry((3, 4), (4, 4), 2, "same", 0, 1, 1).input == (6, 8)


IMAGES, KERNELS = np.zeros((2, 5, 6, 3)), np.zeros((3, 3, 3, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ops.conv2d(IMAGES, np.zeros((3, 3, 2, 4))),
            ["conv2d", "(2, 5, 6, 3)", "3 channels", "(3, 3, 2, 4)", "expects 2"],
        ),
        (lambda: ops.conv2d(IMAGES, np.zeros((3, 3, 1, 4)), groups=3), ["groups=3", "multiple of 3"]),
        (lambda: ops.conv2d(np.zeros((5, 6, 3)), KERNELS), ["(N, H, W, C)", "(5, 6, 3)"]),
        (lambda: ops.conv2d(IMAGES, np.zeros((7, 3, 3, 4))), ["(7, 3)", "does not fit", "(5, 6)"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, dilation=3), ["dilation (3, 3)", "(7, 7) pixels"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, stride=0), ["stride", "at least 1", "got 0"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, stride=2.0), ["stride", "got 2.0"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, stride=(1, 1, 1)), ["stride", "two ints"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, padding=-1), ["padding", "got -1"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, padding="SAME"), ["padding", "'SAME'", '"same"']),
        (lambda: ops.conv2d(IMAGES, KERNELS, padding=(1, 1)), ["padding", "(top, bottom)"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, padding=((1, 1.5), (0, 0))), ["padding", "1.5"]),
        (lambda: ops.conv2d(IMAGES, KERNELS, groups=0), ["groups", "got 0"]),
        (lambda: ops.conv_transpose2d(IMAGES, KERNELS), ["conv_transpose2d", "3 channels", "expects 4"]),
        (
            lambda: ops.conv_transpose2d(IMAGES, np.zeros((3, 3, 2, 3)), stride=2, output_padding=2),
            ["output_padding (2, 2)", "stride (2, 2)"],
        ),
        (
            lambda: ops.conv_transpose2d(IMAGES, np.zeros((3, 3, 2, 3)), padding="same", stride=2, output_padding=1),
            ["no meaning", "same"],
        ),
        (lambda: ops.conv_transpose2d(IMAGES, np.zeros((3, 3, 2, 3)), padding=4), ["(5, 6)", "pixels"]),
    ],
)
def test_sizes_that_do_not_fit_are_explained(call, words):
    for _ in range(2):  # what a cache remembers must not change the answer
        ops.conv2d(IMAGES, KERNELS, stride=2)
        with pytest.raises(ValueError) as caught:
            call()
        assert all(word in str(caught.value) for word in words), caught.value
