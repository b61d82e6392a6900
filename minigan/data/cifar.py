"""Read CIFAR-10 in its binary format: a file consists of records of one label byte and 3,072 pixel bytes.

A pixel plane is 32 rows of 32 bytes; a record has the red plane, then the green, then the blue.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the format is described
    under "binary version" on the author's page of the data set.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dataset import Dataset
from .reading import FormatError, guess, open_binary, read_at_most

if TYPE_CHECKING:
    from ..types import Array, PathLike

__all__ = [
    "CIFAR10_CLASSES",
    "INNER",
    "CifarError",
    "batch_folder",
    "cifar10",
    "cifar10_files",
    "missing_batches",
    "read_cifar",
]

CIFAR10_CLASSES: tuple[str, ...] = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""Names of the labels 0 to 9."""

_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
_RECORD_100 = 2 + _PIXELS

INNER: str = "cifar-10-batches-bin"
"""Name of the folder inside the published archive."""


class CifarError(FormatError):
    """Error for a file that is not in the binary format of CIFAR-10.

    The attributes path, found, expected and cause are those of `FormatError`.
    """


def cifar10_files(part: str) -> tuple[str, ...]:
    """Return the names of the files that make up a part, "train" or "test", in order."""
    return {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}[part]


def batch_folder(folder: Path) -> Path:
    """Return the folder of the batches: `INNER` in `folder`, as the archive has it, or `folder` itself."""
    inner = folder / INNER
    return inner if inner.is_dir() else folder


def missing_batches(folder: Path, part: str) -> list[str]:
    """Return the names of the files of a part that `folder` does not have."""
    return [name for name in cifar10_files(part) if not (folder / name).is_file()]


def cifar10(folder: PathLike, part: str = "train") -> Dataset:
    """Read the binary files in `folder` as a `Dataset`: five batches for "train", one for "test"."""
    batches = [read_cifar(Path(folder) / name) for name in cifar10_files(part)]
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    source = 'A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009'
    return Dataset(images, labels, "cifar-10", source, "not stated by its authors", CIFAR10_CLASSES)


def read_cifar(path: PathLike, max_bytes: int = 1 << 30) -> tuple[Array, Array]:
    """Read one binary batch. The official batches have N = 10,000 images; any N of at least 1 is read.

    Args:
        path: The file.
        max_bytes: The largest file to accept.

    Returns:
        (images, labels): uint8 (N, 32, 32, 3), and int64 (N,) from 0 to 9.

    Raises:
        CifarError: If the file is malformed.
        OSError: If the file cannot be read; FileNotFoundError if there is none.
    """
    path = Path(path)
    with open_binary(path, "CIFAR-10") as file:
        data = read_at_most(file, max_bytes + 1)
    _check_length(path, data, max_bytes)
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    _check_labels(path, data, labels)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _check_length(path: Path, data: bytearray, max_bytes: int) -> None:
    expected = f"records of {_RECORD} bytes"
    if not data:
        raise CifarError(path, "no data at all", expected, "an interrupted download")
    if len(data) > max_bytes:
        cause = "another file, or a genuine one that needs a larger max_bytes"
        raise CifarError(path, f"more than {max_bytes} bytes", f"at most {max_bytes}", cause)
    whole, rest = divmod(len(data), _RECORD)
    if rest:
        cause = "CIFAR-100, whose records are a byte longer" if len(data) % _RECORD_100 == 0 else "a truncated file"
        found = f"{len(data)} bytes, which is {whole} records and {rest} bytes"
        raise CifarError(path, found, expected, guess(data[:4], cause))


def _check_labels(path: Path, data: bytearray, labels: Array) -> None:
    wrong = np.flatnonzero(labels > 9)
    if len(wrong):
        found = f"label {labels[wrong[0]]} in record {wrong[0]} ({len(wrong)} such records)"
        cause = guess(data[:4], "a damaged file, or one of another data set")
        raise CifarError(path, found, "labels from 0 to 9", cause)
