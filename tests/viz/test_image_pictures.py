"""Grids, interpolations and neighbours: every pixel where it belongs."""

import numpy as np
import pytest
from PIL import Image

from minigan import data, viz
from minigan.tensor import Tensor
from minigan.viz.neighbours import nearest
from minigan.viz.style import DPI, WIDTH

rng = np.random.default_rng(0)


def images(n, h=5, w=4, c=1):
    return data.scale(rng.integers(0, 256, (n, h, w, c), np.uint8))


def decoded(path):
    with Image.open(path) as picture:
        return np.array(picture)


def tiles(picture, n, columns, h, w, scale):
    """Read the n images of a picture back from the places where they must be."""
    small = picture[::scale, ::scale]
    cells = [(2 + i // columns * (h + 2), 2 + i % columns * (w + 2)) for i in range(n)]
    return np.stack([small[top : top + h, left : left + w] for top, left in cells])


@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("wrap", [np.asarray, Tensor])
def test_save_grid_keeps_every_pixel(tmp_path, c, wrap):
    x = images(7, c=c)
    viz.save_grid(tmp_path / "grid.png", wrap(x), columns=3, scale=3)
    picture = decoded(tmp_path / "grid.png").reshape(3 * (3 * 7 + 2), 3 * (3 * 6 + 2), c)
    np.testing.assert_array_equal(tiles(picture, 7, 3, 5, 4, 3), data.to_uint8(x))
    np.testing.assert_array_equal(picture, picture[::3, ::3].repeat(3, 0).repeat(3, 1))
    assert (picture[-3 * 7 :, 3 * 8 :] == 64).all()  # two places are left over


def test_a_grid_is_not_wider_than_its_images():
    assert viz.image_grid(images(2), columns=10, scale=1).shape == (9, 14, 1)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((3, 5, 4)), ValueError, r"images must have shape \(N, H, W, C\).*got \(3, 5, 4\)$"),
        (np.zeros((3, 1, 5, 4)), ValueError, "channels first"),
        (np.zeros((0, 5, 4, 1)), ValueError, "N >= 1"),
        (np.full((1, 5, 4, 1), np.nan), ValueError, "NaN"),
        (np.zeros((1, 5, 4, 1), int), TypeError, "expected floats from -1 to 1"),
        (np.zeros((1, 5, 4, 1), "uint8"), TypeError, r"images: .* got uint8; mg\.data\.scale\(images\) converts"),
    ],
)
def test_image_grid_says_what_it_needs(given, error, message):
    with pytest.raises(error, match=message):
        viz.image_grid(given, 2)
    with pytest.raises(ValueError, match="columns and scale must be at least 1, got 0 and 2"):
        viz.image_grid(images(1), 0)


# --- pages of images: the grid is somewhere on them, enlarged by a whole number ------------------------------


