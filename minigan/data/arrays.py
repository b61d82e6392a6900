"""Read images from NumPy files, .npy and .npz, without pickle and without trusting the sizes in their headers.

An .npy file is a magic string, a version, the length of a header, the header (a Python dict as text: element
type, order, shape) and the elements. An .npz file is a zip archive of .npy files. NumPy parses the header, which
costs little once its length is known to be small. The elements are read here, because `numpy.load` allocates the
whole array that a header promises before it reads the first byte, and ignores bytes after the last element.

Source: NumPy enhancement proposal 1, "A simple file format for NumPy arrays", R. Kern, 2007, with its later
    versions 2.0 and 3.0 as `numpy.lib.format` documents them.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy_format

from .dataset import Dataset, as_labels, to_uint8, with_channel
from .reading import FormatError, guess, open_binary, read_at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import IO, Any

    from ..types import Array, PathLike

    _Header = tuple[tuple[int, ...], bool, np.dtype[Any]]  # shape, fortran_order, dtype

__all__ = ["ArrayError", "array_images", "as_pixels", "is_array_file", "read_npy", "read_npz"]

_MAGIC = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_MAX_HEADER = 10_000  # bytes, as in numpy.load; nearly all of them may be padding
_MAX_DICT, _MAX_BRACKETS = 1000, 20  # 32 axes of 19 digits need 700 characters and 2 brackets
_DICT = "a dict of descr, fortran_order and shape"
_MAX_AXES = 32
_ELEMENTS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
_STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ROUNDING = 1e-3  # resampling in float16 may leave the range by this much

# Images and labels are looked up in an archive by these names, in this order. {} is the part.
_IMAGE_NAMES = ("images", "{}_images", "x_{}", "x", "arr_0")
_LABEL_NAMES = ("labels", "{}_labels", "y_{}", "y", "arr_1")


class ArrayError(FormatError):
    """Error for a file that is not valid .npy or .npz, or that holds no images.

    The attributes path, found, expected and cause are those of `FormatError`.
    """


def is_array_file(path: Path) -> bool:
    """Return whether the name or the first bytes of `path` are those of an .npy or .npz file."""
    if path.suffix in (".npy", ".npz"):
        return True
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)).startswith((_MAGIC, _ZIP))


def array_images(
    path: PathLike, part: str = "train", key: str | None = None, value_range: tuple[float, float] | None = None
) -> Dataset:
    """Read the images in an .npy or .npz file as a `Dataset`.

    Args:
        path: The file. Its content decides whether it is read as .npy or .npz. Labels of an .npy file are read from a
            file beside it whose name has "labels" in place of "images", if there is one.
        part: "train" or "test" where an archive holds both ("x_train", "test_images", ...), else "train".
        key: The name of the images in an archive. By default the first of images, {part}_images, x_{part}, x and
            arr_0 that exists, or the only array. The labels are the first of labels, {part}_labels, y_{part}, y and
            arr_1 that exists, of shape (N,) or (N, 1).
        value_range: The range of float pixels, see `as_pixels`.

    Raises:
        ArrayError: If the file is malformed, or holds no images.
        ValueError: If the file does not have this part.
        OSError: If the file cannot be read; FileNotFoundError if there is none.
    """
    path = Path(path)
    with open_binary(path, "NumPy") as file:
        archive = file.read(len(_ZIP)) == _ZIP
    images, labels = (_from_npz if archive else _from_npy)(path, part, key)
    return Dataset(as_pixels(images, path, value_range), labels, path.name, str(path), "unknown")


def as_pixels(array: Array, path: PathLike, value_range: tuple[float, float] | None = None) -> Array:
    """Return an array of images as uint8 (N, H, W, C).

    Args:
        array: Images (N, H, W) or (N, H, W, C), uint8 or floats in [0, 1] or [-1, 1]. Floats are rounded to the
            nearest of the 256 levels.
        path: The origin of the array, named in errors.
        value_range: The range of floats, (0, 1) or (-1, 1). By default (-1, 1) if any value is negative.

    Raises:
        ArrayError: If the array holds no such images: another dtype, NaN, values outside the range, channels first.
        ValueError: If `value_range` is another pair.
    """
    if value_range not in (None, (0, 1), (-1, 1)):
        raise ValueError(f"value_range must be (0, 1), (-1, 1) or None, got {value_range!r}")
    expected = "images, uint8 or floats in [0, 1] or [-1, 1], of shape (N, H, W) or (N, H, W, C)"
    found = f"an array of {array.dtype} {array.shape}"
    if array.ndim not in (3, 4) or not array.size:
        raise ArrayError(path, found, expected, "an array of something else")
    if array.ndim == 4 and array.shape[3] > 4 and array.shape[1] in (1, 3, 4):
        raise ArrayError(path, found, expected, "channels first: save array.transpose(0, 2, 3, 1) instead")
    if array.dtype == np.uint8:
        return with_channel(array)
    if array.dtype.kind != "f":
        raise ArrayError(path, found, expected, "pixels from 0 to 255 in another type: save array.astype(numpy.uint8)")
    low, high = float(array.min()), float(array.max())
    bottom, top = value_range or ((-1, 1) if low < -_ROUNDING else (0, 1))
    if not (bottom - _ROUNDING <= low and high <= top + _ROUNDING):
        cause = "NaN or infinite pixels" if not math.isfinite(low + high) else "pixels that were scaled otherwise"
        raise ArrayError(path, f"{found} with values from {low:g} to {high:g}", f"[{bottom}, {top}]", cause)
    array = array.astype(np.float32)
    return with_channel(to_uint8(array if bottom else 2 * array - 1))


def read_npy(path: PathLike, max_bytes: int = 1 << 32) -> Array:
    """Read the array in an .npy file: integers of 1 to 8 bytes, float16, float32 or float64.

    Nothing is ever unpickled, and memory grows with the bytes that the file really has.

    Args:
        path: The file.
        max_bytes: The largest array to accept, in bytes.

    Returns:
        A writable array in native byte order and C order.

    Raises:
        ArrayError: If the file is malformed, or its array is too large or not of numbers.
        OSError: If the file cannot be read; FileNotFoundError if there is none.
    """
    path = Path(path)
    with open_binary(path, "NumPy") as file:
        return _read_array(file, path, max_bytes)


def read_npz(path: PathLike, names: Iterable[str] | None = None, max_bytes: int = 1 << 32) -> dict[str, Array]:
    """Read the arrays in an .npz archive; each is read like the array of `read_npy`.

    Args:
        path: The archive.
        names: The names of the arrays to read; by default all, in the order of the archive.
        max_bytes: The largest total size of these arrays to accept.

    Returns:
        {name: array}.

    Raises:
        ArrayError: If the archive is malformed, or its arrays are too large or not of numbers.
        KeyError: If the archive does not have one of the names.
        OSError: If the file cannot be read; FileNotFoundError if there is none.
    """
    path = Path(path)
    with _members(path) as members:
        arrays = {}
        for name in members if names is None else names:
            with members[name]() as stream:
                arrays[name] = _read_array(stream, f"{path}[{name}]", max_bytes)
            max_bytes -= arrays[name].nbytes
        return arrays


def _from_npy(path: Path, part: str, key: str | None) -> tuple[Array, Array | None]:
    _check_part(path, part, ("train",))
    if key is not None:
        raise ValueError(f"{path}: key={key!r} is for .npz archives, and this is a single array")
    beside = path.with_name(path.name.replace("images", "labels"))
    found = beside != path and beside.is_file()
    return read_npy(path), _as_labels(read_npy(beside), beside) if found else None


def _from_npz(path: Path, part: str, key: str | None) -> tuple[Array, Array | None]:
    with _members(path) as members:
        names = list(members)
    image_name, label_name = _choose(path, names, part, key)
    arrays = read_npz(path, [name for name in (image_name, label_name) if name is not None])  # a name may be empty
    labels = _as_labels(arrays[label_name], f"{path}[{label_name}]") if label_name is not None else None
    return arrays[image_name], labels


def _as_labels(labels, path):
    return as_labels(labels[:, 0] if labels.shape[1:] == (1,) else labels, path)


def _choose(path: Path, names: Sequence[str], part: str, key: str | None) -> tuple[str, str | None]:
    """Return the names of the images and of the labels, or None, in an archive with these names."""
    _check_part(path, part, ("train", "test") if any("test" in name for name in names) else ("train",))
    found = f"arrays {', '.join(map(repr, names))}" if names else "no arrays"
    if key is not None and key not in names:
        raise ArrayError(path, found, f"one called {key!r}", "another archive, or a misspelt key")
    images = key if key is not None else _first(_IMAGE_NAMES, names, part)
    if images is None and len(names) == 1:
        images = names[0]
    if images is None:
        expected = f"one called {', '.join(_IMAGE_NAMES).format(part, part)}"
        raise ArrayError(path, found, expected, "other names: give key=")
    return images, _first(_LABEL_NAMES, [name for name in names if name != images], part)


def _first(patterns, names, part):
    return next((name for name in (pattern.format(part) for pattern in patterns) if name in names), None)


def _check_part(path, part, parts):
    if part not in parts:
        raise ValueError(f"{path} has no part {part!r}; it has: {', '.join(parts)}")


@contextmanager
def _members(path: PathLike) -> Iterator[dict[str, Callable[[], AbstractContextManager[IO[bytes]]]]]:
    """Open an archive and yield {name: function that opens it} of its .npy members."""
    path = Path(path)
    with open_binary(path, "NumPy") as file, _zip_errors(path), zipfile.ZipFile(file) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if _is_npy(info)}
        yield {name: _opener(archive, info, path) for name, info in infos.items()}


def _is_npy(info):
    return info.filename.endswith(".npy")


def _opener(archive, info, path):
    def open_member():
        if info.compress_type not in _STORED_OR_DEFLATED:
            raise ArrayError(path, f"compression method {info.compress_type}", "0 or 8", "not written by numpy.savez")
        size = path.stat().st_size
        if not 0 <= info.header_offset < size:
            raise ArrayError(path, f"a member at {info.header_offset}", f"within {size} bytes", "a damaged archive")
        return archive.open(info)

    return open_member


@contextmanager
def _zip_errors(path):
    """Turn the exceptions of `zipfile` for a damaged archive into ArrayError, except the OSError of a failing disk."""
    try:
        yield
    except FormatError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OverflowError, ValueError, struct.error) as error:
        reason = str(error) or type(error).__name__
        raise ArrayError(
            path, f"a bad zip archive ({reason})", "an .npz file", "a partial or damaged download"
        ) from error


def _read_array(stream: IO[bytes], path: Path | str, max_bytes: int) -> Array:
    """Return the array in a stream of .npy data; `path` is only named in errors."""
    shape, fortran_order, dtype = _read_header(stream, path)
    # An axis of 0 counts as 1, because NumPy multiplies the other axes even then.
    if len(shape) > _MAX_AXES or math.prod(max(axis, 1) for axis in shape) * dtype.itemsize > max_bytes:
        found, cause = f"a header that promises shape {shape} of {dtype}", "a damaged header, or genuinely so large"
        raise ArrayError(path, found, f"at most {_MAX_AXES} axes and {max_bytes} bytes", cause)
    promised = math.prod(shape) * dtype.itemsize
    body = read_at_most(stream, promised + 1)
    expected = f"{promised} bytes of {dtype} for shape {shape}"
    if len(body) < promised:
        raise ArrayError(path, f"{len(body)} bytes of data", expected, "a truncated file or a damaged header")
    if len(body) > promised:
        raise ArrayError(path, "data beyond the last element", expected, "a damaged header or joined files")
    array = np.ndarray(shape, dtype, buffer=body, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), order="C", copy=False)


def _read_header(stream: IO[bytes], path: Path | str) -> _Header:
    """Return (shape, fortran_order, dtype) as the header states them, if they describe an array of numbers."""
    start = bytes(read_at_most(stream, 8))
    if start[:6] != _MAGIC:
        found = f"first bytes {start[:6].hex(' ')}" if start else "no data at all"
        raise ArrayError(path, found, _MAGIC.hex(" "), guess(start, "not a NumPy file at all"))
    if len(start) < 8 or start[6] not in (1, 2, 3) or start[7] != 0:
        found = f"version {'.'.join(map(str, start[6:]))}" if len(start) == 8 else f"only {len(start)} bytes"
        raise ArrayError(path, found, "format version 1.0, 2.0 or 3.0", "a damaged file")
    # NumPy would allocate what the length states, up to 4 GiB, before it reads.
    width = 2 if start[6] == 1 else 4
    field = read_at_most(stream, width)
    length = int.from_bytes(field, "little")
    text = read_at_most(stream, length) if length <= _MAX_HEADER else b""
    if len(field) < width or len(text) < length:
        found, expected = f"a header of {len(text)} bytes", f"{length} (at most {_MAX_HEADER})"
        raise ArrayError(path, found, expected, "a truncated file or a damaged header")
    return _parse_header(text.decode("latin-1").rstrip(" \n"), path)


def _parse_header(text: str, path: Path | str) -> _Header:
    """Parse the dict with NumPy, unless it is so long or so nested that Python's parser could overflow the stack."""
    brackets = sum(map(text.count, "([{"))
    if len(text) > _MAX_DICT or brackets > _MAX_BRACKETS:
        found = f"a header of {len(text)} characters with {brackets} brackets"
        raise ArrayError(path, found, _DICT, "records with many fields, or a damaged header")
    version_2 = len(text).to_bytes(4, "little") + text.encode("latin-1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns about headers that Python 2 wrote
            shape, fortran_order, dtype = npy_format.read_array_header_2_0(io.BytesIO(version_2))
    except Exception as error:  # Python's parser and NumPy's dtypes raise errors of a dozen types
        found = f"the header {_short(text)!r} ({_short(str(error) or 'nested too deeply')})"
        raise ArrayError(path, found, _DICT, "a damaged header") from error
    if min(shape, default=0) < 0:
        raise ArrayError(path, f"shape {shape}", "sizes of at least 0", "a damaged header")
    _check_elements(dtype, path)
    return shape, fortran_order, dtype


def _check_elements(dtype: np.dtype[Any], path: Path | str) -> None:
    expected = f"numbers: one of {', '.join(_ELEMENTS)}"
    if dtype.hasobject:
        cause = "arrays of unequal size or other objects saved together: they are pickles, which are not read"
        raise ArrayError(path, "Python objects", expected, cause)
    if dtype.fields is not None or dtype.str[1:] not in _ELEMENTS:
        found = "records with named fields" if dtype.fields is not None else f"elements of type {dtype.str!r}"
        raise ArrayError(path, found, expected, "an array of something else, or a damaged header")


def _short(text: str) -> str:
    """Return the first 80 characters of `text`, on one line."""
    return " ".join(text.split())[:80]
