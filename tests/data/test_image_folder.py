"""A folder of images: all of them in a fixed order, or one error that says which cannot be read."""

import io
import os
import shutil
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from minigan.data import FolderError, fit, load, luma, read_folder

MB = 1 << 20


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def lying_png(width, height):
    """A small file whose header, checksum and all, promises a large image."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


# --- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "ppm", "tga", "webp", "gif", "PNG", "jp2"])
def test_lossless_formats_are_read_exactly(root, ending):
    array = np.repeat(pixels(6, 5, 1), 3, axis=-1) if ending == "gif" else pixels(6, 5, 3)
    save(root / f"a.{ending}", array, **({"lossless": True} if ending == "webp" else {}))
    found = read_folder(root)
    assert found.images.dtype == np.uint8
    assert np.array_equal(found.images, array[None])
    assert found.labels is None
    assert found.name == "pictures"


def test_a_name_does_not_decide_the_format(root):
    array = pixels(4, 4, 3)
    (root / "a.jpg").write_bytes(png(array))
    assert np.array_equal(read_folder(root).images[0], array)


def test_jpeg_is_read(root):
    array = np.full((8, 8, 3), 100, np.uint8)
    save(root / "a.jpeg", array, quality=95)
    assert np.abs(read_folder(root).images[0].astype(int) - 100).max() <= 2


def test_order_is_that_of_the_relative_paths(root):
    names = ["b.png", "a/z.png", "a/b/c.png", "a-b/a.png", "B.png", "a/10.png", "a/9.png"]
    for value, name in enumerate(names):
        save(root / name, np.full((2, 2), value, np.uint8))
    ordered = [names[value] for value in read_folder(root, channels=1).images[:, 0, 0, 0]]
    assert ordered == ["B.png", "a/10.png", "a/9.png", "a/b/c.png", "a/z.png", "a-b/a.png", "b.png"]


def test_other_files_hidden_ones_and_folders_are_left_alone(root):
    save(root / "a.png", pixels(2, 2, 3))
    for name in ("notes.txt", "._b.png", ".hidden/c.png", "d.pdf", "e.h5", "f.eps", "g", "Thumbs.db"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"no image")
    (root / "h.png").mkdir()
    assert len(read_folder(root)) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_with_the_name_of_an_image_does_not_hang(root):
    save(root / "a.png", pixels(2, 2, 3))
    os.mkfifo(root / "b.png")
    assert len(read_folder(root)) == 1


def test_links_to_images_are_read_and_circles_of_folders_are_not_followed(root):
    save(root / "a.png", pixels(2, 2, 3))
    try:
        (root / "b.png").symlink_to(root / "a.png")
        (root / "c").symlink_to(root)
    except OSError:
        pytest.skip("no links here")
    (root / "dangling.png").symlink_to(root / "none.png")
    assert len(read_folder(root)) == 2


# --- colours -----------------------------------------------------------------------------------------------


def test_gray_and_colour(root):
    gray, colour = pixels(3, 4, seed=1), pixels(3, 4, 3)
    save(root / "a.png", gray)
    save(root / "b.png", colour)
    both = read_folder(root)
    assert both.images.shape == (2, 3, 4, 3)
    assert np.array_equal(both.images, np.stack([np.repeat(gray[..., None], 3, axis=-1), colour]))
    both = read_folder(root, channels=1)
    assert np.array_equal(both.images, np.stack([gray[..., None], luma(colour)]))


def test_sixteen_bits_keep_their_upper_eight(root):
    values = np.array([[0, 255, 256], [30_000, 65_279, 65_535]], np.uint16)
    save(root / "a.png", values)
    save(root / "b.tif", values.astype(np.int32))
    for image in read_folder(root, channels=1).images:
        assert image[..., 0].tolist() == [[0, 0, 1], [117, 254, 255]]


def test_transparent_pixels_are_laid_over_white(root):
    red = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    save(root / "a.png", red)
    Image.fromarray(red).convert("P").save(root / "b.gif", transparency=0)
    first, _ = read_folder(root).images
    assert first[0, :2].tolist() == [[255, 0, 0], [255, 255, 255]]
    assert np.abs(first[0, 2].astype(int) - 127).max() <= 1
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    palette.save(root / "c.png", transparency=b"\x00\xff")
    found = read_folder(root, size=(1, 2)).images
    assert found[2, 0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_photographs_are_turned_upright(root):
    array = np.repeat(np.repeat(pixels(2, 3, 3) // 2, 8, axis=0), 8, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    save(root / "a.png", array, exif=exif)
    assert np.array_equal(read_folder(root).images[0], np.rot90(array, -1))


def test_of_an_animation_the_first_frame(root):
    frames = [Image.fromarray(np.full((4, 4), v, np.uint8)) for v in (10, 200)]
    frames[0].save(root / "a.gif", save_all=True, append_images=frames[1:])
    assert read_folder(root, channels=1).images.tolist() == np.full((1, 4, 4, 1), 10).tolist()


# --- sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, (3, 3), (4, 2), (20, 30)])
def test_images_are_cropped_and_resized(root, size):
    arrays = [pixels(9, 12, 3, seed=1), pixels(7, 5, 3, seed=2), pixels(6, 6, 3, seed=3)]
    for number, array in enumerate(arrays):
        save(root / f"{number}.png", array)
    found = read_folder(root, size)
    assert found.images.shape == (3, *((size, size) if isinstance(size, int) else size), 3)
    for image, array in zip(found.images, arrays, strict=True):
        assert np.array_equal(image, fit(array, size))


def test_different_sizes_need_a_size(root):
    save(root / "a.png", pixels(3, 4, 3))
    save(root / "b.png", pixels(5, 4, 3))
    with pytest.raises(ValueError, match=r"different sizes, a.png is 4x3 and b.png 4x5 pixels: give size="):
        read_folder(root)
    with pytest.raises(ValueError, match="each at least 1"):
        read_folder(root, size=0)
    with pytest.raises(ValueError, match=r"channels must be 1 .gray. or 3 .RGB., got 4"):
        read_folder(root, size=2, channels=4)


# --- labels ------------------------------------------------------------------------------------------------


def test_sub_folders_are_labels_if_every_image_lies_in_exactly_one(root):
    for name in ("dog/b.png", "dog/a.png", "cat/c.png", "eel/d.png"):
        save(root / name, pixels(2, 2, 3))
    (root / "ant").mkdir()  # nothing in it: no class
    found = read_folder(root)
    assert found.labels.tolist() == [0, 1, 1, 2]
    assert found.labels.dtype == np.int64
    assert found.class_names == ("cat", "dog", "eel")
    assert found.classes == 3
    for stray in ("e.png", "cat/young/f.png"):
        save(root / stray, pixels(2, 2, 3))
        assert read_folder(root).labels is None
        assert read_folder(root).class_names == ()
        (root / stray).unlink()
    (root / "cat" / "c.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="skipped"):
        found = read_folder(root, skip_unreadable=True)
    assert found.class_names == ("dog", "eel")
    assert found.labels.tolist() == [0, 0, 1]


# --- what cannot be read -----------------------------------------------------------------------------------


def test_unreadable_images_are_listed_and_nothing_is_returned(root):
    for number in range(10):
        save(root / f"{number}.png", pixels(8, 8, 3))
    whole = (root / "3.png").read_bytes()
    for name, data in [
        ("1.png", b""),
        ("3.png", whole[: len(whole) // 2]),
        ("4.png", b"<html>"),
        ("6.png", whole[:40] + b"\xff" + whole[41:]),
        ("7.png", lying_png(60_000, 60_000)),
        ("8.png", b"GIF89a"),
        ("9.png", lying_png(8, 8)[:-60]),
    ]:
        (root / name).write_bytes(data)
    with pytest.raises(FolderError) as caught:
        read_folder(root)
    error = caught.value
    assert list(error.unreadable) == ["1.png", "3.png", "4.png", "6.png", "7.png", "8.png", "9.png"]
    assert (error.path, error.count) == (root, 10)
    text = str(error)
    assert text.startswith(f"{root}: 7 of 10 images cannot be read: '1.png' (not an image, or a format")
    assert "'3.png' (image file is truncated" in text
    assert "'7.png' (Image size (3600000000 pixels) exceeds limit" in text
    assert "), 2 more; repair or remove them, or give skip_unreadable=True" in text
    assert "8.png" not in text
    assert "\n" not in str(error)
    with pytest.warns(UserWarning, match=r"7 of 10 images cannot be read: '1.png'.*2 more; skipped"):
        found = read_folder(root, skip_unreadable=True)
    assert len(found) == 3
    with pytest.raises(FolderError, match="7 of 10"):
        load(root)


def test_with_nothing_readable_skipping_does_not_help(root):
    (root / "a.png").write_bytes(b"x")
    with pytest.raises(FolderError, match=r"1 of 1 images cannot be read: 'a.png' .*; repair or remove them$"):
        read_folder(root, skip_unreadable=True)


def test_a_header_that_promises_too_much_is_refused_before_decoding(root, monkeypatch):
    (root / "a.png").write_bytes(lying_png(10_000, 10_000))
    save(root / "b.png", pixels(3, 3, 3))

    def decode(*_):
        raise AssertionError("decoded")

    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", decode)
        with pytest.raises(
            FolderError, match=r"a.png' .10000x10000 pixels, and at most 67108864 are read., 'b.png' .decoded"
        ):
            read_folder(root)
    with pytest.raises(FolderError, match=r"'b.png' .3x3 pixels, and at most 8 are read"):
        read_folder(root, max_pixels=8)


def test_floats_have_no_known_range(root):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(root / "a.tif")
    Image.fromarray(np.full((2, 2), 70_000, np.int32)).save(root / "b.tif")
    with pytest.raises(
        FolderError, match=r"'a.tif' .its pixels are floats.*'b.tif' .its pixels go from 70000 to 70000"
    ):
        read_folder(root)


def test_odd_names_stay_on_one_line(root):
    (root / "a\nb.png").write_bytes(b"x")
    with pytest.raises(FolderError) as caught:
        read_folder(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("message", "reason"), [("two\nlines  of it", "two lines of it"), ("", "RecursionError")])
def test_whatever_pillow_raises_is_one_clause(root, monkeypatch, message, reason):
    save(root / "a.png", pixels(2, 2, 3))

    def fail(*_, **__):
        raise RecursionError(message)

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(FolderError) as caught:
        read_folder(root)
    assert caught.value.unreadable == {"a.png": reason}


def test_folders_that_are_none(root, tmp_path):
    with pytest.raises(IsADirectoryError, match=r"expected images .* found a folder without any"):
        read_folder(root)
    with pytest.raises(FileNotFoundError):
        read_folder(root / "none")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        read_folder(tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_sub_folder_that_cannot_be_listed_is_an_error(root):
    save(root / "a.png", pixels(2, 2, 3))
    (root / "locked").mkdir(mode=0)
    with pytest.raises(PermissionError):
        read_folder(root)
    (root / "locked").chmod(0o700)


def test_a_sub_folder_that_fails_is_not_passed_over(root, monkeypatch):
    save(root / "a" / "b.png", pixels(2, 2, 3))
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("a"):
            raise PermissionError("locked")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match="locked"):
        read_folder(root)


def test_without_pillow_one_sentence_says_what_to_install(root, monkeypatch):
    save(root / "a.png", pixels(2, 2, 3))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"^reading a folder of images needs Pillow: pip install pillow$"):
        read_folder(root)


# --- random damage -----------------------------------------------------------------------------------------

kinds = st.sampled_from(["set", "set", "set", "insert", "delete", "cut"])
edits = st.lists(st.tuples(kinds, st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


GRADIENT = Image.fromarray(np.arange(108, dtype=np.uint8).reshape(6, 6, 3))
INPUTS = [
    encoded(GRADIENT, format="PNG"),
    encoded(GRADIENT.convert("P"), format="PNG", transparency=3),
    encoded(GRADIENT, format="BMP"),
    encoded(GRADIENT.convert("P"), format="GIF"),
    encoded(GRADIENT, format="JPEG"),
    encoded(GRADIENT, format="PPM"),
]


@pytest.fixture(scope="module")
def damaged_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged") / "pictures"
    save(folder / "0.png", np.full((4, 4, 3), 7, np.uint8))
    yield folder
    shutil.rmtree(folder)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(changes=edits, which=st.integers(0, len(INPUTS) - 1), repaired=st.booleans())
def test_damaged_images_are_listed_or_read(damaged_folder, rewrite, damaged, peak_of, changes, which, repaired):
    """Whatever a file holds, the good image beside it is read, and the other is an image or is listed."""
    for content in damaged(INPUTS[which], changes):
        rewrite(damaged_folder / "1.png", with_checksums(content) if repaired else content)
        found, errors = [], []

        def read(found=found, errors=errors):
            try:
                found.append(read_folder(damaged_folder, size=4, max_pixels=1 << 16))
            except FolderError as refusal:
                errors.append(refusal)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert peak_of(read) < 4 * MB
        for error in errors:
            assert list(error.unreadable) == ["1.png"]
            assert "\n" not in str(error)
        for dataset in found:
            assert dataset.images.shape == (2, 4, 4, 3)
            assert (dataset.images[0] == 7).all()


def with_checksums(data):
    """A PNG whose chunks have right checksums again, so that the damage gets past them."""
    out, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if length > len(data):
            break
        out += chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return bytes(out + data[place:])
