"""Download MNIST, Fashion-MNIST, KMNIST and CIFAR-10 from their mirrors, and verify them before use.

A file gets its name only if its sha256 is the published one, so an incomplete or wrong download is never used.
`docs/data.md` gives the origin of each hash.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import cache_folder, replacing
from .cifar import INNER, batch_folder, cifar10_files, missing_batches
from .reading import FormatError, read_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType
    from typing import Any, BinaryIO

    from ..types import PathLike

__all__ = ["DownloadError", "data_folder", "download", "instructions"]

_ROUNDS = 2  # attempts at each mirror
_PAUSE = 2.0  # seconds between two rounds
_TIMEOUT = 30.0  # seconds without a byte received
_BATCH_BYTES = 10_000 * 3073


class DownloadError(OSError):
    """Error for a file that no mirror delivered; the message has each mirror's answer, and how to get it by hand."""


@dataclass(frozen=True)
class _File:
    """A published file: its name, its size in bytes, and its sha256."""

    name: str
    size: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Return whether the file at `path` has exactly these bytes."""
        if path.stat().st_size != self.size:
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


@dataclass(frozen=True)
class _Published:
    """Files of a data set, and the web folders that have all of them, the most reliable first."""

    mirrors: tuple[str, ...]
    files: tuple[_File, ...]

    @property
    def megabytes(self) -> float:
        return sum(file.size for file in self.files) / 1e6


def download(name: str, folder: PathLike | None = None) -> Path:
    """Download a data set that does not come with minigan, unless it is there already.

    Every mirror is tried twice. A file is verified by its sha256 before it gets its name, so that an interrupted
    download leaves no file that could be mistaken for data. Only the files that belong to the set are unpacked from an
    archive. An archive that was put into the folder by hand is verified and unpacked in the same way, without a
    network.

    Args:
        name: "mnist" (11.6 MB), "fashion-mnist" (30.9 MB), "kmnist" (21.2 MB) or "cifar-10" (170.1 MB).
        folder: The folder to put it into, by default `data_folder(name)`. Existing files are kept. If one is not the
            published file, because it was compressed anew or is damaged, a line on stderr names it.

    Returns:
        The folder; `load` finds the data set there if it is the default folder.

    Raises:
        ValueError: If there is no such data set, or an archive in the folder is not the published one.
        DownloadError: If no mirror has a file, the folder cannot be written, or pooch is missing
            (`pip install "minigan[data]"`). It is an OSError.
    """
    if name not in _SETS:
        raise ValueError(f"download: unknown data set {name!r}; those with mirrors are {', '.join(_SETS)}")
    folder = data_folder(name) if folder is None else Path(folder)
    if name == "cifar-10":
        _download_cifar10(folder)
    else:
        missing = [file for file in _SETS[name].files if not _is_there(file, folder)]
        _fetch_all(name, missing, folder)
    return folder


def data_folder(name: str) -> Path:
    """Return the folder of the data set `name`: $MINIGAN_DATA/name, or data/name in the platform's cache folder."""
    root = os.environ.get("MINIGAN_DATA")
    return (Path(root) if root else cache_folder() / "data") / name


def instructions(name: str) -> str:
    """Return instructions, as one clause, for getting the data set `name`, with or without a network."""
    published = _SETS[name]
    unpacked = f' and run "minigan download {name}", which unpacks it' if name == "cifar-10" else ""
    return (
        f'run "minigan download {name}" ({published.megabytes:.1f} MB), or, without a network, put '
        f"{', '.join(file.name for file in published.files)} into {data_folder(name)}{unpacked}; "
        f"mirrors: {' or '.join(published.mirrors)}"
    )


def _is_there(file: _File, folder: Path) -> bool:
    """Return whether `folder` has the file, gzipped or not, and warn on stderr if it is not the published one."""
    path = folder / file.name
    if path.is_file() and not file.is_at(path):
        _say(f"{path} is kept, but is not the published file: compressed anew, or damaged (then remove it)")
    return path.is_file() or path.with_suffix("").is_file()


def _download_cifar10(folder: Path) -> None:
    if not any(missing_batches(batch_folder(folder), part) for part in ("train", "test")):
        return
    (file,) = _SETS["cifar-10"].files
    archive = folder / file.name
    fetched = not archive.is_file()
    if fetched:
        _fetch_all("cifar-10", [file], folder)
    elif not file.is_at(archive):
        raise ValueError(f"{archive} is not the published archive, whose sha256 is {file.sha256}: remove it")
    _unpack_cifar10(archive, folder / INNER)
    if fetched:
        archive.unlink()


def _fetch_all(name: str, files: Sequence[_File], folder: Path) -> None:
    if not files:
        return
    pooch = _pooch(name)
    size = sum(file.size for file in files) / 1e6
    _say(f"{name}: {len(files)} file{'s' if len(files) > 1 else ''}, {size:.1f} MB, into {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            _fetch(pooch, name, file, folder)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{name}: cannot write into {folder}: {error.strerror or error}") from error


