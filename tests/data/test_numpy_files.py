"""Images in .npy and .npz: what NumPy writes is read, what is not images is refused, and headers are not believed."""

import contextlib
import io
import struct
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan.data import ArrayError, FormatError, array_images, load, read_npy, read_npz, scale

MB = 1 << 20
TYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(compressed=False, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def with_header(header, body=b"", version=1):
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header)) + header.encode("latin1") + body


def dict_of(descr="'|u1'", order="False", shape="(3,)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def refused(path, data, match, read=read_npy):
    path.write_bytes(data)
    with pytest.raises(ArrayError, match=match) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}")
    assert isinstance(caught.value, FormatError)
    assert "\n" not in str(caught.value)
    assert all((caught.value.found, caught.value.expected, caught.value.cause))


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images.npy"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("npy") / "scratch"


# --- reading what NumPy writes -----------------------------------------------------------------------------

arrays = st.sampled_from(TYPES).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(array=arrays, swapped=st.booleans(), fortran=st.booleans(), version=st.sampled_from([(1, 0), (2, 0), (3, 0)]))
def test_what_numpy_writes_is_read(scratch, array, swapped, fortran, version):
    written = array.astype(array.dtype.newbyteorder()) if swapped else array
    written = np.asfortranarray(written) if fortran and array.ndim else written
    with warnings.catch_warnings(), open(scratch, "wb") as file:
        warnings.simplefilter("ignore")  # that a lower version would have done
        np.lib.format.write_array(file, written, version)
    result = read_npy(scratch)
    assert same(result, array)
    assert result.flags.writeable
    assert result.flags.c_contiguous
    assert result.dtype.isnative


@pytest.mark.parametrize("compressed", [True, False])
def test_archives(path, compressed):
    arrays = {"a": pixels(3, 4), "b": np.arange(5.0), "c": np.asfortranarray(pixels(2, 3))}
    path.write_bytes(npz(compressed, **arrays))
    found = read_npz(path)
    assert list(found) == ["a", "b", "c"]
    assert all(same(found[name], array) for name, array in arrays.items())
    assert list(read_npz(path, ["c", "a"])) == ["c", "a"]
    with pytest.raises(KeyError, match="none"):
        read_npz(path, ["none"])


@pytest.mark.parametrize(
    "header",
    [
        "{'shape': (3,), 'fortran_order': False, 'descr': '|u1'}",
        '{"descr":"<u1","fortran_order":False,"shape":(3,)}',
        "{'descr': '|u1', 'fortran_order': False, 'shape': (3L,), }   \n",
        " { 'descr' :'|u1' , 'fortran_order' : True , 'shape' : ( 3 , ) } ",
    ],
)
def test_headers_that_others_write(path, header):
    path.write_bytes(with_header(header, b"abc"))
    assert read_npy(path).tolist() == [97, 98, 99]


