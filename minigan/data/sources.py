"""The named data sets, and any file or folder of images, as one type: uint8 images with labels and origin.

Two sets come with the package and need no download; the full MNIST family and CIFAR-10 are found where `download`
puts them: under `$MINIGAN_DATA`, or in the platform's cache folder. Nothing is ever fetched by `load`.
"""

import dataclasses
import difflib
import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..random import Generator
from .arrays import array_images, is_array_file
from .cifar import batch_folder, cifar10, missing_batches
from .dataset import Dataset, as_labels, scale, to_uint8, with_channel
from .download import data_folder, instructions
from .folder import read_folder
from .idx import read_idx
from .paired import luma
from .resize import fit
from .stacked import stacked_mnist

__all__ = ["Dataset", "load", "names", "scale", "to_uint8"]

_FILES = Path(__file__).parent / "files"
_PREFIX = {"train": "train", "test": "t10k"}
_PATHS = "a folder of images or an IDX, .npy or .npz file"


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
        return Dataset(with_channel(images), labels.astype(np.int64), name, self.source, self.licence)


@dataclass(frozen=True)
class _Downloaded:
    """A set in the classic four files, in its `data_folder`."""

    source: str
    licence: str

    def load(self, name, part):
        _check_part(name, part, tuple(_PREFIX))
        images = _read_images(_find(name, f"{_PREFIX[part]}-images-idx3-ubyte"))
        labels = _read_labels(_find(name, f"{_PREFIX[part]}-labels-idx1-ubyte"))
        return Dataset(images, labels, name, self.source, self.licence)


@dataclass(frozen=True)
class _Cifar10:
    """CIFAR-10 in its binary files, in its `data_folder`, with or without the folder they come in."""

    def load(self, name, part):
        _check_part(name, part, tuple(_PREFIX))
        folder = batch_folder(data_folder(name))
        missing = missing_batches(folder, part)
        if missing:
            raise FileNotFoundError(f"{name}: {folder} has no {', '.join(missing)}: {instructions(name)}")
        return cifar10(folder, part)


@dataclass(frozen=True)
class _Stacked:
    """Stacked MNIST from a set of single digits."""

    digits: str

    def load(self, name, part, *, size=None, count=60_000, seed=0):
        digits = load(self.digits, part)
        return dataclasses.replace(stacked_mnist(digits, count, Generator(seed), size), name=name)


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
    "cifar-10": _Cifar10(),
    "stacked-mnist": _Stacked("mnist"),
    "stacked-mnist-10k": _Stacked("mnist-10k"),
}


def names():
    """The names that `load` knows, as a tuple."""
    return tuple(_SETS)


def load(name_or_path="mnist-10k", part="train", **options):
    """A `Dataset` by name, or from a file or a folder.

    name_or_path: one of `names()`, or a path. A name wins over a file of the same name: write "./mnist" for the
        file. A path may be that of

        * an IDX file of uint8 images, (N, H, W) or (N, H, W, C); its labels are read too if they lie beside it
          under the classic name ("images" replaced by "labels", "idx3" by "idx1", gzipped or not);
        * an .npy or .npz file of images, see `array_images`;
        * a folder of images, see `read_folder`.

    part: "train" or "test", for "mnist", "fashion-mnist", "kmnist" and "cifar-10", which are looked for under
        `$MINIGAN_DATA/<name>/` or in the cache folder, where `download` puts them, for "stacked-mnist", which is
        made of "mnist", and for .npz files that hold both. The others have one part, "train": "mnist-10k", and so
        "stacked-mnist-10k", is made of the test images of MNIST, so that a model trained on it must not be scored
        on them.
    options, each only where it makes sense:
        size: (height, width) or one integer: images are cropped around their centre to these proportions and
            resized by area means (`fit`). For stacked digits one integer, and they are padded if it is larger.
        channels: 1 for gray (`luma`) or 3 for RGB; a folder is read as RGB unless told otherwise.
        count, seed: of stacked digits, how many (60,000) and which (0). For training, `StackedDigits` draws
            them on the fly.
        key, value_range: of an .npz and .npy file. skip_unreadable, max_pixels: of a folder.

    Raises ValueError for an unknown name or part and for files that hold no images, IdxError, CifarError,
    ArrayError and FolderError, all of them ValueErrors, for malformed files, TypeError for an option that does
    not apply, FileNotFoundError, saying where it looked and how to get them, for missing ones.
    """
    if name_or_path in _SETS:
        return _read(_SETS[name_or_path].load, name_or_path, part, options)
    if isinstance(name_or_path, str) and not _looks_like_path(name_or_path):
        raise ValueError(
            f"unknown data set {name_or_path!r}{_nearest(name_or_path, _SETS)}; "
            f"known: {', '.join(names())}, or the path of {_PATHS}"
        )
    path = Path(name_or_path)
    if path.is_dir():
        return _read(_load_folder, path, part, options)
    return _read(_load_arrays if is_array_file(path) else _load_idx, path, part, options)