def _fetch(pooch: Any, name: str, file: _File, folder: Path) -> None:
    """Download the file from the first mirror that has it."""
    from requests import RequestException  # comes with pooch

    failures = {}
    for attempt in range(_ROUNDS):
        for mirror in _SETS[name].mirrors:
            try:
                pooch.retrieve(
                    mirror + file.name, f"sha256:{file.sha256}", file.name, folder, downloader=_Downloader(file)
                )
                return
            except (RequestException, ValueError) as error:
                failures[mirror] = _reason(error)
        if attempt < _ROUNDS - 1:
            time.sleep(_PAUSE)
    tried = "; ".join(f"{mirror}: {reason}" for mirror, reason in failures.items())
    raise DownloadError(f"{name}: cannot download {file.name} ({tried}); later, {instructions(name)}")


class _Downloader:
    """Downloader for pooch that shows a progress bar of the true size, and refuses bytes beyond that size."""

    def __init__(self, file: _File) -> None:
        self._file = file

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        from pooch import HTTPDownloader
        from tqdm import tqdm

        # By default a server may send a .gz file unpacked, as if gzip were only a content encoding.
        fetch = HTTPDownloader(chunk_size=1 << 16, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"})
        bar = tqdm(total=self._file.size, desc=self._file.name, unit="B", unit_scale=True, leave=False, disable=None)
        with bar, open(output_file, "wb") as output:
            counted = _Counted(output, self._file.size, bar)
            fetch(url, counted, None)
            output.flush()
            os.fsync(output.fileno())  # before the file gets its name
        if counted.count < self._file.size:
            raise ValueError(f"{counted.count} of {self._file.size} bytes")


class _Counted:
    """File that accepts at most `limit` bytes, since a server may send without end."""

    def __init__(self, file: BinaryIO, limit: int, bar: Any) -> None:
        self._file, self._limit, self._bar, self.count = file, limit, bar, 0
        self.flush = file.flush

    def write(self, chunk: bytes) -> int:
        self.count += len(chunk)
        if self.count > self._limit:
            raise ValueError(f"more than the {self._limit} bytes of the file")
        self._bar.update(len(chunk))
        return self._file.write(chunk)


def _pooch(name: str) -> ModuleType:
    try:
        import pooch
    except ImportError as error:
        install = 'pip install "minigan[data]"'
        raise DownloadError(f"{name}: downloading needs pooch ({install}); then {instructions(name)}") from error
    return pooch


def _reason(error: Exception) -> str:
    """Return one clause for an error whose own message may have several lines."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, exceptions.ConnectTimeout | exceptions.ReadTimeout):
        return f"no answer within {_TIMEOUT:g} s"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "timed out" if "timed out" in str(error) else "no connection"
    if "does not match the known hash" in str(error):
        return "another file than the published one"
    return " ".join(str(error).split())


def _unpack_cifar10(archive: Path, folder: Path) -> None:
    """Unpack only the binary batches of `archive`, found by their exact names, into files with fixed names."""
    wanted = {f"{INNER}/{name}": name for name in (*cifar10_files("train"), *cifar10_files("test"))}
    folder.mkdir(exist_ok=True)
    with _tar_errors(archive), tarfile.open(archive, "r|gz") as members:
        for member in members:
            if member.isreg() and member.name in wanted:
                with replacing(folder / wanted.pop(member.name)) as file:
                    file.write(_batch(members, member, archive))
    if wanted:
        raise FormatError(archive, f"an archive without {', '.join(wanted)}", "CIFAR-10 in binary", "another archive")


def _batch(members, member, archive: Path) -> bytearray:
    batch = read_at_most(members.extractfile(member), _BATCH_BYTES + 1)
    if len(batch) != _BATCH_BYTES:
        raise FormatError(archive, f"{member.name} of another size", f"{_BATCH_BYTES} bytes", "another archive")
    return batch


@contextmanager
def _tar_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise FormatError(archive, f"a bad archive ({error})", "a .tar.gz", "a partial download") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _idx(
    mirrors: tuple[str, ...],
    train_images: tuple[int, str],
    train_labels: tuple[int, str],
    test_images: tuple[int, str],
    test_labels: tuple[int, str],
) -> _Published:
    """Describe the four files of an MNIST-like set by the (size, sha256) of each."""
    return _Published(
        mirrors,
        (
            _File("train-images-idx3-ubyte.gz", *train_images),
            _File("train-labels-idx1-ubyte.gz", *train_labels),
            _File("t10k-images-idx3-ubyte.gz", *test_images),
            _File("t10k-labels-idx1-ubyte.gz", *test_labels),
        ),
    )


_SETS = {
    "mnist": _idx(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    "fashion-mnist": _idx(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
    "kmnist": _idx(
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ),
        (18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        (29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        (3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        (5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    ),
    "cifar-10": _Published(
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://cave.cs.toronto.edu/kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        (
            _File(
                "cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
}
