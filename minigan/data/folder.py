"""A folder of images, in any format that Pillow reads, as one array.

What Pillow raises for a damaged image may be anything, so any error while an image is decoded counts as that
image being unreadable. All of them are collected, and nothing is returned until each is accounted for.
"""

import errno
import io
import os
import warnings
from pathlib import Path

import numpy as np

from .dataset import Dataset
from .resize import fit

__all__ = ["FolderError", "find_images", "read_folder"]

_LISTED = 5

# Formats that have no pixels of their own: Pillow hands them to other programs or cannot decode them.
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


class FolderError(ValueError):
    """Images that cannot be read. Attributes: path, count, and unreadable, {relative path: reason}."""

    def __init__(self, path, count, unreadable, advice):
        super().__init__(path, count, unreadable, advice)
        self.path, self.count, self.unreadable, self.advice = path, count, unreadable, advice

    def __str__(self):
        return f"{self.path}: {_describe(self.unreadable, self.count)}; {self.advice}"


def read_folder(path, size=None, channels=3, skip_unreadable=False, max_pixels=1 << 26):
    """Every image under `path`, sub-folders included, as a `Dataset`, in the order of their relative paths.

    size: (height, width) or one integer: each image is cropped to these proportions around its centre, then
        resized by area means. None where all images have one size already.
    channels: 3 for RGB, 1 for gray (Rec. 601 luma).
    skip_unreadable: leave out what cannot be read, with a warning, instead of refusing the folder.
    max_pixels: larger images are refused before they are decoded, as unreadable.

    Files count as images by the ending of their names; hidden files and folders do not count, and links to
    folders are not followed. Photographs are turned upright as their EXIF data say, of an animation the first
    frame is taken, transparent pixels are laid over white, and of 16 bits the upper 8 are kept.

    If every image lies in a sub-folder of its own class, `path/class/image`, the labels number these in sorted
    order and `class_names` has their names; otherwise there are no labels.

    Raises FolderError if any image is unreadable, naming the first few, before anything is returned; ValueError
    if sizes differ and no size is given, if so many images do not fit in memory, or channels is neither 1 nor 3;
    IsADirectoryError where there is not a single image, other OSErrors where the folder cannot be read,
    ImportError without Pillow.
    """
    if channels not in (1, 3):
        raise ValueError(f"read_folder: channels must be 1 (gray) or 3 (RGB), got {channels!r}")
    root = Path(path)
    pillow = _pillow()
    files = find_images(root)
    images, kept, unreadable = _read_all(pillow, root, files, size, channels, max_pixels)
    if unreadable and (not skip_unreadable or not kept):
        advice = "repair or remove them" + (", or give skip_unreadable=True" if kept else "")
        raise FolderError(root, len(files), unreadable, advice)
    if unreadable:
        warnings.warn(f"{root}: {_describe(unreadable, len(files))}; skipped", stacklevel=2)
    labels, class_names = _label(kept)
    return Dataset(images, labels, root.resolve().name, str(root), "unknown", class_names)


def find_images(path):
    """The relative paths of all images under a folder, sorted by their components, as a list of `Path`.

    Raises IsADirectoryError if there is none, FileNotFoundError or NotADirectoryError without a folder.
    """
    root, endings = Path(path), _endings(_pillow())
    found = []
    for folder, subfolders, files in os.walk(root, onerror=_raise):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths = (Path(folder, name) for name in files if not name.startswith("."))
        # A pipe with an image's name would wait for ever to be read.
        found += [p.relative_to(root) for p in paths if p.suffix.lower() in endings and p.is_file()]
    if not found:
        some = ".png, .jpg, .webp, .bmp, ..."
        raise IsADirectoryError(errno.EISDIR, f"expected images ({some}), found a folder without any", str(root))
    return sorted(found, key=lambda p: p.parts)


def _pillow():
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


def _raise(error):
    raise error


def _read_all(pillow, root, files, size, channels, max_pixels):
    """(images, the files they are from, {file: reason} of the others)."""
    images, kept, unreadable = None, [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd but can read
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


def _room(root, count, first, shape):
    """Memory for `count` images of this shape. One large image among many small ones can ask for any amount."""
    try:
        return np.empty((count, *shape), np.uint8)
    except MemoryError as error:
        height, width, channels = shape
        raise ValueError(
            f"{root}: {count} images of {width}x{height} pixels, as {first.as_posix()} is, would take "
            f"{count * height * width * channels / 1e9:.0f} GB, more than there is: give size= to crop and resize them"
        ) from error


class _Bounded(io.BufferedReader):
    """A file that sets aside no more memory than it has bytes left: Pillow asks for what headers promise."""

    def read(self, size=-1):
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _decode(pillow, path, channels, max_pixels):
    """uint8 (H, W, channels)."""
    image_module, operations = pillow
    with _Bounded(io.FileIO(path)) as file, image_module.open(file, formats=_formats(image_module)) as image:
        width, height = image.size
        if not 0 < width * height <= max_pixels:
            raise ValueError(f"{width}x{height} pixels, and at most {max_pixels} are read")
        upright = _eight_bits(image_module, operations.exif_transpose(image))
        pixels = np.asarray(_opaque(image_module, upright).convert("L" if channels == 1 else "RGB"))
    return pixels[..., None] if channels == 1 else pixels


def _eight_bits(image_module, image):
    """Pillow's own conversion would clip 16 bits at 255."""
    if image.mode == "F":
        raise ValueError("its pixels are floats, and nothing says in which range")
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
    """One line: Pillow's messages may be long, several, or none."""
    if isinstance(error, pillow[0].UnidentifiedImageError):
        return "not an image, or a format that Pillow does not know"
    return " ".join(str(error).split()) or type(error).__name__


def _describe(unreadable, count):
    shown = [f"{name!r} ({reason})" for name, reason in list(unreadable.items())[:_LISTED]]
    rest = [f"{len(unreadable) - _LISTED} more"] if len(unreadable) > _LISTED else []
    return f"{len(unreadable)} of {count} images cannot be read: {', '.join(shown + rest)}"


def _label(files):
    """(labels, class names) from the folders the files lie in, or (None, ())."""
    if any(len(file.parts) != 2 for file in files):
        return None, ()
    class_names = tuple(sorted({file.parts[0] for file in files}))
    numbers = {name: number for number, name in enumerate(class_names)}
    return np.array([numbers[file.parts[0]] for file in files], np.int64), class_names
