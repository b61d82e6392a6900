"""CIFAR-10 in binary: planes become pixels in the right order, and malformed files are refused in one sentence."""

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import CIFAR10_CLASSES, CifarError, FormatError, load, read_cifar

MB = 1 << 20
RECORD = 3073


def encode(images, labels):
    """A batch as the format describes it, pixel by pixel."""
    out = bytearray()
    for image, label in zip(images, labels, strict=True):
        out.append(label)
        for channel in range(3):
            for row in range(32):
                for column in range(32):
                    out.append(image[row, column, channel])
    return bytes(out)


def batch(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, count)


def refused(path, data, match):
    path.write_bytes(data)
    with pytest.raises(CifarError, match=match) as caught:
        read_cifar(path)
    assert str(caught.value).startswith(f"{path}: found ")
    assert isinstance(caught.value, FormatError)
    assert "\n" not in str(caught.value)
    assert all((caught.value.found, caught.value.expected, caught.value.cause))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data_batch_1.bin"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("cifar") / "scratch.bin"


def test_a_batch_is_read_as_the_format_says(path):
    images, labels = batch(3)
    path.write_bytes(encode(images, labels))
    for name in (path, str(path)):
        found, found_labels = read_cifar(name)
        assert np.array_equal(found, images)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        assert found.flags.writeable
        assert np.array_equal(found_labels, labels)
        assert found_labels.dtype == np.int64


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_the_named_set_is_its_five_batches_in_order_and_its_test(tmp_path, monkeypatch, inner):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10" / inner
    folder.mkdir(parents=True)
    parts = {f"data_batch_{i}.bin": batch(2, i) for i in (5, 3, 1, 2, 4)} | {"test_batch.bin": batch(3, 9)}
    for name, arrays in parts.items():
        (folder / name).write_bytes(encode(*arrays))
    train, test = load("cifar-10"), load("cifar-10", part="test")
    ordered = [parts[f"data_batch_{i}.bin"] for i in range(1, 6)]
    assert np.array_equal(train.images, np.concatenate([images for images, _ in ordered]))
    assert np.array_equal(train.labels, np.concatenate([labels for _, labels in ordered]))
    assert np.array_equal(test.images, parts["test_batch.bin"][0])
    assert train.name == "cifar-10"
    assert "Krizhevsky" in train.source
    assert train.class_names == CIFAR10_CLASSES
    assert CIFAR10_CLASSES[6] == "frog"
    with pytest.raises(ValueError, match="cifar-10 has no part 'valid'; it has: train, test"):
        load("cifar-10", part="valid")
    (folder / "data_batch_3.bin").unlink()
    (folder / "data_batch_4.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no data_batch_3.bin, data_batch_4.bin: run .minigan download"):
        load("cifar-10")
    (folder / "test_batch.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no test_batch.bin: .*put cifar-10-binary.tar.gz into"):
        load("cifar-10", part="test")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "no data at all, expected records of 3073 bytes.*interrupted"),
        (bytes(3072), "3072 bytes, which is 0 records and 3072 bytes.*truncated"),
        (bytes(2 * RECORD + 1), "6147 bytes, which is 2 records and 1 bytes"),
        (bytes(3074), "CIFAR-100, whose records are a byte longer"),
        (b"\x0a" + bytes(RECORD - 1), "label 10 in record 0 .1 such records., expected labels from 0 to 9"),
        (bytes(RECORD) + b"\xff" + bytes(RECORD - 1), "label 255 in record 1 .*damaged"),
        (b"<!DOCTYPE html>", "web page"),
        (gzip.compress(bytes(RECORD), mtime=0), "a gzip archive: unpack it first"),
        (b"\x80\x02}q\x01", "Python pickle"),
        (b"\x80\x02}q" + bytes(RECORD - 4), "label 128.*Python pickle"),
    ],
)
def test_malformed_files_are_refused_by_name(path, data, match):
    refused(path, data, match)


def test_no_more_is_read_than_is_allowed(path, peak_of):
    path.write_bytes(bytes(2 * RECORD))
    with pytest.raises(CifarError, match="more than 6145 bytes"):
        read_cifar(path, max_bytes=2 * RECORD - 1)
    assert len(read_cifar(path, max_bytes=2 * RECORD)[0]) == 2
    with open(path, "wb") as file:
        file.truncate(1 << 28)  # of nothing

    def read():
        with pytest.raises(CifarError, match="more than"):
            read_cifar(path, max_bytes=MB)

    assert peak_of(read) < 4 * MB


def test_missing_files_and_folders_are_os_errors_that_help(path):
    path.touch()
    with pytest.raises(FileNotFoundError, match=r"no such CIFAR-10 file; did you mean 'data_batch_1.bin'\?"):
        read_cifar(path.with_name("data_batch_1"))
    with pytest.raises(IsADirectoryError, match="CIFAR-10 data, found a folder"):
        read_cifar(path.parent)


SMALL = encode(*batch(2))
kinds = st.sampled_from(["set", "set", "set", "insert", "delete", "cut"])
edits = st.lists(st.tuples(kinds, st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(changes=edits)
def test_damaged_files_are_refused_or_mean_what_they_say(scratch, rewrite, damaged, peak_of, changes):
    for content in damaged(SMALL, changes):
        rewrite(scratch, content)
        result = []

        def read(result=result):
            with contextlib.suppress(CifarError):
                result.append(read_cifar(scratch))

        assert peak_of(read) < 2 * MB
        for images, labels in result:
            planes = images.transpose(0, 3, 1, 2).reshape(len(labels), -1)
            assert planes.tobytes() == b"".join(content[i + 1 : i + RECORD] for i in range(0, len(content), RECORD))
            assert labels.tolist() == list(content[::RECORD])
            assert labels.max() < 10