# --- refusing what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "no data at all"),
        (b"\x93NUM", "first bytes 93 4e 55 4d, expected 93 4e"),
        (b"\x93NUMPY\x01", "only 7 bytes, expected format version"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x80\x04\x95abcdef", "Python pickle"),
        (b"\0\0\x08\x01\0\0\0\0", "not a NumPy file at all"),
        (b"\x93NUMPY\x04\0" + bytes(20), "version 4.0"),
        (b"\x93NUMPY\x01\x01" + bytes(20), "version 1.1"),
        (with_header(dict_of())[:40], "a header of 30 bytes"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff" + bytes(99), "a header of 0 bytes, expected 4294967295 .at most 10000"),
        (with_header("nonsense"), "the header 'nonsense'"),
        (with_header("{}"), "the header"),
        (with_header("{'descr': '|u1', 'fortran_order': False}"), "the header"),
        (with_header(dict_of() + "x"), "the header"),
        (with_header("{'shape': (1,)," + dict_of()[1:], b"a"), "1 bytes of data, expected 3"),
        (with_header(dict_of(shape="(-1,)")), r"shape \(-1,\)"),
        (with_header(dict_of(shape="(2, 'x')")), r"shape is not valid: \(2, 'x'\)"),
        (with_header(dict_of(shape="'3'")), "shape is not valid: '3'"),
        (with_header(dict_of(shape="(\xb2,)")), "the header|shape"),
        (with_header(dict_of(shape=f"({'9' * 30},)")), "promises shape .999"),
        (with_header(dict_of(shape="(03,)"), b"abc"), r"'shape': \(03,\).*Cannot parse header"),
        (with_header(dict_of(shape="(3)"), b"abc"), "shape is not valid: 3"),
        (with_header(dict_of(shape="\x1c(3,)"), b"abc"), "the header"),
        (with_header(dict_of(shape="\v(3,)"), b"abc"), "the header"),
        (with_header(dict_of().replace(",", ""), b"abc"), "the header"),
        (with_header(dict_of(order="(1,)")), r"fortran_order is not a valid bool: \(1,\)"),
        (with_header(dict_of("'|O'")), "Python objects.*which are not read"),
        (with_header(dict_of("[('a', '|u1'), ('b', '|O')]")), "Python objects"),
        (with_header(dict_of("[('Object', '|u1')]")), "records with named fields"),
        (with_header(dict_of("'<U3'")), "elements of type '<U3'"),
        (with_header(dict_of("'|b1'")), r"elements of type '\|b1'"),
        (with_header(dict_of("'<c16'")), "elements of type"),
        (with_header(dict_of("'|V99999999999'")), "descr is not a valid dtype"),
        (with_header(dict_of("'u'")), "descr is not a valid dtype"),
        (with_header(dict_of("''")), "descr is not a valid dtype"),
        (with_header(dict_of("(1, 2)")), "descr is not a valid dtype"),
        (with_header(dict_of("('|u1', (2,))"), b"abcdef"), "elements of type"),
        (with_header(dict_of("('<i4', [('a', '<i4')])"), bytes(12)), "records with named fields"),
        (with_header(dict_of(r"'\d'")), "descr is not a valid dtype"),
        (with_header(dict_of() + " " * 4000 + "x"), "a header of 4059 characters with 2 brackets"),
        (with_header(dict_of("(" * 19 + ")" * 19)), "a header of .* characters with 21 brackets"),
        (with_header(dict_of(), b"ab"), r"2 bytes of data, expected 3 bytes of uint8 for shape \(3,\)"),
        (with_header(dict_of(), b"abcd"), "data beyond the last element"),
        (with_header(dict_of(shape="()")), "0 bytes of data, expected 1"),
        (with_header(dict_of(shape="(99999999999, 999999999)")), "promises shape"),
        (with_header(dict_of(shape="(0, 99999999999, 999999999)")), "promises shape"),
        (with_header(dict_of(shape=f"({'1,' * 33})"), b"a"), "promises shape.*at most 32 axes"),
    ],
)
def test_malformed_files_are_refused_by_name(path, data, match):
    refused(path, data, match)


@pytest.mark.parametrize("dtype", [object, "U3", "?", "c8", "M8[s]", [("x", "u1")]])
def test_arrays_that_are_not_numbers(path, dtype):
    array = np.array([1, None] if dtype is object else np.zeros(2), dtype)
    match = "objects saved together: they are pickles, which are not read" if dtype is object else "expected numbers"
    refused(path, npy(array), match)
    refused(path, npz(images=array), match, read_npz)
    refused(path, npz(images=array), match, load)


