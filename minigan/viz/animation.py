"""Training as an animated GIF: the same noise, drawn again and again by the generator as it learns."""

import re
from pathlib import Path

import numpy as np

from ..files import replacing

COLORS = 255  # a palette has 256, and the writer marks unchanged pixels with the last one
GRAYS = 32  # halve the file of handwritten digits, and cannot be told from 256
_BAR = 4  # pixels: the height of the line that shows how far training is
_SHORTEST = 0.02  # seconds: browsers slow down anything faster
_WIDEST = 800  # pixels of a frame: a page at full size would make files of many megabytes
_STEP = re.compile(r"step-(\d+)\.png")


def save_gif(path, frames, *, seconds=0.15, hold=2.0, colors=COLORS):
    """Write uint8 pictures (H, W), (H, W, 1) or (H, W, 3), all of one shape, as a GIF that repeats for ever.

    seconds: for each frame, to 1/100.  hold: for the last one.  A frame that equals the one before is not stored: that
    one stays longer.
    colors: the most to use.  Pictures that have no more keep theirs exactly; others take the nearest of so many, the
    same for all frames, so that nothing flickers: even steps of gray, or colours chosen by median cut.
    """
    frames = _checked(list(frames))
    if not 2 <= colors <= COLORS:
        raise ValueError(f"colors must be from 2 to {COLORS}, got {colors}")
    durations = [_milliseconds("seconds", seconds)] * (len(frames) - 1) + [_milliseconds("hold", hold)]
    first, *others = _indexed(frames, colors)
    with replacing(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=1)


def training_gif(path, folder, *, seconds=0.15, hold=2.0):
    """The pictures `step-*.png` of a run's folder of samples as one GIF, in the order of their steps.

    A line along the bottom grows with the step.  Pictures wider than 800 pixels are reduced to a half, a third, ...
    Raises ValueError if there are none, or one is not a picture.
    """
    pictures = sorted((int(found[1]), file) for file in Path(folder).iterdir() if (found := _STEP.fullmatch(file.name)))
    if not pictures:
        raise ValueError(f"{folder} holds no pictures called step-*.png, as a run's folder of samples does")
    last = pictures[-1][0] or 1
    frames = [_with_bar(_read(file), step / last) for step, file in pictures]
    save_gif(path, frames, seconds=seconds, hold=hold, colors=GRAYS if frames[0].ndim == 2 else COLORS)


def _read(file):
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
            return np.array(picture.reduce(-(-picture.width // _WIDEST)))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{file} is not a picture that can be read: cut off while it was written?") from error


def _with_bar(frame, part):
    bar = np.full((_BAR, *frame.shape[1:]), 64, np.uint8)
    bar[:, : round(part * frame.shape[1])] = 255
    return np.concatenate([frame, bar])


def _indexed(frames, colors):
    """The frames as Pillow images with one palette."""
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
    """The colours of all the frames in ascending order, or None if there are more than `most`."""
    colors = np.empty(0, np.uint32)
    for frame in frames:
        colors = np.union1d(colors, _packed(frame))
        if len(colors) > most:
            return None
    return colors


def _packed(frame):
    """Every pixel as one number, 0xRRGGBB."""
    if frame.ndim == 2:
        return frame * np.uint32(0x010101)
    return frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)


def _milliseconds(name, seconds):
    if not _SHORTEST <= seconds <= 655:
        raise ValueError(f"{name} must be from {_SHORTEST} to 655, the most that a GIF can say, got {seconds}")
    return 10 * round(100 * seconds)


def _checked(frames):
    if not frames:
        raise ValueError("frames are empty: an animation needs at least one")
    frames = [np.asarray(frame) for frame in frames]
    for i, frame in enumerate(frames):
        if frame.dtype != np.uint8:
            raise TypeError(f"frame {i} must be uint8, as image_grid and pixels give it, got {frame.dtype}")
        if frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (1,), (3,)) or not frame.size:
            raise ValueError(f"frame {i} must have shape (H, W), (H, W, 1) or (H, W, 3), got {frame.shape}")
        if frame.shape != frames[0].shape:
            raise ValueError(f"all frames must have one shape, but frame 0 has {frames[0].shape} and {i} {frame.shape}")
    return [frame[..., 0] if frame.shape[2:] == (1,) else frame for frame in frames]
