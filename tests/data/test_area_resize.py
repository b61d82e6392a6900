"""Resizing by area, against a naive loop in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import area_resize, centre_crop, fit

SIDES = st.integers(1, 9)


def naive(image, height, width):
    """The mean over each output pixel of image (H, W), as fractions, from the definition of an area."""
    rows, columns = image.shape
    down = [[(y, w) for y in range(rows) if (w := common(y, i, rows, height))] for i in range(height)]
    across = [[(x, w) for x in range(columns) if (w := common(x, j, columns, width))] for j in range(width)]
    out = np.empty((height, width), dtype=object)
    for i in range(height):
        for j in range(width):
            total = sum(v * w * Fraction(float(image[y, x])) for y, v in down[i] for x, w in across[j])
            out[i, j] = total * Fraction(height, rows) * Fraction(width, columns)
    return out


def common(source, target, old, new):
    """The length that pixel `source` of `old` and pixel `target` of `new` share, in old pixels."""
    start, end = Fraction(target * old, new), Fraction((target + 1) * old, new)
    return max(Fraction(0), min(end, Fraction(source + 1)) - max(start, Fraction(source)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), seed=st.integers(0, 2**32 - 1))
def test_it_is_the_exact_mean_rounded_once(old, new, seed):
    images = np.random.default_rng(seed).integers(0, 256, (2, *old, 1), dtype=np.uint8)
    result = area_resize(images, new)
    assert result.dtype == np.uint8
    assert result.shape == (2, *new, 1)
    for image, found in zip(images, result, strict=True):
        rounded = [math.floor(mean + Fraction(1, 2)) for mean in naive(image[..., 0], *new).ravel()]
        assert found.ravel().tolist() == rounded


@settings(max_examples=15, deadline=None, derandomize=True)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-5), (np.float16, 2e-3)])
def test_floats_keep_their_type(old, new, seed, dtype, tolerance):
    image = np.random.default_rng(seed).uniform(-1, 1, (*old, 1)).astype(dtype)
    result = area_resize(image, new)
    assert result.dtype == dtype
    assert np.abs(result[..., 0] - naive(image[..., 0], *new).astype(float)).max() < tolerance


def test_channels_and_leading_axes_are_kept_apart():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 7, 3), dtype=np.uint8)
    result = area_resize(images, (3, 4))
    assert result.shape == (2, 3, 3, 4, 3)
    for n, m, c in np.ndindex(2, 3, 3):
        assert np.array_equal(result[n, m, ..., c : c + 1], area_resize(images[n, m, ..., c : c + 1], (3, 4)))


def test_halves_round_up():
    assert area_resize(np.array([[[0], [1]], [[1], [0]]], np.uint8), 1).item() == 1
    assert area_resize(np.array([[[2], [3]]], np.uint8), 1).item() == 3


def test_large_float16_images_do_not_overflow():
    assert area_resize(np.ones((300, 300, 1), np.float16), 2).tolist() == [[[1], [1]], [[1], [1]]]


def test_the_same_size_is_a_copy_and_whole_factors_repeat():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    same = area_resize(image, 2)
    assert np.array_equal(same, image)
    assert not np.shares_memory(same, image)
    assert np.array_equal(area_resize(image, (6, 4)), image.repeat(3, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize(
    ("old", "size", "rows", "columns"),
    [
        ((4, 7), 2, slice(0, 4), slice(1, 5)),
        ((7, 4), (5, 5), slice(1, 5), slice(0, 4)),
        ((6, 6), 3, slice(0, 6), slice(0, 6)),
        ((6, 10), (3, 4), slice(0, 6), slice(1, 9)),
        ((10, 6), (3, 4), slice(2, 7), slice(0, 6)),  # 4.5 rows, rounded up
        ((1, 9), (9, 1), slice(0, 1), slice(4, 5)),
    ],
)
def test_the_crop_is_centred_and_has_the_proportions(old, size, rows, columns):
    images = np.arange(old[0] * old[1], dtype=np.uint8).reshape(1, *old, 1)
    cropped = centre_crop(images, size)
    assert np.array_equal(cropped, images[:, rows, columns])
    assert np.shares_memory(cropped, images)
    assert np.array_equal(fit(images, size), area_resize(cropped, size))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES))
def test_the_crop_is_never_empty_and_keeps_one_side_whole(old, new):
    kept = centre_crop(np.zeros((*old, 1), np.uint8), new).shape[:2]
    assert min(kept) >= 1
    assert kept[0] == old[0] or kept[1] == old[1]
    assert fit(np.zeros((*old, 1), np.uint8), new).shape == (*new, 1)


def test_what_cannot_be_resized():
    image = np.zeros((4, 4, 1), np.uint8)
    for size in (0, (4, 0), (4,), (1, 2, 3), -1):
        with pytest.raises(ValueError, match="each at least 1"):
            area_resize(image, size)
    with pytest.raises(TypeError):
        area_resize(image, 2.5)
    for shape in ((4, 4), (0, 4, 1), (2, 4, 0, 1)):
        with pytest.raises(ValueError, match="at least one pixel"):
            area_resize(np.zeros(shape, np.uint8), 2)
    with pytest.raises(TypeError, match="uint8 or floats, got int64"):
        area_resize(np.zeros((4, 4, 1), np.int64), 2)
