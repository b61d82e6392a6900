"""The named data sets: what ships is genuine, what does not is found or asked for, and pixels scale
exactly."""

import dataclasses
import gzip
import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minigan import data
from minigan.data import (
    Dataset,
    IdxError,
    fit,
    load,
    luma,
    names,
    scale,
    sources,
    stacked_mnist,
    to_uint8,
    write_idx,
)
from minigan.random import Generator
from minigan.tensor import Tensor


def md5_of_file(name):
    return hashlib.md5(gzip.decompress((sources._FILES / name).read_bytes())).hexdigest()


# --- what ships --------------------------------------------------------------------------------------------


def test_the_embedded_mnist_files_are_the_published_ones():
    assert md5_of_file("t10k-images-idx3-ubyte.gz") == "2646ac647ad5339dbf082846283269ea"
    assert md5_of_file("t10k-labels-idx1-ubyte.gz") == "27ae3e4e09519cfbb04c329615203637"


def test_mnist_10k_is_the_default():
    digits = load()
    assert digits.name == "mnist-10k"
    assert len(digits) == 10_000
    assert digits.classes == 10
    assert digits.images.shape == (10_000, 28, 28, 1)
    assert digits.images.dtype == np.uint8
    assert digits.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert "LeCun" in digits.source
    assert digits.licence == "CC BY-SA 3.0"


def test_digits_8x8_are_stretched_to_the_full_range():
    digits = load("digits-8x8")
    assert digits.images.shape == (1797, 8, 8, 1)
    assert digits.images.dtype == np.uint8
    assert digits.classes == 10
    assert digits.labels[:12].tolist() == [*range(10), 0, 1]
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    values = np.unique(digits.images)
    assert values.tolist() == [round(255 * k / 16 + 1e-9) for k in range(17)]
    first_row = digits.images[0, 0, :, 0].astype(float) * 16 / 255
    assert np.rint(first_row).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert "Alpaydin" in digits.source
    assert digits.licence == "CC BY 4.0"


def test_what_ships_is_attributed():
    text = (sources._FILES / "ATTRIBUTION.md").read_text()
    for file in sources._FILES.glob("*.gz"):
        assert file.name in text
    for credit in ("Yann LeCun", "Corinna Cortes", "ShareAlike 3.0", "Alpaydin", "Kaynak", "Attribution 4.0"):
        assert credit in text


# --- names, parts and folders ------------------------------------------------------------------------------

DOWNLOADED = ("mnist", "fashion-mnist", "kmnist")