def on_page(path, grid):
    """Return whether every pixel of the grid is on the page, as a square of dots."""
    page = decoded(path)[..., :3]
    h, w, _ = grid.shape
    zoom = min(int((WIDTH - 0.2) * DPI // w), int(8 * DPI // h))
    expected = np.broadcast_to(grid, (h, w, 3)).repeat(zoom, 0).repeat(zoom, 1)
    left = round(0.1 * DPI)
    assert page.shape[1] == max(w * zoom + 2 * left, 5.2 * DPI)
    rows = [r for r in range(len(page) - h * zoom + 1) if (page[r, left : left + w * zoom] == expected[0]).all()]
    return any((page[r : r + h * zoom, left : left + w * zoom] == expected).all() for r in rows)


def test_interpolation_has_a_row_for_each_pair_and_a_column_for_each_step(tmp_path):
    a, b = rng.normal(size=(2, 3, 6)).astype(np.float32)
    seen = []

    def draw(z):
        seen.append(z)
        return np.tanh(z[:, :4]).reshape(-1, 2, 2, 1)

    viz.interpolation(tmp_path / "between.png", draw, a, b, steps=5)
    (z,) = seen
    assert z.dtype == np.float32
    z = z.reshape(3, 5, 6)
    np.testing.assert_allclose(z[:, 0], a, rtol=1e-6)
    np.testing.assert_allclose(z[:, -1], b, rtol=1e-6)
    np.testing.assert_allclose(z[1, 1], viz.slerp(a[1], b[1], 0.25), rtol=1e-6)
    assert on_page(tmp_path / "between.png", viz.image_grid(draw(z.reshape(15, 6)), 5, 1))


def test_interpolation_refuses():
    a = rng.normal(size=(2, 6))
    with pytest.raises(ValueError, match="given 6 latent points and returned 5 images"):
        viz.interpolation(None, lambda z: np.zeros((5, 2, 2, 1)), a, a, steps=3)
    with pytest.raises(ValueError, match="steps >= 2"):
        viz.interpolation(None, lambda z: np.zeros((2, 2, 2, 1)), a, a, steps=1)
    with pytest.raises(ValueError, match=r"from draw must lie in \[-1, 1\], got values from 0 to 7"):
        viz.interpolation(None, lambda z: 7 * np.linspace(0, 1, 24).reshape(6, 2, 2, 1), a, a, steps=3)


def test_nearest_by_brute_force():
    x, y = (rng.uniform(-1, 1, (n, 5, 4, 1)).astype(np.float32) for n in (4, 2000))
    index, distance = nearest(x, y, 600)
    every = np.sqrt(((x[:, None].astype(np.float64) - y) ** 2).sum(axis=(2, 3, 4)))
    np.testing.assert_array_equal(index, every.argsort(axis=1)[:, :600])
    np.testing.assert_allclose(distance, np.sort(every, axis=1)[:, :600], rtol=1e-6)
    assert nearest(y[5:6], y, 1)[1] == 0
    assert nearest(x, y, 2000)[0].shape == (4, 2000)


def test_neighbours_stand_beside_what_was_generated(tmp_path):
    x, y = images(3, c=3), images(20, c=3)
    viz.neighbours(tmp_path / "near.png", x, data.to_uint8(y), k=4)
    index, _ = nearest(x, y, 4)
    left, right = viz.image_grid(x, 1, 1), viz.image_grid(y[index.ravel()], 4, 1)
    gutter = np.full((len(left), 6, 3), 255, np.uint8)
    assert on_page(tmp_path / "near.png", np.concatenate([left, gutter, right], axis=1))


def test_neighbours_are_named_in_order():
    figure = viz.neighbours(None, images(2), images(9), k=4)
    headings = [text.get_text() for text in figure.texts][2:]
    assert headings == ["generated", "nearest", "2nd", "3rd", "4th"]
    assert "the 4 nearest of 9 real images" in figure.texts[1].get_text().replace("\n", " ")


def test_neighbours_refuse():
    with pytest.raises(ValueError, match="k must be from 1 to 3, the number of real images, got 4"):
        viz.neighbours(None, images(2), images(3), k=4)
    with pytest.raises(ValueError, match="images of one shape"):
        viz.neighbours(None, images(2), images(3, c=3), k=1)
    with pytest.raises(ValueError, match=r"real must lie in \[-1, 1\]"):
        viz.neighbours(None, images(2), 255 + images(3), k=1)
    with pytest.raises(ValueError, match=r"generated must lie in \[-1, 1\]"):
        viz.neighbours(None, np.full((2, 5, 4, 1), np.nan), images(3), k=1)


# --- slerp ---------------------------------------------------------------------------------------------------


def unit(*shape):
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_slerp_stays_on_the_sphere_and_moves_evenly():
    a, b, t = unit(50, 7), unit(50, 7), np.linspace(0, 1, 9)
    z = viz.slerp(a, b, t)
    assert z.shape == (50, 9, 7)
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-14)
    angles = np.arccos((z[:, 1:] * z[:, :-1]).sum(-1))
    np.testing.assert_allclose(angles, np.arccos((a * b).sum(-1))[:, None].repeat(8, 1) / 8, rtol=1e-9)


@pytest.mark.parametrize("length", [1.0, 30.0, 1e-100])
def test_slerp_ends_and_symmetry(length):
    a, b = length * unit(20, 5), 3 * length * unit(20, 5)
    np.testing.assert_array_equal(viz.slerp(a, b, 0), a)
    np.testing.assert_allclose(viz.slerp(a, b, 1), b, rtol=1e-15)
    np.testing.assert_allclose(viz.slerp(a, b, 0.3), viz.slerp(b, a, 0.7), rtol=1e-12)


def test_slerp_of_a_quarter_circle_is_exact():
    z = viz.slerp([1.0, 0.0], [0.0, 2.0], [1 / 3, 0.5])
    np.testing.assert_allclose(z, [[np.sqrt(3) / 2, 1], [np.sqrt(0.5), np.sqrt(2)]], rtol=1e-15)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-6, 1e-9])
@pytest.mark.parametrize("turn", [0, np.pi])
def test_slerp_near_its_singularities(gap, turn):
    """Vectors are joined along the circle, and by a straight line only if they are opposite within rounding."""
    a, b = np.array([1.0, 0]), np.array([np.cos(turn + gap), np.sin(turn + gap)])
    z = viz.slerp(a, b, 0.5)
    angle = min(turn + gap, 2 * np.pi - turn - gap) / 2 * (1 if turn == 0 else -1)
    expected = [np.cos(angle), np.sin(angle)] if gap > 1e-7 or not turn else (a + b) / 2
    np.testing.assert_allclose(z, expected, atol=1e-9)


def test_slerp_without_a_way_on_the_sphere_is_the_straight_line():
    a = unit(4)
    np.testing.assert_allclose(viz.slerp(a, 3 * a, 0.5), 2 * a, rtol=1e-15)
    np.testing.assert_allclose(viz.slerp(a, -a, 0.25), a / 2, rtol=1e-15)
    np.testing.assert_allclose(viz.slerp(a, 0 * a, 0.25), 0.75 * a, rtol=1e-15)


def test_slerp_keeps_float32_and_refuses_the_rest():
    a = unit(3, 4)
    assert viz.slerp(a.astype(np.float32), a[::-1].astype(np.float32), 0.5).dtype == np.float32
    with pytest.raises(ValueError, match="one shape"):
        viz.slerp(a, a[:2], 0.5)
    with pytest.raises(ValueError, match="b must hold floats, none of them NaN"):
        viz.slerp(a, a * np.nan, 0.5)
    with pytest.raises(ValueError, match="t must be finite"):
        viz.slerp(a, a, np.nan)


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pages_can_be_vector_files(tmp_path, kind, start):
    viz.neighbours(tmp_path / f"near.{kind}", images(1), images(3), k=2)
    assert (tmp_path / f"near.{kind}").read_bytes().startswith(start)
