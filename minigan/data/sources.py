"""Load named data sets, and any file or folder of images, as one type: uint8 images with labels and origin.

Two sets come with the package and need no download. The full MNIST family and CIFAR-10 are found where `download`
puts them: under `$MINIGAN_DATA`, or in the platform's cache folder. `load` itself never downloads anything.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..random import Generator
from ..suggest import nearest
from .arrays import array_images, is_array_file
from .cifar import batch_folder, cifar10, missing_batches
from .dataset import Dataset, as_labels, scale, to_uint8, with_channel
from .download import data_folder, instructions
from .folder import read_folder
from .idx import read_idx
from .mixtures import POINTS
from .paired import luma
from .reading import missing
from .resize import fit
from .stacked import stacked_mnist

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..types import Array, Pair, PathLike

__all__ = ["Dataset", "load", "names", "scale", "to_uint8"]

_FILES = Path(__file__).parent / "files"
_MEANT = " (did you mean {!r}?)"
_PREFIX = {"train": "train", "test": "t10k"}
_PATHS = "a folder of images or an IDX, .npy or .npz file"


@dataclass(frozen=True)
class _Embedded:
    """Data set that ships in `files/`, with one part."""

    stem: str
    source: str
    licence: str
    stretch: Callable[[Array], Array] = lambda images: images

    def load(self, name: str, part: str) -> Dataset:
        _check_part(name, part, ("train",))
        images = self.stretch(read_idx(_FILES / f"{self.stem}-images-idx3-ubyte.gz"))
        labels = read_idx(_FILES / f"{self.stem}-labels-idx1-ubyte.gz")
        return Dataset(with_channel(images), labels.astype(np.int64), name, self.source, self.licence)


@dataclass(frozen=True)
class _Downloaded:
    """Data set in the four files of the MNIST family, in its `data_folder`."""

    source: str
    licence: str

    def load(self, name: str, part: str) -> Dataset:
        _check_part(name, part, tuple(_PREFIX))
        images = _read_images(_find(name, f"{_PREFIX[part]}-images-idx3-ubyte"))
        labels = _read_labels(_find(name, f"{_PREFIX[part]}-labels-idx1-ubyte"))
        return Dataset(images, labels, name, self.source, self.licence)


@dataclass(frozen=True)
class _Cifar10:
    """CIFAR-10 in its binary files, in its `data_folder`, with or without the folder of the archive."""

    def load(self, name: str, part: str) -> Dataset:
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

    def load(self, name: str, part: str, *, size: int | None = None, count: int = 60_000, seed: int = 0) -> Dataset:
        digits = load(self.digits, part)
        return dataclasses.replace(stacked_mnist(digits, count, Generator(seed), size), name=name)


def _sixteenths(images):
    """Scale values from 0..16 to 0..255, rounded; the 17 values remain different."""
    return ((images.astype(np.uint16) * 255 + 8) // 16).astype(np.uint8)


_MNIST = 'Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998'
_SETS: dict[str, _Embedded | _Downloaded | _Cifar10 | _Stacked] = {
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


def names() -> tuple[str, ...]:
    """Return the names of data sets that `load` knows."""
    return tuple(_SETS)


def load(name_or_path: PathLike = "mnist-10k", part: str = "train", **options: Any) -> Dataset:
    """Load a data set by name, or from a file or a folder.

    A path leads to one of these:

    * an IDX file of uint8 images, (N, H, W) or (N, H, W, C); its labels are read too if they lie beside it under the
      usual name ("images" replaced by "labels", "idx3" by "idx1", gzipped or not);
    * an .npy or .npz file of images, see `array_images`;
    * a folder of images, see `read_folder`.

    Args:
        name_or_path: One of `names()`, or a path. A name has priority over a file of the same name: write "./mnist"
            for the file.
        part: "train" or "test" for "mnist", "fashion-mnist", "kmnist" and "cifar-10", which are read from
            `$MINIGAN_DATA/<name>/` or the cache folder, where `download` puts them; for "stacked-mnist", which is made
            of "mnist"; and for .npz files that hold both. All other sources have one part, "train". "mnist-10k", and so
            "stacked-mnist-10k", consists of the test images of MNIST: do not evaluate a model that was trained on it on
            the test images.
        **options: Each applies to some sources only:

            * size: (height, width), or one integer for both: images are cropped around their centre to these
              proportions and resized by area means (`fit`). For stacked digits one integer; they are padded if it is
              larger than their side.
            * channels: 1 for gray (`luma`) or 3 for RGB. A folder is read as RGB by default.
            * count, seed: the number of stacked digits (60,000) and the seed that chooses them (0). For training,
              `StackedDigits` draws them on the fly.
            * key, value_range: of an .npz or .npy file, see `array_images`.
            * skip_unreadable, max_pixels: of a folder, see `read_folder`.

    Raises:
        ValueError: If the name or part is unknown, or if a file is malformed or holds no images (as an IdxError,
            CifarError, ArrayError or FolderError).
        TypeError: If an option does not apply.
        FileNotFoundError: If the data set or file is missing; the message has the folder, and how to get the data.

    Example:
        digits = mg.data.load("mnist-10k", size=32)
        digits.images  # uint8 (10000, 32, 32, 1)
    """
    if isinstance(name_or_path, str) and name_or_path in _SETS:
        return _read(_SETS[name_or_path].load, name_or_path, part, options)
    if isinstance(name_or_path, str) and not _looks_like_path(name_or_path):
        raise ValueError(
            f"unknown data set {name_or_path!r}{nearest(name_or_path.lower(), _SETS, _MEANT)}; "
            f"known: {', '.join(names())} (minigan train --data also takes points: {', '.join(POINTS)}; "
            f"in Python mg.data.ring() and the like), or the path of {_PATHS}"
        )
    path = Path(name_or_path)
    if path.is_dir():
        return _read(_load_folder, path, part, options)
    if is_array_file(path):
        return _read(_load_arrays, path, part, options)
    if "idx" not in path.name and not path.exists():
        raise missing(path, "file or folder")
    return _read(_load_idx, path, part, options)


def _read(reader: Callable[..., Dataset], source: str | Path, part: str, options: Mapping[str, Any]) -> Dataset:
    """Call `reader`, and apply to its result the options `size` and `channels` if it does not take them itself."""
    known = [name for name, p in inspect.signature(reader).parameters.items() if p.kind is p.KEYWORD_ONLY]
    for name in options:
        if name not in (*known, "size", "channels"):
            everything = [*known, *({"size", "channels"} - set(known))]
            raise TypeError(
                f"load: {name!r} does not apply to {source}{nearest(name, everything, _MEANT)}; "
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


def _check_channels(channels: object) -> None:
    if channels not in (None, 1, 3):
        raise ValueError(f"load: channels must be 1 (gray) or 3 (RGB), got {channels!r}")


def _with_channels(images: Array, channels: int | None, name: str) -> Array:
    present = images.shape[-1]
    if channels is None or channels == present:
        return images
    if {present, channels} != {1, 3}:
        raise ValueError(f"{name}: images with {present} channels cannot be given {channels}")
    return luma(images) if channels == 1 else np.repeat(images, 3, axis=-1)


def _looks_like_path(text: str) -> bool:
    separators = [os.sep, os.altsep] if os.altsep else [os.sep]
    endings = ("idx", ".npy", ".npz")
    return any(sign in text for sign in (*separators, *endings)) or Path(text).exists()


def _check_part(name: str, part: str, parts: tuple[str, ...]) -> None:
    if part not in parts:
        raise ValueError(f"{name} has no part {part!r}; it has: {', '.join(parts)}")


def _find(name: str, file_name: str) -> Path:
    """Return the path of a file of the data set `name`, gzipped or not."""
    folder = data_folder(name)
    found = _either(folder / file_name)
    if found is None:
        raise FileNotFoundError(f"{name}: {folder} has no {file_name} or {file_name}.gz: {instructions(name)}")
    return found


def _either(path: Path) -> Path | None:
    """Return `path` with or without ".gz", whichever exists, or None."""
    bare = path.with_suffix("") if path.suffix == ".gz" else path
    candidates = (path, bare, bare.with_name(bare.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _load_idx(path: Path, part: str) -> Dataset:
    _check_part(str(path), part, ("train",))
    images = _read_images(path)
    beside = _either(path.with_name(re.sub(r"idx\d", "idx1", path.name.replace("images", "labels"))))
    labels = _read_labels(beside) if "images" in path.name and beside else None
    return Dataset(images, labels, path.name, str(path), "unknown")


def _load_arrays(
    path: Path, part: str, *, key: str | None = None, value_range: tuple[float, float] | None = None
) -> Dataset:
    return array_images(path, part, key, value_range)


def _load_folder(
    path: Path,
    part: str,
    *,
    size: Pair | None = None,
    channels: int | None = 3,
    skip_unreadable: bool = False,
    max_pixels: int = 1 << 26,
) -> Dataset:
    _check_part(str(path), part, ("train",))
    return read_folder(path, size, channels or 3, skip_unreadable, max_pixels)


def _read_images(path: Path) -> Array:
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(f"{path}: images must be uint8 (N, H, W[, C]), got {images.dtype} {images.shape}")
    return with_channel(images)


def _read_labels(path: Path) -> Array:
    return as_labels(read_idx(path), path)
