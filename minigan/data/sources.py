"""The named data sets, and any IDX file, as one type: uint8 images with their labels and their origin.

Two sets come with the package and need no download; the full MNIST family is found under `$MINIGAN_DATA`.
"""

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .idx import read_idx

__all__ = ["Dataset", "load", "names", "scale", "to_uint8"]

_FILES = Path(__file__).parent / "files"
_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and where they come from.

    images: uint8, shape (N, H, W, C), from 0 (background) to 255. labels: int64, shape (N,), or None.
    name, source and licence: what to call it, whom to credit, and under which terms.
    Raises ValueError where shapes or types are others, or images and labels differ in number.
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str
    source: str
    licence: str

    def __post_init__(self):
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(f"{self.name}: images must be uint8 (N, H, W, C), not {images.dtype} {images.shape}")
        if labels is not None and (labels.dtype != np.int64 or labels.shape != images.shape[:1]):
            raise ValueError(f"{self.name}: labels must be int64 {images.shape[:1]}, got {labels.dtype} {labels.shape}")

    def __len__(self):
        return len(self.images)

    @property
    def classes(self):
        """The number of classes, one more than the largest label; 0 without labels."""
        return 0 if self.labels is None or not len(self) else int(self.labels.max()) + 1


@dataclass(frozen=True)
class _Embedded:
    """A set that ships in `files/`: one part, which is all there is."""

    stem: str
    source: str
    licence: str
    stretch: Callable = lambda images: images

    def load(self, name, part):
        _check_part(name, part, ("train",))
        images = self.stretch(read_idx(_FILES / f"{self.stem}-images-idx3-ubyte.gz"))
        labels = read_idx(_FILES / f"{self.stem}-labels-idx1-ubyte.gz")
        return Dataset(_with_channel(images), labels.astype(np.int64), name, self.source, self.licence)


@dataclass(frozen=True)
class _Downloaded:
    """A set in the classic four files, under `$MINIGAN_DATA/<name>/`."""

    source: str
    licence: str

    def load(self, name, part):
        _check_part(name, part, tuple(_PREFIX))
        images = _read_images(_find(name, f"{_PREFIX[part]}-images-idx3-ubyte"))
        labels = _read_labels(_find(name, f"{_PREFIX[part]}-labels-idx1-ubyte"))
        return Dataset(images, labels, name, self.source, self.licence)


def _sixteenths(images):
    """0..16 to 0..255, rounded: 17 different values remain 17 different values."""
    return ((images.astype(np.uint16) * 255 + 8) // 16).astype(np.uint8)


_MNIST = 'Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998'
_SETS = {
    "mnist-10k": _Embedded("t10k", f"{_MNIST}: its 10,000 test images", "CC BY-SA 3.0"),
    "digits-8x8": _Embedded(
        "digits8x8",
        'E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998',
        "CC BY 4.0",
        _sixteenths,
    ),
    "mnist": _Downloaded(_MNIST, "CC BY-SA 3.0"),
    "fashion-mnist": _Downloaded(
        'H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017',
        "MIT",
    ),
    "kmnist": _Downloaded(
        'T. Clanuwat et al., "Deep learning for classical Japanese literature", arXiv:1812.01718, 2018',
        "CC BY-SA 4.0",
    ),
}


def names():
    """The names that `load` knows, as a tuple."""
    return tuple(_SETS)


def load(name_or_path="mnist-10k", part="train"):
    """A `Dataset` by name, or from an IDX image file.

    name_or_path: one of `names()`, or the path of an IDX file of uint8 images, shape (N, H, W) or (N, H, W,
        C); its labels are read too if they lie beside it under the classic name ("images" replaced by
        "labels", "idx3" by "idx1", gzipped or not). A name wins over a file of the same name: write "./mnist"
        for the file.
    part: "train" or "test", for "mnist", "fashion-mnist" and "kmnist", which are looked for under
        `$MINIGAN_DATA/<name>/`. The others have one part, "train": "mnist-10k" is made of the test images of
        MNIST, so that a model trained on it must not be scored on them.

    Raises ValueError for an unknown name or part and for files that hold no images, IdxError for malformed
    files, FileNotFoundError, saying where it looked and what to put there, for missing ones.
    """
    if name_or_path in _SETS:
        return _SETS[name_or_path].load(name_or_path, part)
    if isinstance(name_or_path, str) and not _looks_like_path(name_or_path):
        raise ValueError(
            f"unknown data set {name_or_path!r}{_nearest(name_or_path)}; "
            f"known: {', '.join(names())}, or the path of an IDX file"
        )
    return _load_path(Path(name_or_path), part)


def scale(images):
    """uint8 pixels (0 to 255, any shape) as float32 from -1 to 1, both included: x / 127.5 - 1.

    Raises TypeError for anything but uint8: pixels that were scaled before would end up close to -1.
    """
    if images.dtype != np.uint8:
        raise TypeError(f"scale: expected uint8 pixels, got {images.dtype}: have they been scaled before?")
    out = images.astype(np.float32)
    out /= np.float32(127.5)
    out -= np.float32(1)
    return out


def to_uint8(images):
    """Pixels from -1 to 1 (floats, any shape) as uint8: the nearest of 0 to 255; beyond the range, 0 or 255.

    The inverse of `scale`, exactly, for all 256 values. Raises TypeError unless the pixels are floats, and
    ValueError for NaN, which no pixel can stand for.
    """
    if images.dtype.kind != "f":
        raise TypeError(f"to_uint8: expected floats from -1 to 1, got {images.dtype}")
    out = (images + 1) * 127.5
    if np.isnan(out).any():
        raise ValueError("to_uint8: the images contain NaN: whatever made them has diverged")
    return out.clip(0, 255).round().astype(np.uint8)


def _looks_like_path(text):
    separators = [os.sep, os.altsep] if os.altsep else [os.sep]
    return any(separator in text for separator in separators) or "idx" in text or Path(text).exists()


def _nearest(name):
    near = difflib.get_close_matches(name, _SETS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _check_part(name, part, parts):
    if part not in parts:
        raise ValueError(f"{name} has no part {part!r}; it has: {', '.join(parts)}")


def _find(name, file_name):
    """The path of a classic file of data set `name`, gzipped or not."""
    wanted = f"{file_name} or {file_name}.gz"
    root = os.environ.get("MINIGAN_DATA")
    if not root:
        raise FileNotFoundError(
            f"{name} does not come with minigan and MINIGAN_DATA is not set: set it to a folder, "
            f"and put {wanted} in its subfolder {name!r}"
        )
    folder = Path(root) / name
    found = _either(folder / file_name)
    if found is None:
        raise FileNotFoundError(f"{name}: {folder} ($MINIGAN_DATA/{name}) has no {wanted}: put it there")
    return found


def _either(path):
    """`path`, with or without ".gz", whichever exists; else None."""
    bare = path.with_suffix("") if path.suffix == ".gz" else path
    candidates = (path, bare, bare.with_name(bare.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _load_path(path, part):
    _check_part(str(path), part, ("train",))
    images = _read_images(path)
    beside = _either(path.with_name(re.sub(r"idx\d", "idx1", path.name.replace("images", "labels"))))
    labels = _read_labels(beside) if "images" in path.name and beside else None
    return Dataset(images, labels, path.name, str(path), "unknown")


def _read_images(path):
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(f"{path}: images must be uint8 (N, H, W[, C]), got {images.dtype} {images.shape}")
    return _with_channel(images)


def _with_channel(images):
    return images[..., None] if images.ndim == 3 else images


def _read_labels(path):
    labels = read_idx(path)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(f"{path}: expected integer labels (N,), got {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)
