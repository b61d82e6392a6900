"""IDX files: what is written is read back, and what is malformed is refused, cheaply and by name."""

import gzip
import os
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan.data import IdxError, read_idx, reading, write_idx

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
MB = 1 << 20


def encode(array):
    """An IDX file as the format describes it, independent of the writer."""
    code = next(code for code, name in TYPES.items() if np.dtype(name) == array.dtype)
    sizes = b"".join(struct.pack(">I", axis) for axis in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", axis) for axis in shape)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def peak_of(call):
    """The most memory that Python and NumPy held during `call`, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(path, data, match):
    path.write_bytes(data)
    with pytest.raises(IdxError, match=match) as caught:
        read_idx(path)
    return caught.value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images-idx3-ubyte"


arrays = st.sampled_from(list(TYPES.values())).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A path that hypothesis may overwrite from one example to the next."""
    return tmp_path_factory.mktemp("idx") / "scratch"


# --- reading and writing what is well formed ---------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(array=arrays)
def test_the_reader_reads_what_the_format_says(scratch, rewrite, array):
    for data in (encode(array), gzip.compress(encode(array), 1)):
        rewrite(scratch, data)
        result = read_idx(scratch)
        assert same(result, array)
        assert result.dtype.isnative
        assert result.flags.writeable


@settings(max_examples=50, deadline=None, derandomize=True)
@given(array=arrays, swapped=st.booleans(), transposed=st.booleans())
def test_the_writer_writes_what_the_format_says(scratch, array, swapped, transposed):
    given_array = array.astype(array.dtype.newbyteorder()) if swapped else array
    given_array = given_array.copy(order="F") if transposed else given_array
    write_idx(scratch, given_array)
    assert scratch.read_bytes() == encode(array)
    write_idx(scratch.with_name("scratch.gz"), given_array)
    assert gzip.decompress(scratch.with_name("scratch.gz").read_bytes()) == encode(array)


def test_gzip_is_told_by_content_not_by_name(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (tmp_path / "plain.gz").write_bytes(encode(array))
    (tmp_path / "packed").write_bytes(gzip.compress(encode(array)))
    assert same(read_idx(tmp_path / "plain.gz"), array)
    assert same(read_idx(str(tmp_path / "packed")), array)


def test_arrays_longer_than_a_chunk(path):
    array = np.arange(3 * reading.CHUNK // 4 + 1, dtype=np.int32)
    write_idx(path, array)
    assert same(read_idx(path), array)


def test_gzip_bytes_depend_on_the_array_alone(tmp_path, monkeypatch):
    array = np.arange(1000, dtype=np.int16)
    write_idx(tmp_path / "a.gz", array)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_idx(tmp_path / "other.gz", array)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()


@pytest.mark.parametrize("dtype", ["i8", "u2", "f2", "?", "c8", "U1", "O"])
def test_types_that_idx_cannot_hold(path, dtype):
    with pytest.raises(TypeError, match=r"IDX cannot hold .*; convert with .astype to one of uint8, int8"):
        write_idx(path, np.zeros(2, dtype))
    assert not path.exists()


def test_shapes_that_idx_cannot_hold(path):
    with pytest.raises(ValueError, match="at most 32 axes"):
        write_idx(path, np.zeros((1,) * 33, np.uint8))
    with pytest.raises(ValueError, match=r"each below 2\*\*32"):
        write_idx(path, np.empty((2**32, 0), np.uint8))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, monkeypatch, step):
    old = np.arange(3, dtype=np.uint8)
    write_idx(path, old)

    def fail(*_):
        assert same(read_idx(path), old)  # until the very end, readers see the old file
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_idx(path, np.zeros(5, np.uint8))
    assert same(read_idx(path), old)
    assert os.listdir(path.parent) == [path.name]


def test_writing_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_idx(tmp_path / "none" / "file", np.zeros(1, np.uint8))


# --- refusing what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "no data at all"),
        (b"\0\0\x08", "only 3 bytes.*truncated"),
        (b"<!DOCTYPE html>", "first bytes 3c 21 44 4f.*web page"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\x93NUMPY\x01\0", "numpy.load"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\0\x01\x08\x01\0\0\0\0", "first bytes 00 01 08 01.*not an IDX file"),
        (header(0x0A, 1) + b"1", "element type 0x0a.*0x08 uint8"),
        (header(0x0F, 1) + b"1", "element type 0x0f"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"1", "255 axes.*at most 32"),
        (b"\0\0\x08\x21" + b"\0\0\0\x01" * 33 + b"1", "33 axes.*at most 32"),
        (header(0x08, 2, 2)[:-1], "a header of 11 bytes, expected 12 for 2 axes"),
        (header(0x08, 2, 2) + b"123", r"3 bytes of data, expected 4 bytes of uint8 for shape \(2, 2\)"),
        (header(0x08, 2, 2) + b"12345", "beyond the last element, expected 4 bytes"),
        (header(0x0E, 1) + b"1234567", "7 bytes of data, expected 8 bytes of float64"),
        (header(0x08, 0) + b"1", "beyond the last element, expected 0 bytes"),
        (header(0x08), r"0 bytes of data, expected 1 bytes of uint8 for shape \(\)"),
        (header(0x08, 2**31, 2**31) + b"x" * 20, "promises shape.*max_bytes"),
        (header(0x0E, *[2**32 - 1] * 32) + b"x" * 20, "promises shape"),
        (header(0x08, 0, 2**31, 2**31), "promises shape"),
    ],
)
def test_malformed_files_are_refused_by_name(path, data, match):
    packed = gzip.compress(data)
    for content in (data, packed):
        error = refused(path, content, match)
        assert str(error).startswith(f"{path}: found ")
        assert "\n" not in str(error)
        assert error.path == path
        assert all((error.found, error.expected, error.cause))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda data: data[:-1], "gzip data that break off"),
        (lambda data: data[: len(data) // 2], "gzip data that break off"),
        (lambda data: data[:5], "gzip data that break off"),
        (lambda data: data[:-8] + b"\0\0\0\0" + data[-4:], "bad gzip data.*CRC"),
        (lambda data: data[:-4] + struct.pack("<I", 2**31), "bad gzip data.*length"),
        (lambda data: data[:10] + b"\xff" * 20 + data[30:], "bad gzip data"),
        (lambda data: data + b"junk", "bad gzip data"),
        (gzip.compress, "1f 8b.*compressed twice"),
        (lambda data: data + data, "beyond the last element"),
    ],
)
def test_damaged_gzip_is_refused(path, damage, match):
    array = np.random.default_rng(0).integers(0, 256, (5, 9, 9), dtype=np.uint8)
    refused(path, damage(gzip.compress(encode(array))), match)


