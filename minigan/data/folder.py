"""Read a folder of images, in any format that Pillow reads, as one array.

Pillow may raise any error for a damaged image, so an image is unreadable if any error occurs while it is decoded. All
unreadable images are collected, so that one error can report them together.
"""

from __future__ import annotations

import errno
import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dataset import Dataset
from .resize import fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from ..types import Array, Pair, PathLike

__all__ = ["FolderError", "find_images", "read_folder"]

_LISTED = 5

# Formats without pixels of their own: Pillow hands them to other programs or cannot decode them.
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


class FolderError(ValueError):
    """Error for a folder with images that cannot be read.

    Attributes:
        path: The folder.
        count: The number of images in it.
        unreadable: {relative path: reason} of the images that cannot be read.
        advice: The remedy.
    """

    path: Path
    count: int
    unreadable: dict[str, str]
    advice: str

    def __init__(self, path: Path, count: int, unreadable: dict[str, str], advice: str) -> None:
        super().__init__(path, count, unreadable, advice)
        self.path, self.count, self.unreadable, self.advice = path, count, unreadable, advice

    def __str__(self) -> str:
        return f"{self.path}: {_describe(self.unreadable, self.count)}; {self.advice}"


def read_folder(
    path: PathLike,
    size: Pair | None = None,
    channels: int = 3,
    skip_unreadable: bool = False,
    max_pixels: int = 1 << 26,
) -> Dataset:
    """Read every image under a folder, sub-folders included, in the order of their relative paths.

    A file is an image if its name has the ending of a format that Pillow reads. Hidden files and folders are left out,
    and links to folders are not followed. Photographs are turned upright by their EXIF data, the first frame of an
    animation is taken, transparent pixels are laid over white, and the upper 8 of 16 bits are kept.

    If every image lies in a sub-folder of its class, `path/class/image`, the labels number the classes in sorted order
    and `class_names` has their names; otherwise there are no labels.

    Args:
        path: The folder.
        size: (height, width), or one integer for both: each image is cropped around its centre to these proportions,
            then resized by area means. None if all images have one size already.
        channels: 3 for RGB, 1 for gray (Rec. 601 luma).
        skip_unreadable: Whether to leave out images that cannot be read, with a warning, instead of refusing the
            folder.
        max_pixels: The largest image to decode, in pixels; larger ones count as unreadable.

    Raises:
        FolderError: If an image cannot be read; the message names the first few.
        ValueError: If sizes differ and no size is given, the images do not fit into memory, or `channels` is neither 1
            nor 3.
        OSError: If the folder cannot be read; IsADirectoryError if it has no image.
        ImportError: If Pillow is missing.
    """
    if channels not in (1, 3):
        raise ValueError(f"read_folder: channels must be 1 (gray) or 3 (RGB), got {channels!r}")
    root = Path(path)
    pillow = _pillow()
    files = find_images(root)
    images, kept, unreadable = _read_all(pillow, root, files, size, channels, max_pixels)
    if images is None or (unreadable and not skip_unreadable):
        advice = "repair or remove them" + (", or give skip_unreadable=True" if kept else "")
        raise FolderError(root, len(files), unreadable, advice)
    if unreadable:
        warnings.warn(f"{root}: {_describe(unreadable, len(files))}; skipped", stacklevel=2)
    labels, class_names = _label(kept)
    return Dataset(images, labels, root.resolve().name, str(root), "unknown", class_names)


def find_images(path: PathLike) -> list[Path]:
    """Return the relative paths of all images under a folder, sorted by their components.

    Raises:
        OSError: If the folder cannot be read; IsADirectoryError if it has no image.
        ImportError: If Pillow is missing.
    """
    root, endings = Path(path), _endings(_pillow())
    found = []
    for folder, subfolders, files in os.walk(root, onerror=_raise):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths = (Path(folder, name) for name in files if not name.startswith("."))
        # is_file: reading a pipe with an image's name would wait for ever.
        found += [p.relative_to(root) for p in paths if p.suffix.lower() in endings and p.is_file()]
    if not found:
        some = ".png, .jpg, .webp, .bmp, ..."
        raise IsADirectoryError(errno.EISDIR, f"expected images ({some}), found a folder without any", str(root))
    return sorted(found, key=lambda p: p.parts)


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("reading a folder of images needs Pillow: pip install pillow") from error
    return Image, ImageOps