def test_names():
    assert names() == ("mnist-10k", "digits-8x8", *DOWNLOADED, "cifar-10", "stacked-mnist", "stacked-mnist-10k")


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        ("minst", "mnist"),
        ("MNIST", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("digits", "digits-8x8"),
        ("cifar10", "cifar-10"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(typo, nearest):
    suggestion = re.escape(f"unknown data set '{typo}' (did you mean '{nearest}'?); known: mnist-10k, digits")
    with pytest.raises(ValueError, match=suggestion):
        load(typo)


def test_an_unknown_name_like_no_other_gets_the_list():
    with pytest.raises(ValueError, match=r"unknown data set 'zzz'; known: mnist-10k, .*kmnist"):
        load("zzz")


@pytest.mark.parametrize("name", ["zzz", "ring"])
def test_an_unknown_name_lists_the_points_and_how_to_get_them(name):
    with pytest.raises(ValueError, match=r"minigan train --data also takes points: ring, grid, .* mg\.data\.ring\(\)"):
        load(name)


def test_a_path_without_anything_is_no_file_or_folder(tmp_path):
    (tmp_path / "digits").mkdir()
    with pytest.raises(FileNotFoundError, match="no such file or folder; did you mean 'digits'"):
        load(tmp_path / "digit")
    with pytest.raises(FileNotFoundError, match="no such IDX file"):
        load(tmp_path / "x-images-idx3-ubyte")
    with pytest.raises(FileNotFoundError, match="no such NumPy file"):
        load(tmp_path / "x.npy")


def images_and_labels(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), rng.integers(0, 10, count).astype(np.uint8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", DOWNLOADED)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_downloaded_sets_are_found_in_the_data_folder(home, name, ending):
    (home / name).mkdir()
    parts = {"train": ("train", images_and_labels(6, 1)), "test": ("t10k", images_and_labels(4, 2))}
    for prefix, (images, labels) in parts.values():
        write_idx(home / name / f"{prefix}-images-idx3-ubyte{ending}", images)
        write_idx(home / name / f"{prefix}-labels-idx1-ubyte{ending}", labels)
    for part, (_, (images, labels)) in parts.items():
        found = load(name, part=part)
        assert np.array_equal(found.images[..., 0], images)
        assert np.array_equal(found.labels, labels)
        assert found.name == name
        assert found.labels.dtype == np.int64
        assert found.source
        assert found.licence
    assert np.array_equal(load(name).images[..., 0], parts["train"][1][0])


def test_missing_data_says_where_it_looked_and_what_to_put_there(home, monkeypatch):
    wanted = "train-images-idx3-ubyte or train-images-idx3-ubyte.gz"
    with pytest.raises(FileNotFoundError, match=wanted) as caught:
        load("mnist")
    assert str(home / "mnist") in str(caught.value)
    (home / "mnist").mkdir()
    write_idx(home / "mnist" / "t10k-images-idx3-ubyte", images_and_labels(2)[0])
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte or"):
        load("mnist", part="test")
    monkeypatch.delenv("MINIGAN_DATA")
    monkeypatch.setattr("minigan.files.sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    cached = home / "cache" / "minigan" / "data" / "kmnist"
    advice = rf'run "minigan download kmnist" \(21.2 MB\).*put train-images.*gz into {cached}; .*https://'
    with pytest.raises(FileNotFoundError, match=f"{cached} has no {wanted}: {advice}"):
        load("kmnist")


def test_images_and_labels_of_different_length_are_refused(home):
    (home / "mnist").mkdir()
    write_idx(home / "mnist" / "train-images-idx3-ubyte", images_and_labels(3)[0])
    write_idx(home / "mnist" / "train-labels-idx1-ubyte", images_and_labels(4)[1])
    with pytest.raises(ValueError, match=r"mnist: labels must be int64 \(3,\), got int64 \(4,\)"):
        load("mnist")


@pytest.mark.parametrize(("name", "part"), [("mnist", "valid"), ("mnist-10k", "test"), ("digits-8x8", "test")])
def test_unknown_parts(home, name, part):
    with pytest.raises(ValueError, match=f"{name} has no part '{part}'; it has: train"):
        load(name, part=part)


@pytest.mark.parametrize(
    ("part", "count", "first", "image_md5"),
    [
        ("train", 60_000, [5, 0, 4, 1, 9], "6bbc9ace898e44ae57da46a324031adb"),
        ("test", 10_000, [7, 2, 1, 0, 4], "2646ac647ad5339dbf082846283269ea"),
    ],
)
def test_the_genuine_mnist(part, count, first, image_md5):
    try:
        digits = load("mnist", part=part)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    assert digits.images.shape == (count, 28, 28, 1)
    assert digits.labels[:5].tolist() == first
    file = bytes([0, 0, 8, 3]) + np.array([count, 28, 28], ">u4").tobytes() + digits.images.tobytes()
    assert hashlib.md5(file).hexdigest() == image_md5


# --- paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_name", "label_name"),
    [
        ("my-images-idx3-ubyte", "my-labels-idx1-ubyte"),
        ("my-images-idx3-ubyte", "my-labels-idx1-ubyte.gz"),
        ("my-images-idx3-ubyte.gz", "my-labels-idx1-ubyte"),
        ("my-images-idx3-ubyte.gz", "my-labels-idx1-ubyte.gz"),
        ("my-images.idx3-ubyte", "my-labels.idx1-ubyte"),
        ("images", "labels"),
    ],
)
def test_labels_are_found_beside_images(tmp_path, image_name, label_name):
    images, labels = images_and_labels(5)
    write_idx(tmp_path / image_name, images)
    assert load(tmp_path / image_name).labels is None
    write_idx(tmp_path / label_name, labels.astype(np.int32))
    for path in (tmp_path / image_name, str(tmp_path / image_name)):
        found = load(path)
        assert np.array_equal(found.images[..., 0], images)
        assert np.array_equal(found.labels, labels)
        assert found.labels.dtype == np.int64
        assert found.name == image_name


def test_a_file_that_is_not_called_images_has_no_labels(tmp_path, monkeypatch):
    images, labels = images_and_labels(5)
    write_idx(tmp_path / "digits", images)
    write_idx(tmp_path / "labels", labels)
    assert load(tmp_path / "digits").labels is None
    assert load(tmp_path / "digits").classes == 0
    monkeypatch.chdir(tmp_path)
    assert len(load("digits")) == 5  # a bare name that exists


def test_colour_images_keep_their_channels(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    write_idx(tmp_path / "c-images-idx4-ubyte", colours)
    write_idx(tmp_path / "c-labels-idx1-ubyte", np.arange(3, dtype=np.uint8))
    found = load(tmp_path / "c-images-idx4-ubyte")
    assert np.array_equal(found.images, colours)
    assert found.classes == 3


@pytest.mark.parametrize("array", [np.zeros(5, np.uint8), np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.float32)])
def test_files_without_images_are_refused(tmp_path, array):
    write_idx(tmp_path / "file", array)
    with pytest.raises(ValueError, match="images must be uint8"):
        load(tmp_path / "file")


@pytest.mark.parametrize("labels", [np.zeros((5, 1), np.uint8), np.zeros(5, np.float32)])
def test_files_without_labels_are_refused(tmp_path, labels):
    write_idx(tmp_path / "images", images_and_labels(5)[0])
    write_idx(tmp_path / "labels", labels)
    with pytest.raises(ValueError, match="labels: expected integer labels"):
        load(tmp_path / "images")


def test_bad_paths(tmp_path):
    (tmp_path / "broken").write_bytes(b"<html>")
    with pytest.raises(IdxError, match="web page"):
        load(tmp_path / "broken")
    for missing in (tmp_path / "none", str(tmp_path / "none"), "none-idx3-ubyte"):
        with pytest.raises(FileNotFoundError):
            load(missing)
    with pytest.raises(IsADirectoryError):
        load(str(tmp_path))
    with pytest.raises(ValueError, match="has no part 'test'"):
        load(tmp_path / "broken", part="test")


# --- what load adds to its sources -------------------------------------------------------------------------


def test_every_name_is_loaded_or_asked_for(home):
    for name in names():
        options = {"count": 5} if "stacked" in name else {}
        if name in ("mnist-10k", "digits-8x8", "stacked-mnist-10k"):
            assert load(name, **options).name == name
        else:
            with pytest.raises(FileNotFoundError, match=name.removeprefix("stacked-")):
                load(name, **options)


def test_stacked_mnist_is_drawn_from_the_digits_it_is_named_after(home):
    small = load("stacked-mnist-10k", count=7, size=16)
    assert small.images.shape == (7, 16, 16, 3)
    assert small.classes <= len(small.class_names) == 1000
    assert small.licence == load("mnist-10k").licence
    assert np.array_equal(small.images, stacked_mnist(load("mnist-10k"), 7, Generator(0), 16).images)
    assert not np.array_equal(small.labels, load("stacked-mnist-10k", count=7, seed=1).labels)
    with pytest.raises(FileNotFoundError, match="mnist"):
        load("stacked-mnist")
    (home / "mnist").mkdir()
    for prefix, value in (("train", 9), ("t10k", 200)):
        write_idx(home / "mnist" / f"{prefix}-images-idx3-ubyte", np.full((3, 28, 28), value, np.uint8))
        write_idx(home / "mnist" / f"{prefix}-labels-idx1-ubyte", np.full(3, value % 10, np.uint8))
    train, test = load("stacked-mnist", count=4), load("stacked-mnist", "test", count=2, size=32)
    assert (train.images == 9).all()
    assert train.labels.tolist() == [999] * 4
    assert test.images.shape == (2, 32, 32, 3)
    assert test.images[:, 2:30, 2:30].min() == test.images.max() == 200
    with pytest.raises(ValueError, match="mnist-10k has no part 'test'"):
        load("stacked-mnist-10k", part="test")


def test_size_and_channels_go_with_every_source(tmp_path):
    digits = load("digits-8x8")
    small = load("digits-8x8", size=(4, 2), channels=3)
    assert small.images.shape == (1797, 4, 2, 3)
    assert np.array_equal(small.images[..., :1], fit(digits.images, (4, 2)))
    assert np.array_equal(small.images[..., 0], small.images[..., 2])
    assert np.array_equal(small.labels, digits.labels)
    colours = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    write_idx(tmp_path / "c-idx4", colours)
    np.save(tmp_path / "c.npy", colours)
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(colours):
        Image.fromarray(image).save(tmp_path / "folder" / f"{number}.png")
    for source in ("c-idx4", "c.npy", "folder"):
        for path in (tmp_path / source, str(tmp_path / source)):
            assert np.array_equal(load(path).images, colours)
        assert np.array_equal(load(path, size=4).images, fit(colours, 4))
        assert np.array_equal(load(path, channels=1).images, luma(colours))
        assert np.array_equal(load(path, channels=3, size=None).images, colours)
        with pytest.raises(ValueError, match=r"channels must be 1 .gray. or 3 .RGB., got 2"):
            load(path, channels=2)
        with pytest.raises(ValueError, match=f"{source} has no part 'test'; it has: train"):
            load(path, part="test")
    np.save(tmp_path / "c.npy", np.zeros((2, 4, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="images with 4 channels cannot be given 3"):
        load(tmp_path / "c.npy", channels=3)


def test_options_that_do_not_apply_are_refused_with_those_that_do(tmp_path):
    write_idx(tmp_path / "i-idx3", images_and_labels(2)[0])
    np.save(tmp_path / "i.npy", images_and_labels(2)[0])
    with pytest.raises(TypeError, match="'count' does not apply to mnist-10k; what does: channels, size"):
        load("mnist-10k", count=3)
    with pytest.raises(TypeError, match=r"'sise' does not apply to mnist-10k \(did you mean 'size'\?\)"):
        load("mnist-10k", sise=3)
    with pytest.raises(TypeError, match=r"'key' does not apply to .*i-idx3; what does: channels, size"):
        load(tmp_path / "i-idx3", key="x")
    with pytest.raises(
        TypeError, match=r"'skip_unreadable' does not apply to .*i.npy; .*: channels, key, size, value_range"
    ):
        load(tmp_path / "i.npy", skip_unreadable=True)
    with pytest.raises(TypeError, match="what does: channels, max_pixels, size, skip_unreadable"):
        load(tmp_path, key="x")
    with pytest.raises(TypeError, match="what does: channels, count, seed, size"):
        load("stacked-mnist-10k", key="x")


def test_an_unknown_name_says_what_paths_can_be():
    with pytest.raises(ValueError, match=r"or the path of a folder of images or an IDX, .npy or .npz file$"):
        load("zzz")


# --- the type and the pixels -------------------------------------------------------------------------------


def test_a_dataset_is_frozen_and_checked():
    images, labels = np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 6])
    good = Dataset(images, labels, "toy", "here", "MIT")
    assert good.classes == 7
    assert len(good) == 2
    assert Dataset(images[:0], labels[:0], "toy", "here", "MIT").classes == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.images = images
    for bad in [
        {"images": images[..., 0]},
        {"images": images / 1},
        {"labels": labels[:1]},
        {"labels": labels / 1},
    ]:
        with pytest.raises(ValueError, match=r"toy: (images|labels) must be"):
            dataclasses.replace(good, **bad)
    with pytest.raises(ValueError, match=r"must be uint8 .* minigan.data.to_uint8 converts floats"):
        dataclasses.replace(good, images=images / 1)


def test_a_dataset_shows_its_facts_and_not_its_pixels():
    digits = load("mnist-10k")
    first, second = repr(digits).split("\n")
    assert first == "Dataset 'mnist-10k': 10,000 images of 28 x 28 x 1, uint8 from 0 to 255, 10 classes"
    assert second.startswith("licence: CC BY-SA 3.0; source: Y. LeCun")
    empty = Dataset(np.zeros((0, 4, 4, 3), np.uint8), None, "<b>", "here & there", "MIT")
    assert repr(empty) == "Dataset '<b>': 0 images of 4 x 4 x 3, uint8, no labels\nlicence: MIT; source: here & there"
    lines = "0 images of 4 x 4 x 3, uint8, no labels<br>licence: MIT; source: here &amp; there"
    assert empty._repr_html_() == f"Dataset &#x27;&lt;b&gt;&#x27;: {lines}"


def test_scale_and_back_is_exact_for_every_pixel():
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    scaled = scale(pixels)
    assert scaled.dtype == np.float32
    assert scaled.shape == pixels.shape
    assert scaled.min() == -1
    assert scaled.max() == 1
    assert np.array_equal(scaled, pixels.astype(np.float32) / np.float32(127.5) - np.float32(1))
    for floats in (scaled, scaled.astype(np.float64)):
        assert to_uint8(floats).dtype == np.uint8
        assert np.array_equal(to_uint8(floats), pixels)


def test_to_uint8_rounds_to_the_nearest_and_clips():
    step = 1 / 127.5
    x = np.array([-np.inf, -5, -1, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.6 * step, 1 - 0.4 * step, 1, 9, np.inf])
    assert to_uint8(x).tolist() == [0, 0, 0, 0, 1, 254, 255, 255, 255, 255]


def test_pixels_may_come_in_a_tensor_or_a_list():
    pixels = np.array([[0, 255]], np.uint8)
    for given in (Tensor(pixels), pixels[0], pixels):
        assert scale(given).ravel().tolist() == [-1, 1]
        assert np.array_equal(to_uint8(Tensor(scale(given))), given.data if isinstance(given, Tensor) else given)
    assert to_uint8([-1.0, 1.0]).tolist() == [0, 255]


@pytest.mark.parametrize("function", [scale, to_uint8])
def test_a_dataset_is_not_an_array_of_pixels(function):
    with pytest.raises(TypeError, match=rf"{function.__name__}: expected an array of pixels, got a Dataset: .*images"):
        function(load("digits-8x8"))


def test_images_with_labels_are_not_an_array_of_pixels():
    batches = data.Loader((np.zeros((8, 2, 2, 1), np.uint8), np.arange(8)), 4, 0, transform=scale)
    with pytest.raises(ValueError, match=r"scale: .* got a tuple of .*transform=lambda batch: \(mg\.data\.scale"):
        batches.next_batch()


def test_pixels_of_the_wrong_kind_are_refused():
    with pytest.raises(TypeError, match="scaled before"):
        scale(np.zeros(3, np.float32))
    with pytest.raises(TypeError, match="expected floats"):
        to_uint8(np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="NaN"):
        to_uint8(np.array([0, np.nan], np.float32))


def test_a_listing_of_the_package_shows_its_public_names_only():
    assert dir(data) == sorted(data.__all__)
    assert all(hasattr(data, name) for name in data.__all__)


# --- imports -----------------------------------------------------------------------------------------------


def test_importing_the_data_package_needs_numpy_and_the_standard_library_only():
    program = """
import sys
before = set(sys.modules)
import minigan.data
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment())
    assert set(run.stdout.split()) <= {"numpy", "minigan"}


def environment():
    root = os.path.dirname(os.path.dirname(os.path.dirname(data.__file__)))
    return os.environ | {"PYTHONPATH": root}