def zipped(data, method=zipfile.ZIP_STORED, name="images.npy"):
    """An archive of one member whose bytes do not depend on the time: they are among the names of the tests."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def patched(data, magic, offset, value):
    """An archive with two bytes changed, `offset` after the last occurrence of a signature."""
    place = data.rindex(magic) + offset
    return data[:place] + struct.pack("<H", value) + data[place + 2 :]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"PK\x03\x04", "a bad zip archive"),
        (zipped(npy(pixels(3, 3, 3)))[:-1], "a bad zip archive"),
        (zipped(npy(pixels(3, 3, 3)))[:-30], "a bad zip archive"),
        (zipped(b"hello"), r"images\]: found first bytes"),
        (zipped(npy(pixels(9, 3, 3)), zipfile.ZIP_BZIP2), "compression method 12"),
        (zipped(npy(pixels(9, 3, 3)), zipfile.ZIP_LZMA), "compression method 14"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x01\x02", 8, 1), "a bad zip archive .*encrypted"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x01\x02", 8, 64), "a bad zip archive .*strong encryption"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x01\x02", 6, 999), "a bad zip archive .*version"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x01\x02", 16, 7), "a bad zip archive .*CRC"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x01\x02", 44, 9), "a member at 58"),
        (patched(zipped(npy(pixels(3, 3, 3))), b"PK\x05\x06", 14, 9), "a bad zip archive"),
    ],
)
def test_malformed_archives_are_refused_by_name(path, data, match):
    refused(path, data, match, read_npz)


def test_a_failing_disk_is_not_a_malformed_file(path, monkeypatch):
    path.write_bytes(npz(images=pixels(2, 3, 3)))

    def fail(*_):
        raise OSError("disk")

    monkeypatch.setattr(zipfile.ZipExtFile, "read", fail)
    with pytest.raises(OSError, match="disk"):
        read_npz(path)


# --- never allocating what the file does not back up -------------------------------------------------------

GIGABYTE = with_header(dict_of(shape="(1024, 1024, 1024)"), b"x" * 100)


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (GIGABYTE, read_npy),
        (GIGABYTE, load),
        (zipped(GIGABYTE), read_npz),
        (zipped(GIGABYTE, zipfile.ZIP_DEFLATED), load),
    ],
)
def test_a_header_that_promises_a_gigabyte_allocates_nothing_like_it(path, peak_of, data, read):
    match = "100 bytes of data, expected 1073741824 bytes"
    assert peak_of(lambda: refused(path, data, match, read)) < 4 * MB


def test_a_zip_that_unpacks_to_more_than_its_header_promised_is_not_unpacked(path, peak_of):
    bomb = zipped(with_header(dict_of(), bytes(64 * MB)), zipfile.ZIP_DEFLATED)
    assert len(bomb) < MB
    assert peak_of(lambda: refused(path, bomb, "data beyond the last element", read_npz)) < 4 * MB


def test_the_limit_is_for_all_arrays_together(path, peak_of):
    data = npz(True, a=np.zeros(8 * MB, np.uint8), b=np.zeros(8 * MB, np.uint8))
    read = lambda limit: lambda path: read_npz(path, max_bytes=limit)
    refused(
        path,
        data,
        r"\[b\]: found a header that promises shape \(8388608,\).*at most.* 8388607 bytes",
        read(16 * MB - 1),
    )
    assert len(read(16 * MB)(path)) == 2
    assert peak_of(lambda: refused(path, data, "promises", read(8 * MB - 1))) < MB
    path.write_bytes(npy(np.zeros(100, np.float64)))
    assert len(read_npy(path, max_bytes=800)) == 100
    with pytest.raises(ArrayError, match="at most 32 axes and 799 bytes"):
        read_npy(path, max_bytes=799)


def test_reading_takes_about_the_memory_of_the_array(path, peak_of):
    path.write_bytes(npy(np.zeros(16 * MB, np.uint8)))
    assert peak_of(lambda: read_npy(path)) < 16 * MB * 1.125 + 3 * MB


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '|u1'" + " " * 60_000 + "!",
        "{'descr': '|u1'," + " " * 60_000 + "!",
        "{" + "'a': (1), " * 6_000 + "!",
        "{'a': " + "[" * 60_000,
        "{'a': " + "[]" * 30_000 + "!",
        "{'a': [" + "] " * 30_000 + "!",
        "{'" + "a" * 60_000,
        "{'shape': (" + "1" * 60_000 + "), 'descr': '|u1', 'fortran_order': False}",
        "{'shape': (" + "1," * 30_000 + "), 'descr': '|u1', 'fortran_order': False}",
    ],
)
def test_no_header_takes_long_to_refuse(path, text):
    """With a backtracking pattern these take minutes to for ever."""
    refused(path, with_header(text), "header|shape")


OVERFLOW = """
import sys, threading
from minigan.data import ArrayError, read_npy

def read():
    try:
        read_npy(sys.argv[1])
    except ArrayError as error:
        print(error)