def test_a_larger_limit_admits_a_larger_array(path):
    array = np.zeros((3, 7), np.uint8)
    write_idx(path, array)
    with pytest.raises(IdxError, match="at most 20 bytes"):
        read_idx(path, max_bytes=20)
    assert same(read_idx(path, max_bytes=21), array)


def test_missing_files_and_folders_are_os_errors_that_help(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").touch()
    with pytest.raises(FileNotFoundError, match=r"did you mean 'train-images-idx3-ubyte.gz'\?"):
        read_idx(tmp_path / "train-images-idx3-ubyte")
    with pytest.raises(FileNotFoundError, match=r"nothing in .* has a similar name"):
        read_idx(tmp_path / "x")
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist either"):
        read_idx(tmp_path / "none" / "x")
    with pytest.raises(IsADirectoryError, match="found a folder"):
        read_idx(tmp_path)


# --- never allocating what the file does not back up -------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_header_that_promises_a_gigabyte_allocates_nothing_like_it(path, pack):
    data = pack(header(0x08, 2**10, 2**10, 2**10) + b"x" * 100)
    assert peak_of(lambda: refused(path, data, "100 bytes of data, expected 1073741824")) < 4 * MB


def test_a_gzip_that_unpacks_to_more_than_its_header_promised_is_not_unpacked(path):
    bomb = gzip.compress(header(0x08, 4) + bytes(64 * MB), 1)
    assert peak_of(lambda: refused(path, bomb, "beyond the last element, expected 4 bytes")) < 4 * MB


def test_an_endless_header_is_not_read_to_its_end(path):
    bomb = gzip.compress(b"\0\0\x08\x21" + bytes(64 * MB), 1)
    assert peak_of(lambda: refused(path, bomb, "33 axes")) < 4 * MB


def test_reading_takes_about_the_memory_of_the_array(path):
    array = np.zeros(16 * MB, np.uint8)
    write_idx(path, array)
    assert peak_of(lambda: read_idx(path)) < 16 * MB * 1.125 + 3 * MB


# --- random damage -----------------------------------------------------------------------------------------

SMALL = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
kinds = st.sampled_from(["set", "insert", "delete", "cut"])
edits = st.lists(st.tuples(kinds, st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3)


def damaged(data, changes):
    data = bytearray(data)
    for kind, place, byte in changes:
        place %= len(data) + 1
        if kind == "insert":
            data.insert(place, byte)
        elif kind == "cut":
            del data[place:]
        elif place < len(data):
            data[place : place + 1] = bytes([byte]) if kind == "set" else b""
    return bytes(data)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(changes=edits)
def test_damaged_plain_files_are_refused_or_mean_what_they_say(scratch, rewrite, changes):
    """Plain IDX has no checksum; but whatever the reader accepts is exactly the file that the array encodes
    to."""
    data = damaged(encode(SMALL), changes)
    rewrite(scratch, data)
    try:
        result = read_idx(scratch)
    except IdxError:
        return
    assert encode(result) == data


@settings(max_examples=300, deadline=None, derandomize=True)
@given(changes=edits)
def test_damaged_gzip_files_are_refused_or_harmless(scratch, rewrite, changes):
    rewrite(scratch, damaged(gzip.compress(encode(SMALL), mtime=0), changes))
    try:
        result = read_idx(scratch)
    except IdxError:
        return
    assert same(result, SMALL)


def test_every_truncation_is_refused(path):
    for data in (encode(SMALL), gzip.compress(encode(SMALL))):
        for length in range(len(data)):
            refused(path, data[:length], "found")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.binary(max_size=60), packed=st.booleans())
def test_arbitrary_bytes_never_raise_anything_else(scratch, rewrite, data, packed):
    prefix = b"\0\0\x08\x01"
    for content in (data, prefix + data, b"\x1f\x8b\x08" + data):
        rewrite(scratch, gzip.compress(content, 1) if packed else content)
        try:
            result = read_idx(scratch)
        except IdxError:
            continue
        assert encode(result) == content


def test_zlib_errors_and_os_errors_are_told_apart(path, monkeypatch):
    """gzip.BadGzipFile is an OSError: a failing disk must not be reported as a malformed file, nor the
    reverse."""
    path.write_bytes(gzip.compress(encode(SMALL)))

    def failing(error):
        def read(*_):
            raise error

        return read

    for error, expected in [
        (OSError("disk"), OSError),
        (zlib.error("bad"), IdxError),
        (EOFError(), IdxError),
    ]:
        monkeypatch.setattr(gzip.GzipFile, "read", failing(error))
        with pytest.raises(expected) as caught:
            read_idx(path)
        assert isinstance(caught.value, IdxError) == (expected is IdxError)
