"""Read and write IDX, the file format of the MNIST family.

An IDX file is two zero bytes, one byte for the element type, one for the number of axes, a big-endian uint32
per axis, then the elements in C order, big-endian. It is usually gzipped, which the first two bytes show. The name is
not reliable, since browsers and archive tools unpack files and keep the name.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "the IDX file
    format".
"""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import replacing
from .reading import FormatError, guess, open_binary, read_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..types import Array, ArrayLike, PathLike
    from .reading import ByteStream

__all__ = ["IdxError", "read_idx", "write_idx"]

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(np.int16),
    0x0C: np.dtype(np.int32),
    0x0D: np.dtype(np.float32),
    0x0E: np.dtype(np.float64),
}
_CODES: dict[np.dtype[Any], int] = {dtype: code for code, dtype in _TYPES.items()}
_TYPE_LIST = ", ".join(f"0x{code:02x} {dtype}" for code, dtype in _TYPES.items())

_GZIP = b"\x1f\x8b"
_MAX_AXES = 32  # the limit of NumPy 1


class IdxError(FormatError):
    """Error for a file that is not valid IDX.

    The attributes path, found, expected and cause are those of `FormatError`.
    """


def read_idx(path: PathLike, max_bytes: int = 1 << 32) -> Array:
    """Read the array in an IDX file, plain or gzipped, whatever its name.

    Memory grows with the bytes that the file really has: neither the sizes in its header nor the size in its gzip
    trailer are trusted, and reading stops at the first byte beyond the size in the header.

    Args:
        path: The file.
        max_bytes: The largest array to accept, in bytes; a small gzip file can unpack to a huge array.

    Returns:
        A writable array in native byte order, of the shape and dtype that the file states: uint8, int8, int16,
        int32, float32 or float64.

    Raises:
        IdxError: If the file is malformed, or its array is too large.
        OSError: If the file cannot be read; FileNotFoundError if there is none.
    """
    path = Path(path)
    with _unpacked(path) as stream, _gzip_errors(path):
        dtype, shape = _read_header(stream, path, max_bytes)
        promised = math.prod(shape) * dtype.itemsize
        body = read_at_most(stream, promised + 1)
    _check_length(path, len(body), promised, shape, dtype)
    array = np.ndarray(shape, dtype=dtype.newbyteorder(">"), buffer=body)
    return array.astype(dtype, copy=False)


def write_idx(path: PathLike, array: ArrayLike) -> None:
    """Write `array` as IDX, gzipped if the name ends in ".gz". The file appears complete or not at all.

    Equal arrays give equal bytes: no time and no name are stored. (Gzipped bytes also depend on the zlib in use.)

    Args:
        path: The file.
        array: uint8, int8, int16, int32, float32 or float64, in any byte order, with at most 32 axes.

    Raises:
        TypeError: If IDX cannot hold this dtype.
        ValueError: If an axis has 2**32 or more elements, or there are too many axes.
        OSError: If the file cannot be written.
    """
    path, array = Path(path), np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        names = ", ".join(str(dtype) for dtype in _CODES)
        raise TypeError(f"write_idx: IDX cannot hold {array.dtype}; convert with .astype to one of {names}")
    if array.ndim > _MAX_AXES or max(array.shape, default=0) >= 2**32:
        raise ValueError(f"write_idx: IDX needs at most {_MAX_AXES} axes, each below 2**32, got {array.shape}")
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    body = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(">"))
    with replacing(path) as file:
        if path.name.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.write(header)
                packed.write(body.data)
        else:
            file.write(header)
            file.write(body.data)


@contextmanager
def _unpacked(path: Path) -> Iterator[ByteStream]:
    """Open a binary stream of the content of `path`, unpacked if it is gzip."""
    with open_binary(path, "IDX") as file:
        if file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


@contextmanager
def _gzip_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise IdxError(path, "gzip data that break off", "their end mark", "a partial download") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IdxError(path, f"bad gzip data ({error})", "intact data", "a damaged download") from error


def _read_header(stream: ByteStream, path: Path, max_bytes: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return (dtype, shape) as the header states them, if they describe an array of at most `max_bytes`."""
    magic = read_at_most(stream, 4)
    dtype = _check_magic(magic, path)
    sizes = read_at_most(stream, 4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        expected = f"{4 + 4 * magic[3]} for {magic[3]} axes"
        raise IdxError(path, f"a header of {4 + len(sizes)} bytes", expected, "a truncated file")
    shape = tuple(np.frombuffer(sizes, dtype=">u4").tolist())
    # An axis of 0 counts as 1, because NumPy multiplies the other axes even then.
    if math.prod(max(axis, 1) for axis in shape) * dtype.itemsize > max_bytes:
        raise IdxError(
            path,
            f"a header that promises shape {shape} of {dtype}",
            f"at most {max_bytes} bytes",
            "a damaged header, or a genuine file that needs a larger max_bytes",
        )
    return dtype, shape


def _check_magic(magic: bytearray, path: Path) -> np.dtype[Any]:
    """Return the dtype that the first four bytes state."""
    if not magic:
        raise IdxError(path, "no data at all", "an IDX header", "an interrupted download")
    if len(magic) < 4:
        raise IdxError(path, f"only {len(magic)} bytes", "a header of at least 4", "a truncated file")
    if magic[:2] != b"\0\0":
        cause = guess(magic, "not an IDX file at all", gzip="gzip inside gzip: the file was compressed twice")
        raise IdxError(path, f"first bytes {magic.hex(' ')}", "00 00, type, axes", cause)
    if magic[2] not in _TYPES:
        raise IdxError(path, f"element type 0x{magic[2]:02x}", f"one of {_TYPE_LIST}", "a damaged header")
    if magic[3] > _MAX_AXES:
        raise IdxError(path, f"{magic[3]} axes", f"at most {_MAX_AXES}", "a damaged header")
    return _TYPES[magic[2]]


def _check_length(path, got, promised, shape, dtype):
    expected = f"{promised} bytes of {dtype} for shape {shape}"
    if got < promised:
        raise IdxError(path, f"{got} bytes of data", expected, "a truncated file or a damaged header")
    if got > promised:
        raise IdxError(path, "data beyond the last element", expected, "a damaged header or joined files")
