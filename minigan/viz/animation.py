"""Training as an animated GIF: the generator's images of the same noise, step after step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import replacing
from ..optional import require

if TYPE_CHECKING:
    from ..types import Array, PathLike

__all__ = ["COLORS", "GRAYS", "save_gif", "training_gif"]

COLORS: int = 255
"""The most colours of a GIF: its palette has 256, and the last one marks unchanged pixels."""

GRAYS: int = 32
"""Shades of gray in `training_gif`: for handwritten digits they look like 256 shades and halve the file."""

_BAR = 4  # pixels: the height of the line that shows how far training is
_SHORTEST = 0.02  # seconds: browsers slow down anything faster
_WIDEST = 800  # pixels of a frame: wider ones would make files of many megabytes
_STEP = re.compile(r"step-(\d+)\.png")


def __dir__() -> list[str]:
    return sorted(__all__)


def save_gif(
    path: PathLike, frames: Iterable[Array], *, seconds: float = 0.15, hold: float = 2.0, colors: int = COLORS
) -> None:
    """Write pictures as an animated GIF that repeats forever.

    A frame that equals the one before it is not stored; instead the earlier one is shown for longer.

    Args:
        path: The .gif file, which is written completely or not at all.
        frames: Pictures, uint8 (H, W), (H, W, 1) or (H, W, 3), all of one shape.
        seconds: Time for each frame, rounded to 1/100 s.
        hold: Time in seconds for the last frame.
        colors: The most colours to use. If the frames have no more in total, they are stored exactly. Otherwise each
            pixel takes the nearest of one palette for all frames, so that nothing flickers: even steps of gray, or
            colours chosen by median cut.

    Raises:
        TypeError: If a frame is not uint8.
        ValueError: If there are no frames, their shapes do not fit, or a number is out of range.
        ImportError: If Pillow is not installed.
    """
    pictures = _checked(list(frames))
    if not 2 <= colors <= COLORS:
        raise ValueError(f"colors must be from 2 to {COLORS}, got {colors}")
    durations = [_milliseconds("seconds", seconds)] * (len(pictures) - 1) + [_milliseconds("hold", hold)]
    first, *others = _indexed(pictures, colors)
    with replacing(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=1)


def training_gif(path: PathLike, folder: PathLike, *, seconds: float = 0.15, hold: float = 2.0) -> None:
    """Write the pictures of a run as an animated GIF, in the order of their steps.

    A line along the bottom grows with the step. Pictures wider than 800 pixels are reduced by a whole factor.

    Args:
        path: The .gif file, which is written completely or not at all.
        folder: The folder of a run's samples, with pictures called step-*.png.
        seconds: Time for each frame, rounded to 1/100 s.
        hold: Time in seconds for the last frame.

    Raises:
        ValueError: If there are no such pictures, or one of them cannot be read.
        ImportError: If Pillow is not installed.
    """
    pictures = sorted((int(found[1]), file) for file in Path(folder).iterdir() if (found := _STEP.fullmatch(file.name)))
    if not pictures:
        raise ValueError(f"{folder} holds no pictures called step-*.png, as a run's folder of samples does")
    last = pictures[-1][0] or 1
    frames = [_with_bar(_read(file), step / last) for step, file in pictures]
    save_gif(path, frames, seconds=seconds, hold=hold, colors=GRAYS if frames[0].ndim == 2 else COLORS)


def _read(file):
    require("PIL", "training_gif", "Pillow")
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
            return np.array(picture.reduce(-(-picture.width // _WIDEST)))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{file} is not a picture that can be read: cut off while it was written?") from error


def _with_bar(frame, part):
    bar = np.full((_BAR, *frame.shape[1:]), 64, np.uint8)
    bar[:, : round(part * frame.shape[1])] = 255
    return np.concatenate([frame, bar])


def _indexed(frames, colors):
    """Return the frames as Pillow images with one palette."""
    require("PIL", "save_gif", "Pillow")
    from PIL import Image

    found = _all_colors(frames, colors)
    if found is not None:
        return [_with_palette(np.searchsorted(found, _packed(frame)), found) for frame in frames]
    if frames[0].ndim == 2:
        steps = np.rint(np.linspace(0, 255, colors)).astype(np.uint32)
        return [_with_palette(np.rint(frame * ((colors - 1) / 255)), steps * 0x010101) for frame in frames]
    chosen = frames[:: -(-len(frames) // 8)] + frames[-1:]
    palette = Image.fromarray(np.concatenate(chosen)).quantize(colors, dither=Image.Dither.NONE)
    return [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def _with_palette(index, colors):
    from PIL import Image

    image = Image.fromarray(index.astype(np.uint8))
    image.putpalette(bytes(np.stack([colors >> 16, colors >> 8, colors], axis=1).astype(np.uint8)))
    return image


def _all_colors(frames, most):
    """Return the colours of all frames in ascending order, or None if there are more than `most`."""
    colors = np.empty(0, np.uint32)
    for frame in frames:
        colors = np.union1d(colors, _packed(frame))
        if len(colors) > most:
            return None
    return colors


def _packed(frame):
    """Return every pixel as one number, 0xRRGGBB."""
    if frame.ndim == 2:
        return frame * np.uint32(0x010101)
    return frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)


def _milliseconds(name, seconds):
    if not _SHORTEST <= seconds <= 655:
        raise ValueError(f"{name} must be from {_SHORTEST} to 655 seconds, the limits of a GIF, got {seconds}")
    return 10 * round(100 * seconds)


def _checked(frames):
    if not frames:
        raise ValueError("frames is empty: an animation needs at least one frame")
    frames = [np.asarray(frame) for frame in frames]
    for i, frame in enumerate(frames):
        if frame.dtype != np.uint8:
            raise TypeError(f"frame {i} must be uint8, as from image_grid or pixels, got {frame.dtype}")
        if frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (1,), (3,)) or not frame.size:
            raise ValueError(f"frame {i} must have shape (H, W), (H, W, 1) or (H, W, 3), got {frame.shape}")
        if frame.shape != frames[0].shape:
            raise ValueError(f"all frames must have one shape, but frame 0 has {frames[0].shape} and {i} {frame.shape}")
    return [frame[..., 0] if frame.shape[2:] == (1,) else frame for frame in frames]
