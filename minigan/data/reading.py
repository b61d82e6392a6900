"""Read files from untrusted sources: one error for malformed files, and memory bounded by the size of the file.

No size stated in a header is trusted: a buffer grows as the bytes arrive.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ..suggest import nearest

if TYPE_CHECKING:
    from io import BufferedIOBase, BufferedReader
    from pathlib import Path
    from typing import IO

    from ..types import PathLike

    ByteStream = IO[bytes] | BufferedIOBase

__all__ = ["CHUNK", "FormatError", "guess", "missing", "open_binary", "read_at_most"]

CHUNK = 1 << 20  # bytes

# Files that are commonly mistaken for data, by their first bytes.
_OTHERS = {
    b"<": "a web page or XML: the download failed and the server's answer was saved",
    b"PK": "a zip archive: unpack it first",
    b"\x93NUMPY": "a NumPy file: read it with numpy.load",
    b"\x89PNG": "a PNG picture",
    b"\x80": "a Python pickle",
    b"version https://git-lfs": "a Git LFS pointer: the real file was not fetched",
}
_GZIP = b"\x1f\x8b"


class FormatError(ValueError):
    """Error for a file that does not follow its format.

    Attributes:
        path: The file, or the part of it, that was read.
        found: The content that is wrong, in one clause.
        expected: The content that the format requires.
        cause: The likely cause, and often the remedy.
    """

    path: PathLike
    found: str
    expected: str
    cause: str

    def __init__(self, path: PathLike, found: str, expected: str, cause: str) -> None:
        super().__init__(path, found, expected, cause)
        self.path, self.found, self.expected, self.cause = path, found, expected, cause

    def __str__(self) -> str:
        return f"{self.path}: found {self.found}, expected {self.expected} (likely cause: {self.cause})"


def guess(start: bytes | bytearray, default: str, gzip: str = "a gzip archive: unpack it first") -> str:
    """Guess the kind of a file from its first bytes.

    Args:
        start: At least the first 4 bytes.
        default: The answer for bytes that are not known.
        gzip: The answer for a gzip archive.

    Returns:
        A clause for `FormatError.cause`.
    """
    known = _OTHERS | {_GZIP: gzip}
    return next((cause for magic, cause in known.items() if start.startswith(magic[:4])), default)


def open_binary(path: Path, kind: str) -> BufferedReader:
    """Open `path` for reading bytes; errors name the `kind` of file ("IDX") and the most similar name beside it."""
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise missing(path, f"{kind} file") from error
    except IsADirectoryError as error:
        raise IsADirectoryError(errno.EISDIR, f"expected a file of {kind} data, found a folder", str(path)) from error


def missing(path: Path, kind: str) -> FileNotFoundError:
    """Return the error for a `path` at which nothing of this `kind` is, with the most similar name beside it."""
    return FileNotFoundError(errno.ENOENT, f"no such {kind}{_hint(path)}", str(path))


def read_at_most(stream: ByteStream, count: int) -> bytearray:
    """Read up to `count` bytes, fewer only where the stream ends, into a buffer that grows as they arrive.

    Asking for one byte more than is wanted also makes gzip and zip reach their end and verify their checksum.
    """
    data = bytearray()
    while len(data) < count:
        chunk = stream.read(min(CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def _hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    return nearest(path.name, os.listdir(folder)) or f"; nothing in {folder} has a similar name"
