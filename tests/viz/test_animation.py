"""GIFs: frames, order, durations and colours, as a reader decodes them."""

import numpy as np
import pytest
from PIL import Image

from minigan import viz

rng = np.random.default_rng(0)


def decoded(path):
    """Return the frames as RGB (n, H, W, 3), the milliseconds of each, and how often the animation repeats."""
    with Image.open(path) as gif:
        frames, durations = [], []
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append(np.array(gif.convert("RGB")))
            durations.append(gif.info["duration"])
        return np.stack(frames), durations, gif.info["loop"]


def gray(n, levels=200):
    return rng.integers(0, levels, (n, 12, 16), np.uint8)


def test_gray_frames_come_back_exactly(tmp_path):
    frames = gray(6)
    viz.save_gif(tmp_path / "a.gif", frames, seconds=0.1, hold=1.5)
    shown, durations, loop = decoded(tmp_path / "a.gif")
    np.testing.assert_array_equal(shown, frames[..., None].repeat(3, -1))
    assert durations == [100] * 5 + [1500]
    assert loop == 0


def test_few_colours_come_back_exactly_whatever_changes_between_frames(tmp_path):
    palette = rng.integers(0, 256, (255, 3), np.uint8)
    frames = [palette[rng.integers(0, 255, (9, 11))] for _ in range(5)]
    frames[3][:4] = frames[2][:4]
    viz.save_gif(tmp_path / "a.gif", (frame for frame in frames))
    np.testing.assert_array_equal(decoded(tmp_path / "a.gif")[0], frames)


def test_channel_of_one_is_gray(tmp_path):
    frames = gray(2)[..., None]
    viz.save_gif(tmp_path / "a.gif", frames)
    np.testing.assert_array_equal(decoded(tmp_path / "a.gif")[0], frames.repeat(3, -1))


@pytest.mark.parametrize("colors", [255, 32, 2])
def test_many_grays_go_to_the_nearest_step(tmp_path, colors):
    frames = np.arange(512).reshape(2, 16, 16).astype(np.uint8)
    frames[1] = frames[1].T
    viz.save_gif(tmp_path / "a.gif", frames, colors=colors)
    shown = decoded(tmp_path / "a.gif")[0]
    assert len(np.unique(shown)) == colors
    assert abs(shown[..., 0] - frames.astype(float)).max() <= 127.5 / (colors - 1) + 0.5


def test_many_colours_share_one_palette_without_flicker(tmp_path):
    """Pixels that do not change between frames keep their colour, and every colour is close to the true one."""
    y, x = np.mgrid[:40, :40]
    frames = [np.stack([6 * x, 6 * y, np.full_like(x, 50 * i)], -1).astype(np.uint8) for i in range(5)]
    for frame in frames:
        frame[:10] = frames[0][:10]
    viz.save_gif(tmp_path / "a.gif", frames)
    shown = decoded(tmp_path / "a.gif")[0]
    assert (shown[:, :10] == shown[0, :10]).all()
    assert abs(shown - np.array(frames, float)).mean() < 12


def test_a_repeated_frame_stays_longer(tmp_path):
    a, b = gray(2)
    viz.save_gif(tmp_path / "a.gif", [a, a, b], seconds=0.2, hold=1.0)
    shown, durations, _ = decoded(tmp_path / "a.gif")
    assert len(shown) == 2
    assert durations == [400, 1000]


def test_one_frame(tmp_path):
    viz.save_gif(tmp_path / "a.gif", gray(1))
    assert len(decoded(tmp_path / "a.gif")[0]) == 1


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        ([], ValueError, "at least one"),
        ([np.zeros((4, 4))], TypeError, "frame 0 must be uint8.*got float64"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], ValueError, r"frame 0 has \(4, 4\) and 1 \(4, 5\)"),
        ([np.zeros((4, 4, 2), np.uint8)], ValueError, r"got \(4, 4, 2\)"),
    ],
)
def test_frames_are_checked(tmp_path, frames, error, message):
    with pytest.raises(error, match=message):
        viz.save_gif(tmp_path / "a.gif", frames)
    assert not list(tmp_path.iterdir())


def test_times_and_colours_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"seconds must be from 0\.02 to 655.*got 0\.01"):
        viz.save_gif(tmp_path / "a.gif", gray(2), seconds=0.01)
    with pytest.raises(ValueError, match="hold must be"):
        viz.save_gif(tmp_path / "a.gif", gray(2), hold=float("nan"))
    with pytest.raises(ValueError, match="colors must be from 2 to 255, got 256"):
        viz.save_gif(tmp_path / "a.gif", gray(2), colors=256)


# --- from a run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1, 3])
def test_training_gif_in_the_order_of_the_steps(tmp_path, c):
    """The order is that of the numbers, not of the names; other files are left out; a line shows the progress."""
    levels = {0: -0.9, 50: -0.3, 100: 0.3, 1000: 0.8}
    for step, level in levels.items():
        viz.save_grid(tmp_path / f"step-{step:02d}.png", np.full((4, 10, 10, c), level), 2)
    (tmp_path / "step-7.txt").write_text("notes")
    viz.training_gif(tmp_path / "a.gif", tmp_path)
    shown, durations, _ = decoded(tmp_path / "a.gif")
    assert shown.shape == (4, 2 * 26 + 4, 2 * 26, 3)
    np.testing.assert_array_equal(shown[:, 10, 10, 0], [13, 89, 166, 230])
    np.testing.assert_array_equal((shown[:, -1, :, 0] == 255).sum(axis=1), [0, 3, 5, 52])
    assert durations == [150] * 3 + [2000]


def test_training_gif_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"holds no pictures called step-\*\.png"):
        viz.training_gif(tmp_path / "a.gif", tmp_path)
    viz.save_grid(tmp_path / "step-1.png", np.zeros((1, 10, 10, 1)), 1)
    whole = (tmp_path / "step-1.png").read_bytes()
    (tmp_path / "step-1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"step-1\.png is not a picture"):
        viz.training_gif(tmp_path / "a.gif", tmp_path)
