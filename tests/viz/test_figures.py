"""Curves, the plane and seeds: what is drawn is what was given, nothing collides, and nothing global is touched."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from minigan import data, viz
from minigan.random import Generator
from minigan.tensor import Tensor
from minigan.viz import style


def overlapping(figure):
    """Return the texts that leave the page, and the pairs of texts that overlap."""
    viz.pixels(figure, style.DPI)
    axes = figure.axes
    texts = [t for t in figure.texts if t.get_text()]
    texts += [t for a in axes for axis in (a.xaxis, a.yaxis) for t in _shown_ticks(axis)]
    texts += [t for owner in (figure, *axes) for made in _legends(owner) for t in made.get_texts()]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    width, height = figure.canvas.get_width_height()
    outside = [t for t, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height]
    return outside + [(s, t) for i, (s, a) in enumerate(boxes) for t, b in boxes[:i] if a.overlaps(b)]


def _shown_ticks(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in ticks if tick.label1.get_text() and tick.label1.get_visible()]


def _legends(owner):
    return owner.legends if hasattr(owner, "legends") else [owner.get_legend()] if owner.get_legend() else []


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def caption(figure):
    return figure.texts[1].get_text().replace("\n", " ")


# --- curves --------------------------------------------------------------------------------------------------


def records(n=400):
    rng = np.random.default_rng(0)
    rows = [{"step": 10 * i, "seconds": i, "critic_loss": rng.normal(), "generator_loss": 5.0} for i in range(n)]
    for i, row in enumerate(rows):
        row |= {"critic_gradient": 10.0**-3, "generator_gradient": 10.0 ** rng.normal()}
        row |= {"penalty": rng.normal()} if i % 4 == 0 else {}
    return rows


def test_curves_have_a_panel_for_each_kind(tmp_path):
    rows = records()
    figure = viz.curves(tmp_path / "curves.png", rows)
    loss, penalty, gradient = figure.axes
    raw, smooth = (line.get_ydata() for line in loss.lines[:2])
    np.testing.assert_array_equal(raw, [row["critic_loss"] for row in rows])
    np.testing.assert_allclose(smooth[200], raw[195:206].mean())
    np.testing.assert_allclose(smooth[-1], raw[-6:].mean())
    np.testing.assert_array_equal(penalty.lines[0].get_xdata(), np.arange(0, 4000, 40))
    assert gradient.get_yscale() == "log"
    assert loss.get_yscale() == penalty.get_yscale() == "linear"
    np.testing.assert_allclose(lines(gradient)["critic"][:, 1], 1e-3)
    assert overlapping(figure) == []
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] == style.WIDTH * style.DPI


def test_the_mean_of_a_logarithmic_axis_is_geometric():
    rows = [{"step": i, "critic_gradient": 10.0 ** (-1) ** i} for i in range(80)]
    figure = viz.curves(None, rows)
    np.testing.assert_allclose(lines(figure.axes[0])["critic"][1:-1, 1], 10 ** (np.array([1, -1] * 39) / 3))


@pytest.mark.parametrize("keys", [("critic_loss",), ("penalty",), ("generator_gradient", "critic_loss"), ("d_a_loss",)])
@pytest.mark.parametrize("n", [1, 2, 150])
def test_missing_keys_and_a_single_record(keys, n):
    figure = viz.curves(None, [{"step": i} | dict.fromkeys(keys, 0.5) for i in range(n)])
    assert len(figure.axes) == len(keys)
    assert overlapping(figure) == []
    viz.pixels(figure)


def test_one_spike_does_not_flatten_the_rest():
    rows = [{"step": i, "critic_loss": 1e6 if i == 50 else i % 2} for i in range(300)]
    assert viz.curves(None, rows).axes[0].get_ylim()[1] < 1e5
    assert viz.curves(None, rows[:90]).axes[0].get_ylim()[1] > 1e6


def test_where_values_end_a_line_says_so():
    rows = records(100)
    for row in rows[60:]:
        row["generator_loss"] = float("nan")
    figure = viz.curves(None, rows)
    assert "step 600, the first with a value that cannot be drawn" in caption(figure)
    assert all(600 in axes.lines[-1].get_xdata() for axes in figure.axes)
    assert np.isfinite(lines(figure.axes[0])["generator"][:60]).all()
    assert "cannot be drawn" not in caption(viz.curves(None, records(100)))
    vanished = viz.curves(None, [{"step": i, "generator_gradient": 0.0} for i in range(3)])
    assert "step 0, the first" in caption(vanished)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([], ValueError, "records are empty"),
        ([{"critic_loss": 1}], ValueError, r"records\[0\] must have a number as its step, got None"),
        ([{"step": 2, "penalty": 1}, {"step": 2, "penalty": 1}], ValueError, "2 is followed by 2: two runs"),
        (
            [{"step": 1, "critic_loss": "high"}],
            TypeError,
            r"records\[0\]\['critic_loss'\] must be a number, got 'high'",
        ),
        ([{"step": 1, "seconds": 3}], ValueError, "to draw, only step, seconds"),
    ],
)
def test_records_are_checked(rows, error, message):
    with pytest.raises(error, match=message):
        viz.curves(None, rows)


# --- the plane -----------------------------------------------------------------------------------------------


real = data.ring().sample(300, Generator(0))
fake = data.ring().sample(200, Generator(1)) * np.float32(0.9)


def bowl(points):
    return -(points**2).sum(axis=1)


def test_plane_draws_the_points_the_surface_and_the_grid(tmp_path):
    seen = {}

    def critic(points):
        seen["points"] = points
        return Tensor(bowl(points)[:, None])

    def generator(z):
        seen["z"] = z
        return 0.4 * z[:, ::-1]

    figure = viz.plane(tmp_path / "plane.png", real, fake, critic, generator)
    left, bar, right = figure.axes
    np.testing.assert_array_equal(lines(left)["real"], real)
    np.testing.assert_array_equal(lines(left)["generated"], fake)
    assert seen["points"].dtype == seen["z"].dtype == np.float32
    np.testing.assert_allclose(seen["points"].min(axis=0), [left.get_xlim()[0], left.get_ylim()[0]], rtol=1e-6)
    low, high = bar.get_xlim()
    assert np.quantile(bowl(seen["points"]), 0.1) == pytest.approx(low, rel=1e-5)
    assert np.quantile(bowl(seen["points"]), 0.98) == pytest.approx(high, rel=1e-5)
    # z1 constant: the generator swaps the axes, so the line is level, and the first one is the lowest
    np.testing.assert_allclose(lines(right)["z₁ constant"][:, 1], -0.8, rtol=1e-6)
    np.testing.assert_allclose(lines(right)["z₂ constant"][:, 0], -0.8, rtol=1e-6)
    assert len(right.lines) == 1 + 2 * 21
    assert overlapping(figure) == []
    with Image.open(tmp_path / "plane.png") as picture:
        assert picture.size[0] == style.WIDTH * style.DPI


def test_the_shading_is_where_it_belongs():
    """If a critic has its highest values at the top left, the picture is lighter there."""
    figure = viz.plane(None, real, real[:1], lambda p: p[:, 1] - p[:, 0])
    page = viz.pixels(figure, style.DPI).astype(float).mean(axis=2)
    box = figure.axes[0].get_window_extent().extents.round().astype(int)
    inside = page[::-1][box[1] : box[3], box[0] : box[2]]  # from the bottom up
    corner = 40
    assert inside[-corner:, :corner].mean() > inside[:corner, -corner:].mean() + 60


@pytest.mark.parametrize("parts", [{}, {"critic": bowl}, {"generator": lambda z: z[:, :2]}])
def test_every_part_may_be_missing(parts):
    assert overlapping(viz.plane(None, real, fake, **parts)) == []


def test_a_latent_of_many_numbers_is_cut_through_zero():
    seen = []
    figure = viz.plane(None, real, fake, generator=lambda z: seen.append(z) or z[:, :2], latent=9)
    (z,) = seen
    assert z.shape[1] == 9
    assert (z[:, 2:] == 0).all()
    assert z.max() == 3
    assert "from −3 to 3, of the plane z = (z₁, z₂, 0, …, 0) of 9 latent numbers" in caption(figure)


def test_the_frame_is_set_by_the_real_points_or_by_limits():
    far = np.concatenate([fake, [[9, 9], [-9, 0]]])
    figure = viz.plane(None, real, far)
    assert figure.axes[0].get_xlim() == viz.plane(None, real, fake).axes[0].get_xlim()
    assert "300 real and 202 generated points, 2 of these beyond the frame" in caption(figure)
    assert viz.plane(None, real, fake, limits=(-3, 5)).axes[0].get_ylim() == (-3, 5)
    viz.plane(None, real[:1], fake)  # no extent of its own
    viz.plane(None, real, fake, critic=lambda p: np.zeros(len(p)))  # a constant critic


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"real": real[:, :1]}, r"\(N, 2\)|same number"),
        ({"real": np.zeros((5, 3)), "fake": np.zeros((5, 3))}, r"points in the plane, \(N, 2\), got \(5, 3\)"),
        ({"fake": np.full((5, 2), np.nan)}, "fake must be finite"),
        ({"critic": lambda p: p}, r"critic was given \(25600, 2\) and returned \(25600, 2\), expected \(25600,\)"),
        ({"critic": lambda p: p[:, 0] / 0}, "critic returned NaN or infinity"),
        ({"generator": lambda z: z[:, :1]}, r"generator was given .* expected \(10122, 2\)"),
        ({"generator": lambda z: z, "latent": 1}, "latent must be at least 2"),
        ({"limits": (1, 1)}, "ascending order"),
    ],
)
def test_plane_refuses(given, message):
    with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
        viz.plane(None, **({"real": real, "fake": fake} | given))


# --- seeds ---------------------------------------------------------------------------------------------------


RESULTS = {
    "GAN": {"modes": [6, 7, 2], "reverse_kl": [0.5, np.inf, 0.4]},
    "RpGAN + R1 + R2": {"modes": [8, 8, 8], "reverse_kl": [0.002, 0.003, 0.004]},
    "PacGAN": {"modes": [8, 7]},
}


def test_every_seed_is_drawn(tmp_path):
    figure = viz.seeds(
        tmp_path / "seeds.png", RESULTS, floors={"reverse_kl": (0.001, 0.003)},
        published={"GAN": {"modes": 6.3}}, log=("reverse_kl",),
    )  # fmt: skip
    modes, kl = figure.axes
    circles = np.concatenate([line.get_xydata() for line in modes.lines if line.get_marker() == "o"])
    np.testing.assert_array_equal(circles[:, 0], [6, 7, 2, 8, 8, 8, 8, 7])
    np.testing.assert_array_equal(circles[:, 1].round(), [0, 0, 0, 1, 1, 1, 2, 2])
    assert len(np.unique(circles, axis=0)) == 8  # equal numbers do not hide each other
    medians = [line.get_xydata()[0] for line in modes.lines if line.get_marker() == "|"]
    np.testing.assert_array_equal(medians, [[6, 0], [8, 1], [7.5, 2]])
    published = np.concatenate([line.get_xydata() for line in modes.lines if line.get_marker() == "D"])
    np.testing.assert_array_equal(published, [[6.3, 0]])
    arrows = np.concatenate([line.get_xydata() for line in kl.lines if line.get_marker() == ">"])
    np.testing.assert_allclose(arrows, [[1, 0]], atol=0.4)
    (band,) = kl.patches
    edges = kl.transData.inverted().transform(band.get_extents().get_points())
    assert edges[:, 0] == pytest.approx([0.001, 0.003])
    assert not modes.patches
    assert [t.get_text() for t in modes.get_yticklabels()] == list(RESULTS)
    assert "(2 to 3 in each row), the first at the top of its row.  An arrow" in caption(figure)
    assert overlapping(figure) == []


def test_long_names_of_methods_leave_room_for_their_numbers():
    name = "paired discriminator, a public repository, 5 seeds of 50,000 updates"
    metrics = {"classes": [8.8, 10], "class_tv": [0.01, 0.34], "acceptance": [0.58, 0.98]}
    figure = viz.seeds(None, {"DCGAN": metrics, name: metrics})
    _, long = figure.axes[0].get_yticklabels()
    assert long.get_text().split("\n") == ["paired discriminator, a public", "repository, 5 seeds of 50,000 updates"]
    assert overlapping(figure) == []


def test_seeds_of_one_kind_and_of_nothing_finite():
    for numbers in ([3.0], [3.0, 3.0], [np.inf]):
        assert overlapping(viz.seeds(None, {"GAN": {"kl": numbers}})) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"results": {}}, "no metric of any method"),
        ({"results": {"GAN": {"kl": []}}}, "GAN, kl: expected numbers"),
        ({"results": {"GAN": {"kl": [1, np.nan]}}}, "GAN, kl: expected numbers"),
        ({"floors": {"KL": (0, 1)}}, "floors has 'KL', which results has not; there: modes, reverse_kl"),
        ({"floors": {"modes": (2, 1)}}, r"floors\['modes'\] must be \(low, high\)"),
        ({"published": {"VEEGAN": {"modes": 8}}}, "published has 'VEEGAN'"),
        ({"published": {"GAN": {"mode": 8}}}, "published has 'mode'"),
        ({"results": {"GAN": {"kl": [0, 1]}}, "log": ("kl",)}, "GAN, kl: a logarithmic axis needs numbers above 0"),
    ],
)
def test_seeds_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        viz.seeds(None, **({"results": RESULTS} | given))


# --- files, threads, imports ---------------------------------------------------------------------------------


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def fail(self, file, **settings):
        file.write(b"half a pic")
        raise OSError("disk full")

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        viz.curves(tmp_path / "a.png", records(3))
    monkeypatch.setattr(Image.Image, "save", lambda self, file, *_, **__: fail(self, file))
    for write in (
        lambda path: viz.save_grid(path, np.zeros((1, 4, 4, 1)), 1),
        lambda path: viz.save_gif(path, np.zeros((2, 4, 4), np.uint8)),
    ):
        with pytest.raises(OSError, match="disk full"):
            write(tmp_path / "a.png")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.png", b"old")]


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.png, \.svg or \.pdf, got .*curves\.jpg"):
        viz.curves(tmp_path / "curves.jpg", records(3))


def test_threads_draw_what_one_draws():
    def draw(i):
        return viz.pixels(viz.curves(None, records(30 + i))).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == [draw(i) for i in range(4)]


def test_pixels_leave_the_figure_as_it_was():
    figure = viz.curves(None, records(3))
    before = figure.dpi
    small = viz.pixels(figure, 50)
    assert figure.dpi == before
    assert small.dtype == np.uint8
    assert small.shape[1:] == (style.WIDTH * 50, 3)


def test_no_pyplot_no_settings_and_nothing_before_the_first_picture(tmp_path):
    code = f"""
