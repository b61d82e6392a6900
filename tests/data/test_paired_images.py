"""Pairs for translation: input and target belong together, and each rule is the one that is documented."""

import itertools

import numpy as np
import pytest
from PIL import Image

from minigan.data import PALETTE, color_digits, edge_map, edges, grayscale_to_color, load, luma


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# --- gray to colour ----------------------------------------------------------------------------------------


def test_luma_is_the_rounded_weighted_sum_and_what_pillow_makes():
    colours = random_images(1, 64, 64, 3)
    colours[0, 0, :8] = list(itertools.product([0, 255], repeat=3))
    gray = luma(colours)
    assert gray.shape == (1, 64, 64, 1)
    assert gray.dtype == np.uint8
    assert np.array_equal(gray[0, ..., 0], np.asarray(Image.fromarray(colours[0]).convert("L")))
    assert np.abs(gray[..., 0] - colours @ [0.299, 0.587, 0.114]).max() < 0.502
    assert luma(np.full((1, 1, 1, 3), 77, np.uint8)).item() == 77


def test_grayscale_to_color_gives_the_gray_and_the_original():
    colours = random_images(3, 5, 4, 3)
    gray, target = grayscale_to_color(colours)
    assert np.array_equal(gray, luma(colours))
    assert np.array_equal(target, colours)


# --- edges to images ---------------------------------------------------------------------------------------


def naive_edges(gray, threshold):
    """Sobel's operator as two 3x3 kernels, pixel by pixel."""
    padded = np.pad(gray.astype(float), 1, mode="edge")
    out = np.zeros(gray.shape, np.uint8)
    for y, x in np.ndindex(gray.shape):
        out[y, x] = 255 if naive_slope(padded[y : y + 3, x : x + 3]) >= threshold else 0
    return out


def naive_slope(window):
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return np.hypot((window * kernel).sum(), (window * kernel.T).sum()) / 8


@pytest.mark.parametrize("threshold", [1, 32, 60.5, 80])
def test_edges_are_sobels(threshold):
    images = random_images(4, 7, 6, 1)
    images[0] //= 16
    result = edge_map(images, threshold)
    assert result.dtype == np.uint8
    assert 0 < (result > 0).mean() < 1
    for image, found in zip(images, result, strict=True):
        assert np.array_equal(found[..., 0], naive_edges(image[..., 0], threshold))


def test_a_step_is_an_edge_on_both_sides_and_a_flat_image_has_none():
    image = np.zeros((2, 6, 6, 1), np.uint8)
    image[0, :, 3:] = 255
    result = edge_map(image)[..., 0] // 255
    assert result[0].tolist() == [[0, 0, 1, 1, 0, 0]] * 6
    assert not result[1].any()
    assert np.array_equal(edge_map(image.transpose(0, 2, 1, 3)), edge_map(image).transpose(0, 2, 1, 3))


def test_the_threshold_itself_is_an_edge():
    step = np.zeros((1, 4, 4, 1), np.uint8)
    step[:, 2:] = 128  # 64 levels per pixel
    assert edge_map(step, 64).any()
    assert np.array_equal(edge_map(step), edge_map(step, 64))
    assert not edge_map(step, 64.1).any()


def test_the_largest_threshold_can_still_be_reached():
    patterns = np.array(list(itertools.product([0, 255], repeat=9)), np.uint8).reshape(-1, 3, 3, 1)
    assert edge_map(patterns, 142)[:, 1, 1].any()
    assert max(naive_slope(pattern[..., 0]) for pattern in patterns) < 143


def test_edges_of_colours_are_those_of_their_luma():
    colours = random_images(2, 8, 8, 3)
    outline, target = edges(colours, threshold=50)
    assert np.array_equal(outline, edge_map(luma(colours), 50))
    assert np.array_equal(target, colours)
    assert outline.shape == (2, 8, 8, 1)


def test_digits_have_outlines():
    digits = load("mnist-10k").images[:100]
    outline, _ = edges(digits)
    assert 0.1 < (outline > 0).mean() < 0.4
    assert all(image.any() for image in outline)


# --- coloured digits ---------------------------------------------------------------------------------------


def test_ten_colours_that_can_be_told_apart():
    assert PALETTE.shape == (10, 3)
    assert (PALETTE.max(axis=1) == 255).all()
    distances = np.abs(PALETTE[:, None].astype(int) - PALETTE).sum(axis=2)
    assert distances[~np.eye(10, dtype=bool)].min() >= 127
    with pytest.raises(ValueError, match="read-only"):
        PALETTE[0] = 0


def test_each_digit_has_its_colour_at_its_own_brightness():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(10, axis=0)
    shown, colours = color_digits(gray, np.arange(10))
    assert np.array_equal(shown, gray)
    assert colours.shape == (10, 16, 16, 3)
    assert colours.dtype == np.uint8
    exact = gray.astype(float) * PALETTE[:, None, None].astype(float) / 255
    assert np.abs(colours - exact).max() <= 0.5
    assert np.array_equal(colours.max(axis=-1), gray[..., 0])  # the brightness survives in the largest channel


def test_the_colour_follows_from_the_label_alone():
    digits = load("digits-8x8")
    _, colours = color_digits(digits.images, digits.labels)
    for label in range(10):
        brightest = colours[digits.labels == label].reshape(-1, 3).max(axis=0)
        assert np.array_equal(brightest, PALETTE[label])


# --- errors ------------------------------------------------------------------------------------------------


def test_arrays_that_do_not_fit():
    gray, rgb = random_images(2, 4, 4, 1), random_images(2, 4, 4, 3)
    for bad in (gray, rgb / 255, rgb[..., :2]):
        with pytest.raises(ValueError, match=r"must be uint8.*with 3 channels"):
            grayscale_to_color(bad)
    for bad in (gray / 255, rgb[..., :2], rgb[0, 0]):
        with pytest.raises(ValueError, match=r"must be uint8.*with 1 or 3 channels"):
            edges(bad)
    for threshold in (0, -1, 143, float("nan")):
        with pytest.raises(ValueError, match="threshold must be above 0 and at most 142"):
            edges(gray, threshold)
    with pytest.raises(ValueError, match="with 1 channels"):
        color_digits(rgb, [0, 1])
    for labels in ([0], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(ValueError, match="labels must be integers"):
            color_digits(gray, labels)
    for labels in ([0, 10], [-1, 0]):
        with pytest.raises(ValueError, match="labels must be from 0 to 9"):
            color_digits(gray, labels)