def _endings(pillow):
    image, _ = pillow
    endings = image.registered_extensions()  # this also loads every format
    return {ending for ending, name in endings.items() if name in _formats(image)}


def _formats(image):
    return [name for name in image.OPEN if name not in _NO_PICTURES]


def _raise(error: OSError) -> NoReturn:
    raise error


def _read_all(
    pillow: tuple[Any, Any], root: Path, files: Sequence[Path], size: Pair | None, channels: int, max_pixels: int
) -> tuple[Array | None, list[Path], dict[str, str]]:
    """Return the images (None if there are none), their files, and {file: reason} of the unreadable files."""
    images: Array | None = None
    kept: list[Path] = []
    unreadable: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about unusual files that it can read
        for file in files:
            try:
                pixels = _decode(pillow, root / file, channels, max_pixels)
            except Exception as error:
                unreadable[file.as_posix()] = _reason(pillow, error)
                continue
            if size is not None:
                pixels = fit(pixels, size)
            if images is None:
                images = _room(root, len(files), file, pixels.shape)
            elif pixels.shape != images.shape[1:]:
                first, other = (f"{width}x{height}" for height, width, _ in (images.shape[1:], pixels.shape))
                raise ValueError(
                    f"{root}: images of different sizes, {kept[0].as_posix()} is {first} and {file.as_posix()} {other} "
                    f"pixels: give size= to crop and resize them"
                )
            images[len(kept)] = pixels
            kept.append(file)
    return images if images is None else images[: len(kept)], kept, unreadable


def _room(root: Path, count: int, first: Path, shape: tuple[int, ...]) -> Array:
    """Allocate `count` images of this shape; a large first image in a folder of many can exceed the memory."""
    try:
        return np.empty((count, *shape), np.uint8)
    except MemoryError as error:
        height, width, channels = shape
        raise ValueError(
            f"{root}: {count} images of {width}x{height} pixels, as {first.as_posix()} is, would take "
            f"{count * height * width * channels / 1e9:.0f} GB, more than there is: give size= to crop and resize them"
        ) from error


class _Bounded(io.BufferedReader):
    """File that allocates no more bytes than it has left: Pillow asks for as many as a header states."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _decode(pillow, path, channels, max_pixels):
    """Decode one image as uint8 (H, W, channels)."""
    image_module, operations = pillow
    with _Bounded(io.FileIO(path)) as file, image_module.open(file, formats=_formats(image_module)) as image:
        width, height = image.size
        if not 0 < width * height <= max_pixels:
            raise ValueError(f"{width}x{height} pixels, and at most {max_pixels} are read")
        upright = _eight_bits(image_module, operations.exif_transpose(image))
        pixels = np.asarray(_opaque(image_module, upright).convert("L" if channels == 1 else "RGB"))
    return pixels[..., None] if channels == 1 else pixels


def _eight_bits(image_module, image):
    """Keep the upper 8 of 16 bits: Pillow's own conversion would clip them at 255."""
    if image.mode == "F":
        raise ValueError("its pixels are floats, and their range is unknown")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError(f"its pixels go from {values.min()} to {values.max()}, beyond 16 bits")
    return image_module.fromarray((values >> 8).astype(np.uint8))


def _opaque(image_module, image):
    if image.mode not in ("RGBA", "RGBa", "LA", "La", "PA") and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    return image_module.alpha_composite(image_module.new("RGBA", image.size, "white"), image)


def _reason(pillow, error):
    """Return the reason as one line: Pillow's messages may have several lines, or none."""
    if isinstance(error, pillow[0].UnidentifiedImageError):
        return "not an image, or a format that Pillow does not know"
    return " ".join(str(error).split()) or type(error).__name__


def _describe(unreadable: Mapping[str, str], count: int) -> str:
    shown = [f"{name!r} ({reason})" for name, reason in list(unreadable.items())[:_LISTED]]
    rest = [f"{len(unreadable) - _LISTED} more"] if len(unreadable) > _LISTED else []
    return f"{len(unreadable)} of {count} images cannot be read: {', '.join(shown + rest)}"


def _label(files: Sequence[Path]) -> tuple[Array | None, tuple[str, ...]]:
    """Return (labels, class names) from the folders of the files, or (None, ())."""
    if any(len(file.parts) != 2 for file in files):
        return None, ()
    class_names = tuple(sorted({file.parts[0] for file in files}))
    numbers = {name: number for number, name in enumerate(class_names)}
    return np.array([numbers[file.parts[0]] for file in files], np.int64), class_names