import sys
from minigan import viz
assert "matplotlib" not in sys.modules and "PIL" not in sys.modules
import matplotlib
before = list(dict.items(matplotlib.rcParams))  # reading them the usual way would look for a backend
viz.plane({str(tmp_path / "a.pdf")!r}, [[0., 0], [1, 1]], [[0., 1]], lambda p: p[:, 0], lambda z: z)
viz.curves({str(tmp_path / "a.png")!r}, [dict(step=1, critic_loss=2)])
viz.seeds({str(tmp_path / "a.svg")!r}, dict(GAN=dict(kl=[1, 2])))
assert list(dict.items(matplotlib.rcParams)) == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_colours_differ_for_the_colour_blind_and_in_print():
    """There are eight, by Okabe and Ito, and colours that share a figure differ in luminance."""
    assert len({*style.CYCLE, style.YELLOW, style.BLACK}) == 8

    def luminance(color):
        r, g, b = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * r**2.2 + 0.7152 * g**2.2 + 0.0722 * b**2.2

    for a, b in ((style.REAL, style.FAKE), (style.CRITIC, style.GENERATOR), (style.GREEN, style.ORANGE)):
        brighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) > 1.3


def test_a_notebook_shows_a_figure_without_pyplot():
    display = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed: pip install ipython")
    shown, metadata = display.DisplayFormatter().format(viz.curves(None, records(3)))
    with Image.open(io.BytesIO(shown["image/png"])) as picture:
        assert picture.format == "PNG"
    assert metadata["image/png"] == {"width": int(100 * style.WIDTH)}


def test_pictures_without_their_library_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "step-1.png").write_bytes(b"")
    with pytest.raises(ImportError, match=r"minigan\.viz needs matplotlib: pip install matplotlib"):
        viz.curves(None, records(3))
    for name, write in {
        "save_grid": lambda path: viz.save_grid(path, np.zeros((1, 4, 4, 1)), 1),
        "save_gif": lambda path: viz.save_gif(path, np.zeros((2, 4, 4), np.uint8)),
        "training_gif": lambda path: viz.training_gif(path, tmp_path),
    }.items():
        with pytest.raises(ImportError, match=f"{name} needs Pillow: pip install Pillow"):
            write(tmp_path / "a")
    assert [file.name for file in tmp_path.iterdir()] == ["step-1.png"]


def test_viz_lists_its_functions_and_nothing_else():
    assert dir(viz) == sorted(viz.__all__)
