"""Reading files that strangers wrote: one error for malformed ones, and memory that follows what is there.

No size that a header states is believed: a buffer grows as the bytes arrive.
"""

import difflib
import errno
import os

__all__ = ["CHUNK", "FormatError", "guess", "open_binary", "read_at_most"]

CHUNK = 1 << 20

# What people have in hand when it is not what it should be, by its first bytes.
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
    """A file is not what its format demands. Attributes: path, found, expected, cause (one clause each)."""

    def __init__(self, path, found, expected, cause):
        super().__init__(path, found, expected, cause)
        self.path, self.found, self.expected, self.cause = path, found, expected, cause

    def __str__(self):
        return f"{self.path}: found {self.found}, expected {self.expected} (likely cause: {self.cause})"


def guess(start, default, gzip="a gzip archive: unpack it first"):
    """What a file with these first bytes (4 are enough) probably is; `default` if they are not known."""
    known = _OTHERS | {_GZIP: gzip}
    return next((cause for magic, cause in known.items() if start.startswith(magic[:4])), default)


def open_binary(path, kind):
    """`path` opened for reading bytes; OSError that names `kind` ("IDX") and the nearest name if it is not there."""
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, f"no such {kind} file; {_hint(path)}", str(path)) from error
    except IsADirectoryError as error:
        raise IsADirectoryError(errno.EISDIR, f"expected a file of {kind} data, found a folder", str(path)) from error


def read_at_most(stream, count):
    """Up to `count` bytes, fewer only where the stream ends. The buffer grows as they arrive, not before.

    Asking for one byte more than is wanted also makes gzip and zip reach their end and verify their checksum.
    """
    data = bytearray()
    while len(data) < count:
        chunk = stream.read(min(CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def _hint(path):
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    near = difflib.get_close_matches(path.name, os.listdir(folder), n=1)
    return f"did you mean {near[0]!r}?" if near else f"nothing in {folder} has a similar name"