threading.stack_size(256 << 10)
thread = threading.Thread(target=read)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("text", ["-" * 9000 + "1", "[" * 500, "not " * 2000 + "1", "-" * 999 + "1", "(" * 20])
def test_no_header_overflows_the_stack_of_a_thread(path, text):
    """Python's parser, and so numpy.load, ends the process on the first two."""
    path.write_bytes(with_header(text))
    done = subprocess.run([sys.executable, "-c", OVERFLOW, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: found ")


# --- random damage -----------------------------------------------------------------------------------------

SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
WIDE = np.arange(24, dtype=">i2").reshape(2, 3, 4)
ARCHIVES = [npz(compressed, images=SMALL, y=WIDE) for compressed in (False, True)]
EXPECTED = {"images": SMALL, "y": WIDE.astype("i2")}


def load_or_refuse(path):
    """What `load` makes of any file, where the errors of other formats are right as well."""
    with contextlib.suppress(ValueError):
        load(path)


def attempt(read, path, peak_of, limit=MB):
    """The result of reading, or None if it was refused as it should be; anything else is an error."""
    results, errors = [], []

    def call():
        try:
            results.append(read(path))
        except ArrayError as error:
            errors.append(str(error))

    assert peak_of(call) < limit
    assert not any("\n" in error for error in errors)
    return results[0] if results else None


kinds = st.sampled_from(["set", "set", "set", "insert", "delete", "cut"])
edits = st.lists(st.tuples(kinds, st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=700, deadline=None, derandomize=True)
@given(changes=edits, header=st.booleans())
def test_damaged_npy_files_are_refused_or_mean_what_they_say(scratch, rewrite, damaged, peak_of, changes, header):
    """.npy has no checksum; but whatever is accepted, NumPy reads in the same way."""
    text, body = npy(WIDE)[10:80].rstrip(), npy(WIDE)[128:]
    for content in damaged(text if header else npy(WIDE), changes):
        whole = with_header(content.decode("latin1"), body) if header else content
        rewrite(scratch, whole)
        result = attempt(read_npy, scratch, peak_of)
        if result is not None:
            assert same(result, np.load(io.BytesIO(whole), allow_pickle=False).astype(result.dtype, order="C"))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(changes=edits, compressed=st.booleans())
def test_damaged_npz_files_are_refused_or_harmless(scratch, rewrite, damaged, peak_of, changes, compressed):
    """An archive has a checksum for each array, so that what is read under the right name is right."""
    for content in damaged(ARCHIVES[compressed], changes):
        rewrite(scratch, content)
        result = attempt(read_npz, scratch, peak_of)
        for name, array in (result or {}).items():
            assert name not in EXPECTED or same(array, EXPECTED[name])
        attempt(load_or_refuse, scratch, peak_of)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=80), prefix=st.sampled_from([b"", b"\x93NUMPY", b"\x93NUMPY\x01\0", b"PK\x03\x04"]))
def test_arbitrary_bytes_never_raise_anything_else(scratch, rewrite, peak_of, data, prefix):
    rewrite(scratch, prefix + data)
    assert attempt(read_npy, scratch, peak_of) is None
    assert attempt(read_npz, scratch, peak_of) is None


def test_every_truncation_is_refused(path):
    for data, read in ((npy(SMALL), read_npy), (npz(images=SMALL), read_npz), (npz(True, images=SMALL), read_npz)):
        for length in range(0, len(data), 1 if read is read_npy else 3):
            refused(path, data[:length], "found", read)


# --- images ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4, 3, 1), (5, 4, 3, 3), (5, 3, 4, 3)])
def test_pixels_are_taken_as_they_are(path, shape):
    images = pixels(*shape)
    path.write_bytes(npy(images))
    found = load(path)
    assert np.array_equal(found.images, images[..., None] if images.ndim == 3 else images)
    assert found.labels is None
    assert (found.name, found.source) == ("images.npy", str(path))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_become_the_nearest_of_256_levels(path, dtype):
    levels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    for floats in (levels.astype(np.float64) / 255, scale(levels)):
        path.write_bytes(npy(floats.astype(dtype)))
        assert np.array_equal(load(path).images[..., 0], levels)
    for low in (0, -1):
        floats = np.random.default_rng(0).uniform(low, 1, (50, 8, 8)).astype(dtype)
        path.write_bytes(npy(floats))
        exact = (floats.astype(np.float64) - low) / (1 - low) * 255
        assert np.abs(load(path).images[..., 0] - exact).max() < 0.5001


def test_which_range_is_meant_is_told_by_the_sign_or_by_the_caller(path):
    bright = np.array([0.0, 0.5, 1.0], np.float32).reshape(1, 1, 3)
    path.write_bytes(npy(bright))
    assert load(path).images.ravel().tolist() == [0, 128, 255]
    assert load(path, value_range=(-1, 1)).images.ravel().tolist() == [128, 191, 255]
    assert load(path, value_range=(0, 1)).images.ravel().tolist() == [0, 128, 255]
    path.write_bytes(npy(2 * bright - 1))
    assert load(path).images.ravel().tolist() == [0, 128, 255]
    with pytest.raises(ArrayError, match=r"values from -1 to 1, expected \[0, 1\]"):
        load(path, value_range=(0, 1))
    with pytest.raises(ValueError, match="value_range must be"):
        load(path, value_range=(0, 255))
    path.write_bytes(npy(bright + np.float32(5e-4)))  # a resampler's rounding
    assert load(path).images.max() == 255


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros(5, np.uint8), "something else"),
        (np.zeros((2, 3), np.uint8), "something else"),
        (np.zeros((0, 3, 3), np.uint8), "something else"),
        (np.zeros((2, 1, 1, 1, 1), np.uint8), "something else"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"channels first: save array.transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 1, 8, 8), np.float32), "channels first"),
        (np.zeros((2, 3, 3), np.int64), r"array.astype\(numpy.uint8\)"),
        (np.full((2, 3, 3), 255.0), "values from 255 to 255, expected .0, 1.*scaled otherwise"),
        (np.full((2, 3, 3), -1.1), r"values from -1.1 to -1.1, expected \[-1, 1\]"),
        (np.full((2, 3, 3), np.nan), "NaN"),
        (np.array([[[0, np.inf]]]), "NaN or infinite"),
    ],
)
def test_arrays_that_are_no_images(path, array, match):
    refused(path, npy(array), match, load)
    refused(path, npz(images=array), match, load)