def _read(reader, source, part, options):
    """`reader`'s data set; what it does not know of `size` and `channels` is applied to the result."""
    known = [name for name, p in inspect.signature(reader).parameters.items() if p.kind is p.KEYWORD_ONLY]
    for name in options:
        if name not in (*known, "size", "channels"):
            everything = [*known, *({"size", "channels"} - set(known))]
            raise TypeError(
                f"load: {name!r} does not apply to {source}{_nearest(name, everything)}; "
                f"what does: {', '.join(sorted(everything))}"
            )
    _check_channels(options.get("channels"))
    dataset = reader(source, part, **{name: value for name, value in options.items() if name in known})
    images = dataset.images
    if options.get("size") is not None and "size" not in known:
        images = fit(images, options["size"])
    if "channels" not in known:
        images = _with_channels(images, options.get("channels"), dataset.name)
    return dataset if images is dataset.images else dataclasses.replace(dataset, images=images)


def _check_channels(channels):
    if channels not in (None, 1, 3):
        raise ValueError(f"load: channels must be 1 (gray) or 3 (RGB), got {channels!r}")


def _with_channels(images, channels, name):
    present = images.shape[-1]
    if channels is None or channels == present:
        return images
    if {present, channels} != {1, 3}:
        raise ValueError(f"{name}: images with {present} channels cannot be given {channels}")
    return luma(images) if channels == 1 else np.repeat(images, 3, axis=-1)


def _looks_like_path(text):
    separators = [os.sep, os.altsep] if os.altsep else [os.sep]
    endings = ("idx", ".npy", ".npz")
    return any(sign in text for sign in (*separators, *endings)) or Path(text).exists()


def _nearest(name, known):
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _check_part(name, part, parts):
    if part not in parts:
        raise ValueError(f"{name} has no part {part!r}; it has: {', '.join(parts)}")


def _find(name, file_name):
    """The path of a classic file of data set `name`, gzipped or not."""
    folder = data_folder(name)
    found = _either(folder / file_name)
    if found is None:
        raise FileNotFoundError(f"{name}: {folder} has no {file_name} or {file_name}.gz: {instructions(name)}")
    return found


def _either(path):
    """`path`, with or without ".gz", whichever exists; else None."""
    bare = path.with_suffix("") if path.suffix == ".gz" else path
    candidates = (path, bare, bare.with_name(bare.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _load_idx(path, part):
    _check_part(str(path), part, ("train",))
    images = _read_images(path)
    beside = _either(path.with_name(re.sub(r"idx\d", "idx1", path.name.replace("images", "labels"))))
    labels = _read_labels(beside) if "images" in path.name and beside else None
    return Dataset(images, labels, path.name, str(path), "unknown")


def _load_arrays(path, part, *, key=None, value_range=None):
    return array_images(path, part, key, value_range)


def _load_folder(path, part, *, size=None, channels=3, skip_unreadable=False, max_pixels=1 << 26):
    _check_part(str(path), part, ("train",))
    return read_folder(path, size, channels or 3, skip_unreadable, max_pixels)


def _read_images(path):
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(f"{path}: images must be uint8 (N, H, W[, C]), got {images.dtype} {images.shape}")
    return with_channel(images)


def _read_labels(path):
    return as_labels(read_idx(path), path)