# --- labels, parts and names -------------------------------------------------------------------------------


def test_labels_of_a_single_array_lie_beside_it(tmp_path):
    images, labels = pixels(4, 3, 3), np.array([3, 1, 2, 0], np.int16)
    np.save(tmp_path / "my-images.npy", images)
    assert load(tmp_path / "my-images.npy").labels is None
    np.save(tmp_path / "my-labels.npy", labels[:, None])
    found = load(str(tmp_path / "my-images.npy"))
    assert found.labels.tolist() == labels.tolist()
    assert found.labels.dtype == np.int64
    np.save(tmp_path / "my-labels.npy", labels.astype(float))
    with pytest.raises(ValueError, match=r"my-labels.npy: expected integer labels"):
        load(tmp_path / "my-images.npy")
    np.save(tmp_path / "my-labels.npy", labels[:2])
    with pytest.raises(ValueError, match=r"labels must be int64 \(4,\), got int64 \(2,\)"):
        load(tmp_path / "my-images.npy")


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (("images", "labels"), "train"),
        (("x", "y"), "train"),
        (("arr_0", "arr_1"), "train"),
        (("x_train", "y_train"), "train"),
        (("x_test", "y_test"), "test"),
        (("test_images", "test_labels"), "test"),
        (("only", "labels"), "train"),
    ],
)
def test_images_and_labels_are_found_by_their_names(path, names, part):
    images, labels = pixels(4, 3, 3), np.array([3, 1, 2, 0])
    other = "x_test" if part == "train" else "x_train"
    named = {names[0]: images, names[1]: labels} | ({} if names[0] == "only" else {other: pixels(9, 2, 2)})
    if names[0] == "only":
        named.pop("labels")
    path.write_bytes(npz(**named))
    found = load(path, part=part)
    assert np.array_equal(found.images[..., 0], images)
    assert (found.labels is None) == (names[0] == "only")
    assert found.labels is None or found.labels.tolist() == labels.tolist()


def test_archives_whose_images_cannot_be_told(path):
    path.write_bytes(npz(cats=pixels(2, 3, 3), dogs=pixels(4, 3, 3)))
    with pytest.raises(ArrayError, match=r"found arrays 'cats', 'dogs', expected one called images, .*give key="):
        load(path)
    assert len(load(path, key="dogs")) == 4
    with pytest.raises(ArrayError, match="expected one called 'birds'"):
        load(path, key="birds")
    with pytest.raises(ValueError, match="has no part 'test'; it has: train"):
        load(path, part="test", key="dogs")
    path.write_bytes(npz(arr_0=pixels(2, 3, 3), arr_1=pixels(4, 3, 3)))
    assert load(path, key="arr_1").labels is None
    path.write_bytes(zipped(b"text", name="readme.txt"))
    with pytest.raises(ArrayError, match="found no arrays"):
        load(path)
    path.write_bytes(npy(pixels(2, 3, 3)))
    with pytest.raises(ValueError, match="has no part 'test'"):
        load(path, part="test")
    with pytest.raises(ValueError, match=r"key='images' is for .npz archives"):
        load(path, key="images")


def test_a_numpy_file_is_told_by_content_or_by_name(tmp_path):
    images = pixels(2, 3, 3)
    for name in ("a.bin", "b.npz", "c-idx3-ubyte"):
        (tmp_path / name).write_bytes(npy(images))
        (tmp_path / f"z{name}").write_bytes(npz(images=images))
        for found in (load(tmp_path / name), load(tmp_path / f"z{name}"), array_images(str(tmp_path / name))):
            assert np.array_equal(found.images[..., 0], images)
    refused(tmp_path / "broken.npy", b"<html>", "web page", load)
    refused(tmp_path / "broken.npz", b"<html>", "web page", load)
    with pytest.raises(FileNotFoundError, match=r"no such NumPy file; did you mean 'b.npz'\?"):
        load(tmp_path / "b.npy")
    with pytest.raises(FileNotFoundError, match="no such NumPy file"):
        load("none.npy")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(IsADirectoryError, match="found a folder"):
        read_npy(tmp_path / "folder.npy")
